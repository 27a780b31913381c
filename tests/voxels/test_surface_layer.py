"""Which voxels of a surface layer are inside, in grids that are drawn by hand."""

import numpy as np

from vae_gan3d.voxels.surface_layer import inner_voxels


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
