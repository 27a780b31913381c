"""Solids against bodies of known middles, and the round trip between meshes and voxels."""

import itertools

import numpy as np
import pytest
import scipy.ndimage

from tests.fakes import box_mesh, join_meshes, middles_within, random_grids
from vae_gan3d.config.shapes import ReadOptions
from vae_gan3d.data.open_shells import fill_hollows
from vae_gan3d.data.shape_files import read_grid
from vae_gan3d.data.surfaces import placed_mesh, surface_mesh, write_mesh
from vae_gan3d.data.triangles import snap, touched_voxels
from vae_gan3d.data.voxelize import inner_voxels, solid_voxels, voxelize
from vae_gan3d.demo_shapes import DEMO_CLASSES, demo_shape
from vae_gan3d.errors import UserError

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
    grid = fill_hollows(demo_shape(name, 0, 32) == 1)
    read = taken(surface_mesh(grid), 32)
    assert not (grid & ~read).any()
    assert (read & ~grid).sum() <= 2  # where voxels meet at a corner alone


def test_voxels_that_meet_at_corners_stay_and_may_be_joined():
    grid = np.pad(random_grids(1, 14, occupancy=0.1)[0] == 1, 1)
    beyond = taken(surface_mesh(grid)) & ~grid
    assert not (grid & ~taken(surface_mesh(grid))).any()
    corners = [np.roll(grid, way, (0, 1, 2)) for way in itertools.product((-1, 1), repeat=3)]
    sides = [np.roll(grid, way, axis) for axis in range(3) for way in (-1, 1)]
    assert not (beyond & ~(np.any(corners, axis=0) | np.any(sides, axis=0))).any()


def test_a_sheet_of_one_voxel_in_an_odd_box_stays():
    # 15 voxels high: in the exact middle of 32, the sheet's faces would lie on the voxels' middles.
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
    for index in range(shapes):
        voxels = voxelize(*surface_mesh(demo_shape(name, index, resolution)), resolution)
        again = voxelize(*surface_mesh(voxels), resolution)
        assert overlap(voxels, again) >= 0.98


@pytest.mark.parametrize("extension", [".stl", ".obj", ".ply", ".glb"])
def test_the_round_trip_by_way_of_a_file(tmp_path, extension):
    path = tmp_path / f"lamp{extension}"
    voxels = voxelize(*surface_mesh(demo_shape("lamp", 3, 32)), 32)
    vertices, triangles = surface_mesh(voxels)
    write_mesh(placed_mesh(vertices, 100), triangles, path)
    assert overlap(voxels, read_grid(path, options=ReadOptions(32))) >= 0.98


def row(solid, layer, walls):
    """What is left of a row of voxels along z, as text; a wall stands before each place in `walls`."""
    side = len(solid)
    grids = np.zeros((2, side, side, side), bool)
    grids[:, 2, 2] = [[mark == "#" for mark in marks] for marks in (solid, layer)]
    blocked = np.ones((3, side, side, side), bool)
    blocked[2, 2, 2] = [place + 1 in walls for place in range(side)]
    return "".join("#" if taken else "." for taken in inner_voxels(*grids, blocked)[2, 2])


def test_a_voxel_of_the_layer_is_outside_where_the_wall_lies_behind_its_middle():
    assert row("..#####..", "..#...#..", walls={3, 7}) == "...####.."
    assert row("..#####..", "..#...#..", walls={2, 6}) == "..####..."


def test_the_layer_may_be_several_voxels_thick():
    assert row(".#######.", ".###.###.", walls={4, 5}) == "....#...."
    assert row(".#######.", ".###.###.", walls={1, 8}) == ".#######."


def test_between_two_walls_a_voxel_stays():
    assert row("..###....", "..###....", walls={3, 4}) == "...#....."


def test_by_a_hole_each_takes_what_is_nearer_and_inside_the_middle():
    assert row("..#####..", "..##.....", walls={7}) == "...####.."
    assert row("..#####..", "..###....", walls={7}) == "...####.."


def test_what_is_beside_the_layer_is_not_looked_at():
    assert row("..#####..", ".........", walls=set()) == "..#####.."


# Voxels that share an edge are joined, as in the meshes that are written.
EDGES = scipy.ndimage.generate_binary_structure(3, 2)


def thin_taken(mesh, side=16):
    corners, faces = mesh
    triangles = snap(corners[faces])
    return solid_voxels(triangles, *touched_voxels(triangles, side), side)


def pieces(grid):
    return scipy.ndimage.label(grid, EDGES)[1]


def bar(start, stop, width):
    """A square bar between two points."""
    way = np.subtract(stop, start, dtype=float)
    beside = np.cross(way, [1, 0, 0] if abs(way[0]) < abs(way[1]) else [0, 1, 0])
    axes = np.stack([beside, np.cross(way, beside)])
    axes *= width / np.linalg.norm(axes, axis=1, keepdims=True)
    corners, faces = box_mesh((0, -0.5, -0.5), (1, 0.5, 0.5))
    return start + corners @ np.stack([way, *axes]), faces


