"""The surface around occupied voxels: closed, outward, of the right volume and area."""

import numpy as np
import pytest

from tests.fakes import box_grid, random_grids
from vae_gan3d.viewing.voxel_mesh import MOST_TRIANGLES, viewer_mesh, voxel_mesh


def volume_of(vertices, triangles):
    """By the divergence theorem: the signed volumes of the tetrahedra from the origin to each triangle."""
    first, second, third = (vertices[triangles[:, corner]].astype(float) for corner in range(3))
    return np.sum(first * np.cross(second, third)) / 6


def area_of(vertices, triangles):
    first, second, third = (vertices[triangles[:, corner]].astype(float) for corner in range(3))
    return np.linalg.norm(np.cross(second - first, third - first), axis=1).sum() / 2


def test_one_voxel_is_a_cube_of_volume_one():
    grid = np.zeros((4, 4, 4))
    grid[1, 2, 3] = 0.9
    vertices, triangles = voxel_mesh(grid)
    assert (vertices.shape, vertices.dtype) == ((8, 3), np.float32)
    assert (triangles.shape, triangles.dtype) == ((12, 3), np.int32)
    np.testing.assert_array_equal(vertices.min(axis=0), [1, 2, 3])
    np.testing.assert_array_equal(vertices.max(axis=0), [2, 3, 4])
    assert volume_of(vertices, triangles) == pytest.approx(1)  # -1 were the triangles turned inward
    assert area_of(vertices, triangles) == pytest.approx(6)


def test_two_voxels_side_by_side_hide_the_face_between_them():
    grid = np.zeros((3, 3, 3), bool)
    grid[0:2, 1, 1] = True
    vertices, triangles = voxel_mesh(grid)
    # A box of 2 x 1 x 1 voxels: 10 exposed squares, and 3 squares of corners along it.
    assert (len(vertices), len(triangles)) == (12, 20)
    assert volume_of(vertices, triangles) == pytest.approx(2)
    assert area_of(vertices, triangles) == pytest.approx(10)


def test_any_surface_is_closed_and_holds_as_much_as_there_are_voxels():
    grid = np.random.default_rng(0).random((6, 6, 6))
    vertices, triangles = voxel_mesh(grid, threshold=0.6)
    assert volume_of(vertices, triangles) == pytest.approx((grid > 0.6).sum())
    # Each edge is passed as often one way as the other.
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    there, counts = np.unique(edges, axis=0, return_counts=True)
    back, back_counts = np.unique(edges[:, ::-1], axis=0, return_counts=True)
    np.testing.assert_array_equal(there, back)
    np.testing.assert_array_equal(counts, back_counts)


def test_an_empty_grid_has_no_surface():
    vertices, triangles = voxel_mesh(np.zeros((2, 2, 2)))
    assert (vertices.shape, triangles.shape) == ((0, 3), (0, 3))


def test_a_grid_must_have_three_dimensions():
    with pytest.raises(ValueError, match="4 dimensions"):
        voxel_mesh(np.zeros((1, 2, 2, 2)))


def test_up_in_the_grid_is_up_in_the_viewer():
    grid = np.zeros((16, 16, 16))
    grid[5, 5, 2:12] = 1
    vertices, triangles = viewer_mesh(grid)
    # A column from height 2 to 12: the viewer's second axis. Its base is a unit square, turned, so 1 to √2 wide.
    assert (vertices[:, 1].min(), vertices[:, 1].max()) == (2, 12)
    assert np.ptp(vertices[:, 0]) == pytest.approx(np.sin(np.deg2rad(38)) + np.cos(np.deg2rad(38)), abs=1e-5)
    # Still outward: the tetrahedra from the origin to the triangles add up to its 10 voxels, not to -10.
    corners = vertices[triangles].astype(float)
    volume = np.sum(corners[:, 0] * np.cross(corners[:, 1], corners[:, 2])) / 6
    assert volume == pytest.approx(10, rel=1e-4)


@pytest.mark.parametrize("side", [16, 32, 64, 128])
def test_a_cube_has_its_size_at_every_resolution(side):
    vertices, _ = viewer_mesh(box_grid(side, side // 4, side // 2))
    assert np.ptp(vertices[:, 1]) == pytest.approx(side // 4)


def test_low_x_and_low_y_face_the_viewer():
    near = viewer_mesh(box_grid(16, 0, 2))[0].mean(axis=0)
    far = viewer_mesh(box_grid(16, 14, 16))[0].mean(axis=0)
    assert near[2] > far[2]


@pytest.mark.parametrize("side", [32, 64])
def test_a_ragged_grid_becomes_coarser(side):
    grid = random_grids(1, side, occupancy=0.5)[0]
    vertices, triangles = viewer_mesh(grid)
    assert len(vertices) < 2**16
    assert 0 < len(triangles) <= MOST_TRIANGLES


def test_an_empty_grid_has_no_mesh():
    assert [len(part) for part in viewer_mesh(np.zeros((16, 16, 16)))] == [0, 0]
