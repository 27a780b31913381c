"""The order of voxels along the camera's rays."""

import numpy as np
import pytest

from vae_gan3d.viewing.render import FORWARD, HALF_PICTURE, RIGHT, UP, Camera, ray_origins, ray_table, render_voxels


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
    with pytest.raises(ValueError, match="between 0 and 90"):
        Camera(azimuth)


def _colored(picture, color):
    """Pixels whose hue is that of a pure color (0 red, 1 green, 2 blue): shape, neither white nor grey shadow."""
    others = [channel for channel in range(3) if channel != color]
    return picture[..., color].astype(int) - picture[..., others].max(axis=-1).astype(int) > 40


def _pixel(point, side, size):
    """Row and column of a point x, y, z in voxels."""
    offset = (np.array(point) - side / 2) / (HALF_PICTURE * side)
    return int((1 - offset @ UP) / 2 * size), int((1 + offset @ RIGHT) / 2 * size)


def test_silhouette_of_a_full_grid_has_the_area_of_the_projected_cube():
    # A unit cube seen along d covers |dx| + |dy| + |dz|; the picture is 2 * HALF_PICTURE wide.
    size = 100
    expected = np.abs(FORWARD).sum() / (2 * HALF_PICTURE) ** 2 * size**2
    drawn = _colored(render_voxels(np.ones((4, 4, 4)), size=size, color="blue"), 2).sum()
    assert abs(drawn - expected) < 0.03 * expected


def test_one_voxel_in_64_has_a_64th_of_the_side():
    grid = np.zeros((8, 8, 8), np.uint8)
    grid[2:6, 2:6, 2:6] = 1
    size = 100
    expected = np.abs(FORWARD).sum() / (2 * HALF_PICTURE) ** 2 * size**2 / 4
    assert abs(_colored(render_voxels(grid, size=size, color="blue"), 2).sum() - expected) < 0.06 * expected


def test_top_is_brightest_and_the_side_darkest():
    picture = render_voxels(np.ones((8, 8, 8)), size=120).astype(int)
    front = picture[_pixel((0, 4, 4), 8, 120)].sum()
    side = picture[_pixel((4, 0, 4), 8, 120)].sum()
    top = picture[_pixel((4, 4, 8), 8, 120)].sum()
    assert top > front + 60
    assert front > side + 60


def test_a_voxel_behind_a_wall_is_not_drawn():
    wall = np.zeros((16, 16, 16), np.uint8)
    wall[:2] = 1
    both = wall.copy()
    both[12, 8, 8] = 1
    # The ray through the far voxel crosses the wall, 12 voxels away: even soft shading does not reach it.
    rows, columns = _pixel((12.0, 8.5, 8.5), 16, 96)
    np.testing.assert_array_equal(
        render_voxels(both, size=96)[rows, columns], render_voxels(wall, size=96)[rows, columns]
    )
    alone = both - wall
    assert (render_voxels(alone, size=96)[rows, columns] < 250).any()


def test_up_is_up():
    grid = np.zeros((8, 8, 8), np.uint8)
    grid[3:5, 3:5, 6:] = 1
    assert np.flatnonzero(_colored(render_voxels(grid, size=80, color="red"), 0).any(axis=1)).max() < 40


def test_corner_between_two_walls_is_darker_than_open_floor():
    grid = np.zeros((32, 32, 32), np.uint8)
    grid[:, :, :2] = 1
    grid[28:, :, :] = 1
    picture = render_voxels(grid, size=200).astype(int)
    assert picture[_pixel((26.5, 16, 2), 32, 200)].sum() < picture[_pixel((12, 16, 2), 32, 200)].sum() - 30


@pytest.mark.parametrize("kind", [bool, np.uint8, np.float32])
def test_empty_grid_is_white(kind):
    assert (render_voxels(np.zeros((5, 5, 5), kind), size=20) == 255).all()


def test_threshold_decides_what_is_occupied():
    grid = np.zeros((6, 6, 6), np.float32)
    grid[1:3, 1:3, 1:3] = 0.4
    grid[4, 4, 4] = np.nan
    assert (render_voxels(grid, size=32) == 255).all()
    picture = render_voxels(grid, threshold=0.3, size=32)
    np.testing.assert_array_equal(picture, render_voxels(np.nan_to_num(grid) > 0.3, size=32))
    assert (picture < 255).any()


def test_picture_is_repeatable_and_sized():
    grid = np.eye(5)[:, :, None] * np.ones(5)
    first = render_voxels(grid, size=50)
    assert first.shape == (50, 50, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, render_voxels(grid, size=50))


@pytest.mark.parametrize(
    ("voxels", "options", "words"),
    [
        (np.zeros((4, 4)), {}, r"shape \(4, 4\)"),
        (np.zeros((4, 4, 5)), {}, r"shape \(4, 4, 5\)"),
        (np.zeros((0, 0, 0)), {}, r"shape \(0, 0, 0\)"),
        (np.full((4, 4, 4), "x"), {}, "type <U1"),
        (np.zeros((4, 4, 4)), {"size": 8}, "size=8"),
        (np.zeros((4, 4, 4)), {"size": 20.5}, "size=20.5"),
        (np.zeros((4, 4, 4)), {"color": "no such"}, "'no such'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(voxels, options, words):
    with pytest.raises(ValueError, match=words):
        render_voxels(voxels, **options)


def test_the_light_turns_with_the_camera():
    # Seen from 52 degrees, the faces to low x and to low y have changed places (38 + 52 = 90): so has their light.
    grid = np.ones((8, 8, 8))
    usual, mirrored = render_voxels(grid, size=80), render_voxels(grid, size=80, camera=Camera(52))
    front, side = (usual[_pixel(place, 8, 80)].astype(int).sum() for place in ((0, 4, 4), (4, 0, 4)))
    columns = np.flatnonzero(_colored(mirrored, 2)[45])
    left, right = (mirrored[45, column].astype(int).sum() for column in (columns[3], columns[-4]))
    assert front > side + 60
    assert left > right + 60