@pytest.mark.parametrize(("low", "high", "layer"), [(5.1, 5.3, 5), (4.8, 5.4, 5), (5.9, 6.1, 5), (5.9, 6.2, 6)])
def test_a_plate_between_two_layers_takes_the_one_whose_middle_is_nearer(low, high, layer):
    # Its sides, from 2 to 9, hold the middles 2.5 to 8.5.
    for axis in range(3):
        ends = np.roll([[2, 2, low], [9, 9, high]], axis + 1, axis=1)
        grid = thin_taken(box_mesh(*ends))
        assert grid.sum() == 7 * 7
        assert np.take(grid, layer, axis).sum() == 7 * 7


def test_a_sheet_without_thickness_is_one_voxel_thick():
    corners = np.array([(2, 2, 0), (9, 2, 0), (9, 9, 0), (2, 9, 0)], float)
    for height in (5, 5.2, 5.8):
        grid = thin_taken((corners + np.array([0, 0, height]), np.array([[0, 1, 2], [0, 2, 3]])))
        assert grid.sum() == grid.any(axis=2).sum() == 7 * 7


@pytest.mark.parametrize("width", [0.02, 0.6, 0.9])
def test_a_wire_takes_one_voxel_of_each_layer(width):
    # Around (6, 6), the corner of four voxels, and around (5.8, 5.2).
    for middle in ((6, 6), (5.8, 5.2)):
        grid = thin_taken(bar((*middle, 2), (*middle, 9), width))
        assert grid.sum() == 7
        assert grid[5, 5, 2:9].all()


def test_a_crumb_takes_a_voxel():
    # Within (5.8, 5.8, 5.8) and (6.1, 6.1, 6.1), between eight middles: nearest to the lowest.
    assert np.argwhere(thin_taken(box_mesh((5.8,) * 3, (6.1,) * 3))).tolist() == [[5, 5, 5]]


@pytest.mark.parametrize("width", [0.02, 0.3, 0.6, 1.1])
def test_slanted_legs_join_what_they_hold(width):
    generator = np.random.default_rng(0)
    plates = [box_mesh((1, 1, 1), (15, 15, 2.4)), box_mesh((1, 1, 13.7), (15, 15, 15))]
    for _ in range(10):
        start, stop = generator.uniform(2, 14, (2, 3)) * [1, 1, 0] + [[0, 0, 1.5], [0, 0, 14.5]]
        grid = thin_taken(join_meshes(*plates, bar(start, stop, width)))
        assert pieces(grid) == 1
        assert grid[:, :, 4:12].sum() <= 8 * 2 * (2 + 3 * width) ** 2


@pytest.mark.parametrize("thickness", [0.01, 0.5, 0.9])
def test_slanted_plates_have_no_holes(thickness):
    generator = np.random.default_rng(1)
    for _ in range(5):
        corners, faces = box_mesh((2, 2, 0), (14, 14, thickness))
        corners[:, 2] += 8 + generator.uniform(-0.7, 0.7) * (corners[:, 0] - 8)
        grid = thin_taken((corners, faces))
        assert pieces(grid) == 1
        assert grid[2:14, 2:14].any(axis=2).all()


def test_a_ring_of_wire_stays_a_ring():
    turns = np.linspace(0, 2 * np.pi, 25)
    places = np.stack([8 + 6 * np.cos(turns), 8.2 + 6 * np.sin(turns), 8 + 2 * np.cos(turns)], axis=1)
    grid = thin_taken(join_meshes(*(bar(start, stop, 0.2) for start, stop in itertools.pairwise(places))))
    assert pieces(grid) == 1
    # Either half of it is one piece, and it passes twice through each layer but for its ends.
    assert pieces(grid[:8]) == pieces(grid[8:]) == 1
    assert all(scipy.ndimage.label(layer, np.ones((3, 3)))[1] == 2 for layer in grid[4:12])


def test_gaps_between_slats_stay_gaps():
    frame = [box_mesh((1, 1, 1), (15, 3, 15)), box_mesh((1, 13, 1), (15, 15, 15))]
    # Slats 2 wide, and 1 apart, at places where touching voxels would leave no gap: 2.7 to 4.7, 5.7 to 7.7 and so on.
    slats = [box_mesh((low, 2, 7.2), (low + 2, 14, 8.2)) for low in (2.7, 5.7, 8.7, 11.7)]
    grid = thin_taken(join_meshes(*frame, *slats))
    expected = np.zeros(16, bool)
    expected[[3, 4, 6, 7, 9, 10, 12, 13]] = True
    np.testing.assert_array_equal(grid[1:15, 8, 7], expected[1:15])


def test_two_voxels_at_a_corner_are_joined_by_one_that_the_wire_touches():
    # From voxel (5, 5, 5) to (6, 6, 6) the wire passes (6, 5, 5) and (6, 6, 5), whose middles' planes it does not meet.
    grid = thin_taken(bar((5.2, 5.1, 5), (6.9, 6.8, 6.7), 0.02))
    assert np.argwhere(grid).tolist() == [[5, 5, 5], [6, 5, 5], [6, 6, 6]]


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
        (lambda corners, faces: (corners, faces + 1), "fetch or write the file again"),
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
