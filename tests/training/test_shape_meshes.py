"""Meshes for TensorBoard's viewer: upright, of the size of the grid, and never too large."""

import numpy as np
import pytest

from tests.fakes import box_grid, random_grids
from vae_gan3d.training.shape_meshes import MOST_TRIANGLES, viewer_mesh


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
