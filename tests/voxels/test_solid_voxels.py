"""Solids against bodies of known middles, and the round trip between meshes and voxels."""

import itertools

import numpy as np
import pytest

from tests.fakes import random_grids
from tests.mesh_insides import middles_within
from tests.solid_shapes import box_mesh, join_meshes
from vae_gan3d.voxels.demo_shapes import DEMO_CLASSES, demo_shape
from vae_gan3d.voxels.mesh_files import MESH_EXTENSIONS, placed_mesh, write_mesh
from vae_gan3d.voxels.open_shells import fill_hollows
from vae_gan3d.voxels.read_options import ReadOptions
from vae_gan3d.voxels.readers import read_grid
from vae_gan3d.voxels.solid_voxels import solid_voxels
from vae_gan3d.voxels.surface import surface_mesh
from vae_gan3d.voxels.touched_voxels import snap, touched_voxels
from vae_gan3d.voxels.voxelize import voxelize

_ANGLES = np.array([[0.8, -0.36, 0.48], [0.6, 0.48, -0.64], [0, 0.8, 0.6]])


def taken(mesh, side=16):
    corners, faces = mesh
    triangles = snap(corners[faces].astype(np.float64))
    return solid_voxels(triangles, *touched_voxels(triangles, side), side)


def turned(mesh, middle=(8.1, 7.9, 8.2)):
    """The mesh, turned out of the grid's axes, around a place."""
    corners, faces = mesh
    return (corners - corners.mean(axis=0)) @ _ANGLES + middle, faces


def thick_bodies():
    """Closed bodies that are several voxels thick: one, two that overlap, and three that share faces."""
    overlapping = join_meshes(box_mesh(high=(6, 6, 6)), box_mesh((3, 3.5, 4), (9, 9, 8)))
    sharing = join_meshes(*(box_mesh((low, 0, 0), (low + 3, 5, 4)) for low in (0, 3, 6)))
    return [turned(mesh) for mesh in (box_mesh(high=(8, 7, 5)), overlapping, sharing)]


@pytest.mark.parametrize("mesh", thick_bodies(), ids=["one", "overlapping", "sharing"])
def test_a_solid_takes_the_voxels_whose_middles_lie_in_a_body(mesh):
    corners, faces = mesh
    grid, within = taken(mesh), middles_within(corners[faces], 16)
    assert not (within & ~grid).any()
    # Edges that reach out between middles take some voxels more.
    assert (grid & ~within).sum() <= 0.1 * within.sum()
    # Whatever way triangles look, and written once or twice, for either side.
    flipped = np.where(np.arange(len(faces))[:, np.newaxis] % 3 == 0, faces[:, ::-1], faces)
    for other in (flipped, np.concatenate([faces, faces[:, ::-1]])):
        np.testing.assert_array_equal(taken((corners, other)), grid)


def test_a_face_between_two_layers_belongs_to_neither_whatever_way_it_looks():
    corners, faces = box_mesh((2, 3, 4), (7, 9, 12))
    expected = np.zeros((16, 16, 16), bool)
    expected[2:7, 3:9, 4:12] = True
    for sides in (faces, faces[:, ::-1]):
        np.testing.assert_array_equal(taken((corners, sides)), expected)


@pytest.mark.parametrize("without", [(10, 11), (10,), (3,)])
def test_a_box_with_a_hole_is_the_box(without):
    ends = (2.3, 2.4, 2.7), (9.1, 9.4, 8.6)
    np.testing.assert_array_equal(taken(box_mesh(*ends, without)), taken(box_mesh(*ends)))


def test_a_tube_without_ends_that_is_thinner_than_two_voxels_is_not_hollow():
    ends = (5.2, 5.3, 2), (6.9, 6.7, 12)
    np.testing.assert_array_equal(taken(box_mesh(*ends, (8, 9, 10, 11))), taken(box_mesh(*ends)))


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_a_torn_body_has_no_hollows_and_keeps_its_volume(share):
    grid = fill_hollows(demo_shape("lamp", 1, 32) == 1)
    corners, faces = surface_mesh(grid)
    torn = faces[np.random.default_rng(0).random(len(faces)) > share]
    read = taken((corners, torn), 32)
    np.testing.assert_array_equal(fill_hollows(read), read)
    assert overlap(read, grid) > 1 - share / 2


def overlap(first, second):
    return (first & second).sum() / (first | second).sum()


@pytest.mark.parametrize("name", DEMO_CLASSES)
def test_the_surface_of_a_grid_gives_the_grid(name):
    pytest.importorskip("skimage")
    grid = fill_hollows(demo_shape(name, 0, 32) == 1)
    read = taken(surface_mesh(grid), 32)
    assert not (grid & ~read).any()
    assert (read & ~grid).sum() <= 2  # where voxels meet at a corner alone


def test_voxels_that_meet_at_corners_stay_and_may_be_joined():
    pytest.importorskip("skimage")
    grid = np.pad(random_grids(1, 14, occupancy=0.1)[0] == 1, 1)
    beyond = taken(surface_mesh(grid)) & ~grid
    assert not (grid & ~taken(surface_mesh(grid))).any()
    corners = [np.roll(grid, way, (0, 1, 2)) for way in itertools.product((-1, 1), repeat=3)]
    sides = [np.roll(grid, way, axis) for axis in range(3) for way in (-1, 1)]
    assert not (beyond & ~(np.any(corners, axis=0) | np.any(sides, axis=0))).any()


def test_a_sheet_of_one_voxel_in_an_odd_box_stays():
    # 15 voxels high: in the exact middle of 32, the sheet's faces would lie on the voxels' middles.
    pytest.importorskip("skimage")
    grid = np.zeros((32, 32, 32), np.uint8)
    grid[1:31, 1:31, 8] = 1
    grid[15:17, 15:17, 1:16] = 1
    vertices, triangles = surface_mesh(grid, smoothing=0)
    for height in (0.999, 1, 1.001):
        again = voxelize(vertices * [1, 1, height], triangles, 32)
        assert again.sum() == grid.sum()


@pytest.mark.parametrize("name", DEMO_CLASSES)
@pytest.mark.parametrize(("resolution", "shapes"), [(32, 4), (64, 1)])
def test_mesh_to_voxels_to_mesh_to_voxels_agrees(name, resolution, shapes):
    pytest.importorskip("skimage")
    for index in range(shapes):
        voxels = voxelize(*surface_mesh(demo_shape(name, index, resolution)), resolution)
        again = voxelize(*surface_mesh(voxels), resolution)
        assert overlap(voxels, again) >= 0.98


@pytest.mark.parametrize("extension", MESH_EXTENSIONS)
def test_the_round_trip_by_way_of_a_file(tmp_path, extension):
    pytest.importorskip("skimage")
    pytest.importorskip("trimesh")
    path = tmp_path / f"lamp{extension}"
    voxels = voxelize(*surface_mesh(demo_shape("lamp", 3, 32)), 32)
    vertices, triangles = surface_mesh(voxels)
    write_mesh(placed_mesh(vertices, 100), triangles, path)
    assert overlap(voxels, read_grid(path, options=ReadOptions(32))) >= 0.98
