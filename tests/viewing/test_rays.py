"""The order of voxels along the camera's rays."""

import numpy as np
import pytest

from vae_gan3d.viewing.rays import FORWARD, HALF_PICTURE, RIGHT, UP, Camera, ray_origins, ray_table


def test_camera_axes_are_orthonormal_and_look_down_from_low_x_and_low_y():
    axes = np.stack([FORWARD, RIGHT, UP])
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert FORWARD[0] > 0
    assert FORWARD[1] > 0
    assert FORWARD[2] < 0
    assert UP[2] > 0


def test_origins_surround_the_middle_of_the_grid():
    origins = ray_origins(10, 8)
    np.testing.assert_allclose(origins.mean(axis=(0, 1)), [4, 4, 4])
    assert (np.diff(origins @ UP, axis=0) < 0).all()
    assert (np.diff(origins @ RIGHT, axis=1) > 0).all()


def test_each_ray_walks_through_neighbouring_voxels_away_from_the_camera():
    side = 8
    table = ray_table(side, 40)
    assert (np.diff(table.rays) >= 0).all()
    cells = np.stack(np.unravel_index(table.voxels, (side,) * 3), axis=1)
    same = np.diff(table.rays) == 0
    steps = np.diff(cells, axis=0)[same]
    # One voxel at a time: +1 on x, +1 on y or -1 on z, through the face of that axis.
    entered = table.faces[1:][same]
    expected = np.array([[1, 0, 0], [0, 1, 0], [0, 0, -1]])[entered]
    np.testing.assert_array_equal(steps, expected)


def test_every_voxel_is_passed():
    assert len(np.unique(ray_table(8, 40).voxels)) == 8**3


def test_tables_are_kept():
    assert ray_table(4, 16) is ray_table(4, 16)


@pytest.mark.parametrize("azimuth", [5.0, 45.0, 85.0])
def test_from_any_azimuth_rays_walk_likewise_and_the_grid_is_in_the_picture(azimuth):
    side, camera = 8, Camera(azimuth)
    table = ray_table(side, 40, camera)
    assert len(np.unique(table.voxels)) == side**3
    cells = np.stack(np.unravel_index(table.voxels, (side,) * 3), axis=1)
    same = np.diff(table.rays) == 0
    expected = np.array([[1, 0, 0], [0, 1, 0], [0, 0, -1]])[table.faces[1:][same]]
    np.testing.assert_array_equal(np.diff(cells, axis=0)[same], expected)
    corners = np.stack(np.meshgrid(*[[-0.5, 0.5]] * 3), axis=-1).reshape(-1, 3)
    assert np.abs(corners @ camera.right).max() <= HALF_PICTURE
    assert np.abs(corners @ camera.up).max() <= HALF_PICTURE


@pytest.mark.parametrize("azimuth", [0, 90, -10, 200, float("nan")])
def test_a_camera_along_an_axis_or_beyond_is_refused(azimuth):
    with pytest.raises(ValueError, match="give one between 0 and 90"):
        Camera(azimuth)
