"""Voxels by their middles, against shapes by hand, and the round trip between meshes and voxels."""

import numpy as np
import pytest

from tests.fakes import box_grid
from tests.solid_shapes import box_mesh, join_meshes
from vae_gan3d.errors import UserError
from vae_gan3d.viewing.voxel_mesh import voxel_mesh
from vae_gan3d.voxels import inside_voxels as module
from vae_gan3d.voxels.demo_shapes import DEMO_CLASSES, demo_shape
from vae_gan3d.voxels.inside_voxels import inside_voxels
from vae_gan3d.voxels.mesh_files import MESH_EXTENSIONS, placed_mesh, write_mesh
from vae_gan3d.voxels.read_options import ReadOptions
from vae_gan3d.voxels.readers import read_grid
from vae_gan3d.voxels.surface import surface_mesh
from vae_gan3d.voxels.voxelize import voxelize


def corners_of(mesh):
    vertices, triangles = mesh
    return vertices[triangles].astype(np.float64)


def test_a_box_holds_the_middles_between_its_sides():
    # From 1.4 to 4.6: the middles 1.5, 2.5, 3.5 and 4.5; from 1.6 on without the first.
    grid = inside_voxels(corners_of(box_mesh((1.4, 1.6, 1.4), (4.6, 4.6, 4.4))), 8)
    expected = np.zeros((8, 8, 8), bool)
    expected[1:5, 2:5, 1:4] = True
    np.testing.assert_array_equal(grid, expected)


def test_the_surface_of_a_grid_gives_the_grid(monkeypatch):
    grid = demo_shape("chair", 0, 32)
    corners = corners_of(voxel_mesh(grid))
    np.testing.assert_array_equal(inside_voxels(corners, 32), grid)
    monkeypatch.setattr(module, "_PAIRS_AT_ONCE", 100)
    np.testing.assert_array_equal(inside_voxels(corners, 32), grid)


def test_a_cavity_is_outside():
    outer, (vertices, triangles) = box_mesh((1, 1, 1), (7, 7, 7)), box_mesh((3, 3, 3), (5, 5, 5))
    grid = inside_voxels(corners_of(join_meshes(outer, (vertices, triangles[:, ::-1]))), 8)
    np.testing.assert_array_equal(grid, box_grid(8, 1, 7) - box_grid(8, 3, 5))


def test_a_sheet_of_one_voxel_in_an_odd_box_stays():
    # 15 voxels high: in the exact middle of 32, the sheet's faces would lie on the voxels' middles.
    grid = np.zeros((32, 32, 32), np.uint8)
    grid[1:31, 1:31, 8] = 1
    grid[15:17, 15:17, 1:16] = 1
    vertices, triangles = voxel_mesh(grid)
    for height in (0.999, 1, 1.001):
        again = voxelize(vertices * [1, 1, height], triangles, 32, "inside")
        assert again.sum() == grid.sum()


def test_no_triangle_holds_nothing():
    assert not inside_voxels(np.empty((0, 3, 3)), 8).any()


def test_a_sheet_thinner_than_a_voxel_is_refused():
    with pytest.raises(UserError, match="holds no voxel's middle"):
        voxelize(*box_mesh((0, 0, 0), (1, 1, 1e-3)), 16, "inside")


def overlap(first, second):
    return (first & second).sum() / (first | second).sum()


@pytest.mark.parametrize("name", DEMO_CLASSES)
def test_mesh_to_voxels_to_mesh_to_voxels_agrees(name):
    pytest.importorskip("skimage")
    for index in range(8):
        voxels = voxelize(*surface_mesh(demo_shape(name, index, 64)), 64, "inside")
        again = voxelize(*surface_mesh(voxels), 64, "inside")
        assert overlap(voxels, again) >= 0.95


@pytest.mark.parametrize("extension", MESH_EXTENSIONS)
def test_the_round_trip_by_way_of_a_file(tmp_path, extension):
    pytest.importorskip("skimage")
    pytest.importorskip("trimesh")
    path = tmp_path / f"lamp{extension}"
    voxels = voxelize(*surface_mesh(demo_shape("lamp", 3, 32)), 32, "inside")
    vertices, triangles = surface_mesh(voxels)
    write_mesh(placed_mesh(vertices, 100), triangles, path)
    assert overlap(voxels, read_grid(path, options=ReadOptions(32, "inside"))) >= 0.95
