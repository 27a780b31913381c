"""The surface around occupied voxels: closed, outward, of the right volume and area."""

import numpy as np
import pytest

from vae_gan3d.viewing.voxel_mesh import voxel_mesh


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
