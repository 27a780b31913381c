"""Meshes of known volume become grids of exactly N³ voxels, solid whether they are closed or not."""

import numpy as np
import pytest

from tests.solid_shapes import box_mesh, join_meshes
from vae_gan3d.errors import UserError
from vae_gan3d.voxels.voxelize import voxelize


def sphere_mesh(rings=24, sectors=48, top=0):
    """A sphere of radius 1 around the origin, without its first `top` rings."""
    angles = np.linspace(0, np.pi, rings + 1)[top:, np.newaxis]
    turns = np.linspace(0, 2 * np.pi, sectors, endpoint=False)
    corners = [
        np.sin(angles) * np.cos(turns),
        np.sin(angles) * np.sin(turns),
        np.broadcast_to(np.cos(angles), (len(angles), sectors)),
    ]
    numbers = np.arange(len(angles) * sectors).reshape(-1, sectors)
    a, b = numbers[:-1], np.roll(numbers[:-1], -1, axis=1)
    c, d = numbers[1:], np.roll(numbers[1:], -1, axis=1)
    faces = np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])
    return np.stack(corners, -1).reshape(-1, 3), faces


def margin_is_empty(grid):
    inside = grid[1:-1, 1:-1, 1:-1]
    return inside.sum() == grid.sum() and all(
        inside.any(axis=tuple({0, 1, 2} - {axis}))[[0, -1]].any() for axis in range(3)
    )


@pytest.mark.parametrize("resolution", [16, 32, 64, 128])
def test_a_cube_fills_the_grid_but_for_a_margin_of_one_voxel(resolution):
    corners, faces = box_mesh((-3, 5, 100), (-1, 7, 102))
    grid = voxelize(corners, faces, resolution)
    assert (grid.shape, grid.dtype) == ((resolution,) * 3, np.uint8)
    assert grid[1:-1, 1:-1, 1:-1].all()
    assert grid.sum() == (resolution - 2) ** 3
    # Of the surface alone: the cube without the cube that is two voxels smaller.
    assert voxelize(corners, faces, resolution, "surface").sum() == (resolution - 2) ** 3 - (resolution - 4) ** 3


def test_a_larger_margin_leaves_as_much_empty_at_both_ends():
    grid = voxelize(*box_mesh((0, 0, 0), (2, 2, 1)), 32, margin=4)
    # The longest sides take 32 - 2 * 4 = 24 voxels, the height half of that.
    assert grid.sum() == 24 * 24 * 12
    assert grid[4:28, 4:28, 10:22].all()
    with pytest.raises(ValueError, match="margin 9 is out of range at 32 voxels a side: give 1 to 8"):
        voxelize(*box_mesh((0, 0, 0), (2, 2, 1)), 32, margin=9)


@pytest.mark.parametrize("resolution", [32, 64])
def test_a_sphere_has_its_volume(resolution):
    grid = voxelize(*sphere_mesh(48, 96), resolution)
    r = resolution / 2 - 1
    assert grid.sum() == pytest.approx(4 / 3 * np.pi * r**3, rel=0.02)
    distance = np.linalg.norm(np.indices(grid.shape) + 0.5 - resolution / 2, axis=0)
    assert grid[distance < r - 0.1].all()
    assert not grid[distance > r + 0.5].any()
    assert margin_is_empty(grid)


@pytest.mark.parametrize("resolution", [32, 64])
def test_the_surface_of_a_sphere_takes_every_voxel_that_it_touches(resolution):
    shell = voxelize(*sphere_mesh(), resolution, "surface")
    r = resolution / 2 - 1
    # A voxel is touched where its middle lies within the sum of the ball and a unit cube, and not where a unit cube
    # around it lies within the ball: by Steiner's formula the first has 1 + 6 r + 3 pi r^2 + 4/3 pi r^3, the second
    # about 3 pi r^2 less than the ball.
    assert shell.sum() == pytest.approx(6 * np.pi * r**2, rel=0.05)


def test_the_longest_side_fills_the_grid_and_the_others_lie_in_the_middle():
    grid = voxelize(*box_mesh(high=(14, 4, 2)), 16)
    # 14 voxels take 14 units: voxels 1 to 14, 6 to 9 and 7 to 8.
    assert grid.sum() == 14 * 4 * 2
    assert grid[1:15, 6:10, 7:9].all()


def test_a_side_of_an_odd_number_of_voxels_lies_half_a_voxel_below_the_middle():
    for height in (4.999, 5, 5.001):
        grid = voxelize(*box_mesh(high=(14, height, 3)), 16)
        assert grid.sum() == 14 * 5 * 3
        assert grid[1:15, 5:10, 6:9].all()
    # Also where 61 voxels and a little more, moved by half of one, reach into the last layer.
    grid = voxelize(*box_mesh(high=(62, 61.2, 62)), 64)
    assert grid.sum() == 62 * 61 * 62
    assert margin_is_empty(grid)


def test_a_box_of_sub_voxel_walls_keeps_every_wall():
    table = join_meshes(
        box_mesh((0, 0, 9), (10, 10, 9.1)),
        *(box_mesh((x, y, 0), (x + 0.1, y + 0.1, 9)) for x in (0, 9.9) for y in (0, 9.9)),
    )
    grid = voxelize(*table, 32)
    floor = grid[:, :, np.flatnonzero(grid.any(axis=(0, 1)))[0]]
    assert floor.sum() == 4
    assert grid.sum() < 2000


@pytest.mark.parametrize("without", [(10,), (10, 11), (3,), (0, 1), (4, 5, 6, 7)])
def test_a_box_with_a_hole_or_without_a_lid_is_solid(without):
    grid = voxelize(*box_mesh(without=without), 32)
    assert grid.sum() == 30**3


def test_a_sphere_without_its_cap_is_solid():
    grid = voxelize(*sphere_mesh(top=6), 32)
    # It is cut at the height h = cos(π/4): of the unit ball's 4/3 π there is (2/3 + h - h³/3) π.
    height = np.sqrt(0.5)
    assert grid.sum() == pytest.approx(15**3 * np.pi * (2 / 3 + height - height**3 / 3), rel=0.03)
    assert grid[16, 16, 8:20].all()


def test_a_cup_of_closed_walls_stays_hollow():
    walls = [
        ((0, 0, 0), (10, 10, 1)),
        ((0, 0, 1), (1, 10, 10)),
        ((9, 0, 1), (10, 10, 10)),
        ((1, 0, 1), (9, 1, 10)),
        ((1, 9, 1), (9, 10, 10)),
    ]
    cup = join_meshes(*(box_mesh(low, high) for low, high in walls))
    grid = voxelize(*cup, 32)
    assert not grid[16, 16, 8:].any()
    assert grid[16, 16, 1:3].all()


def test_a_tub_with_a_crack_stays_hollow():
    # Walls with an outer and an inner side; one triangle of the bottom's underside is missing.
    outer, inner = box_mesh(high=(10, 10, 6), without=(9, 10, 11)), box_mesh((2, 2, 2), (8, 8, 6), without=(10, 11))
    rim = [[1, 3, 11], [1, 11, 9], [3, 7, 15], [3, 15, 11], [7, 5, 13], [7, 13, 15], [5, 1, 9], [5, 9, 13]]
    corners, faces = join_meshes(outer, inner)
    grid = voxelize(corners, np.concatenate([faces, rim]), 32)
    assert not grid[16, 16, 20:].any()
    assert grid[4, 4, 16]


def test_a_sheet_stays_a_sheet():
    corners, faces = box_mesh(high=(1, 1, 1))
    grid = voxelize(corners, faces[:2], 32)
    assert grid.sum() == 30 * 30


def test_the_same_mesh_gives_the_same_grid_however_its_triangles_come():
    corners, faces = sphere_mesh(8, 12)
    expected = voxelize(corners, faces, 32)
    order = np.random.default_rng(0).permutation(len(faces))
    assert np.array_equal(voxelize(corners, faces[order][:, [2, 0, 1]], 32), expected)
    # Each triangle with corners of its own, as in STL files.
    loose = corners[faces].reshape(-1, 3)
    assert np.array_equal(voxelize(loose, np.arange(len(loose)).reshape(-1, 3), 32), expected)


@pytest.mark.parametrize("factor", [1e-300, 1e-9, 1e9, 1e300])
def test_the_size_of_a_mesh_does_not_matter(factor):
    corners, faces = box_mesh((-1, -1, -1), (1, 1, 0.5))
    assert np.array_equal(voxelize(corners * factor, faces, 16), voxelize(corners, faces, 16))


def test_vertices_of_no_triangle_do_not_count():
    corners, faces = box_mesh()
    stray = np.concatenate([corners, [[1e6, np.nan, 0]]])
    assert np.array_equal(voxelize(stray, faces, 16), voxelize(corners, faces, 16))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda corners, faces: (corners * [1, np.nan, 1], faces), "has a vertex that is not a finite number"),
        (lambda corners, faces: (corners * [1, np.inf, 1], faces), "has a vertex that is not a finite number"),
        (lambda corners, faces: (corners, faces[:0]), "holds no triangles"),
        (lambda corners, faces: (corners * 0, faces), "holds no triangle with an area"),
        (lambda corners, faces: (corners * [1, 0, 0], faces), "holds no triangle with an area"),
        (lambda corners, faces: (corners, faces + 1), "names a vertex that is not there"),
    ],
)
def test_what_is_no_surface_is_refused(change, reason):
    with np.errstate(invalid="ignore"):
        corners, faces = change(*box_mesh())
    with pytest.raises(UserError, match=reason):
        voxelize(corners, faces, 16)


@pytest.mark.parametrize(("resolution", "fill"), [(20, "solid"), (16, "hollow")])
def test_arguments_out_of_range_are_refused(resolution, fill):
    with pytest.raises(ValueError, match="resolution"):
        voxelize(*box_mesh(), resolution, fill)
