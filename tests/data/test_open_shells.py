"""Parts and rims of meshes."""

import numpy as np
import pytest

from tests.fakes import box_mesh, join_meshes
from vae_gan3d.data import open_shells
from vae_gan3d.data import open_shells as module
from vae_gan3d.data.open_shells import cap_rims, fill_inside, find_parts
from vae_gan3d.data.triangles import touched_voxels


def parts_of(mesh):
    corners, faces = mesh
    return find_parts(corners[faces])


def test_a_closed_box_has_one_part_and_no_rim_even_if_no_corner_is_shared():
    found = parts_of(box_mesh())
    assert found.of_triangles.tolist() == [0] * 12
    assert found.rims.shape == (0, 2, 3)


def test_the_rim_of_a_box_without_a_lid_is_the_square_around_it():
    found = parts_of(join_meshes(box_mesh(), box_mesh((2, 2, 2), (4, 4, 4), without=(10, 11))))
    assert len(set(found.of_triangles[:12].tolist())) == len(set(found.of_triangles[12:].tolist())) == 1
    assert set(found.of_rims.tolist()) == {found.of_triangles[12]}
    edges = {frozenset(map(tuple, edge)) for edge in found.rims.tolist()}
    square = [(2.0, 2.0, 4.0), (4.0, 2.0, 4.0), (4.0, 4.0, 4.0), (2.0, 4.0, 4.0)]
    assert edges == {frozenset((square[number - 1], square[number])) for number in range(4)}


def test_faces_that_are_written_for_both_sides_hide_no_rim():
    corners, faces = box_mesh(without=(10, 11))
    assert len(parts_of((corners, np.concatenate([faces, faces[:, ::-1]]))).rims) == 4


def loop(*corners):
    """The edges from corner to corner and back to the first, `[E, 2, 3]`."""
    points = np.array(corners, float)
    return np.stack([points, np.roll(points, -1, axis=0)], axis=1)


def area(triangles):
    sides = triangles[:, 1:] - triangles[:, :1]
    return np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1).sum() / 2


SQUARE = loop((1, 1, 1), (3, 1, 1), (3, 3, 1), (1, 3, 1))


def test_a_square_gets_a_lid_of_its_area():
    caps = cap_rims(SQUARE)
    assert caps.shape == (4, 3, 3)
    assert area(caps) == pytest.approx(4)
    assert (caps[:, :, 2] == 1).all()


def test_two_squares_with_a_corner_in_common_get_two_lids():
    caps = cap_rims(np.concatenate([SQUARE, loop((3, 3, 1), (5, 3, 1), (5, 5, 1), (3, 5, 1))]))
    assert area(caps) == pytest.approx(8)


def test_a_long_edge_beside_short_ones_is_no_hole():
    assert not len(cap_rims(loop((1, 1, 1), (2, 1, 1), (3.5, 1, 1), (4, 1, 1))))


def test_the_crack_is_left_out_and_the_hole_beside_it_closed():
    crack = loop((3, 1, 1), (3, 1.5, 1), (3, 3, 1))
    # The square's side from (3, 1) to (3, 3) and the crack's long edge are one edge each, so it is there twice.
    assert area(cap_rims(np.concatenate([SQUARE, crack]))) == pytest.approx(4)


def test_an_open_chain_is_closed():
    assert area(cap_rims(SQUARE[:3])) == pytest.approx(4)


def test_a_ring_gets_a_lid_whether_its_edges_are_compared_or_too_many(monkeypatch):
    turns = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    ring = loop(*np.stack([3 + np.cos(turns), 3 + np.sin(turns), np.full(60, 2.0)], axis=1))
    expected = cap_rims(ring)
    # A polygon of 60 corners on a circle of radius 1: 60 / 2 sin(2 π / 60).
    assert area(expected) == pytest.approx(30 * np.sin(2 * np.pi / 60))
    monkeypatch.setattr(open_shells, "MOST_PAIRS", 0)
    assert np.array_equal(cap_rims(ring), expected)


def filled(mesh, side=16):
    corners, faces = mesh
    triangles = corners[faces]
    return fill_inside(triangles, *touched_voxels(triangles, side), side)[0]


@pytest.mark.parametrize("without", [(), (10, 11), (2, 3)])
def test_a_box_is_filled_with_and_without_a_side(without):
    grid = filled(box_mesh((2, 2, 2), (8, 8, 8), without))
    expected = np.zeros((16, 16, 16), bool)
    expected[2:8, 2:8, 2:8] = True
    assert np.array_equal(grid, expected)


def test_each_open_part_is_filled_for_itself():
    # Two boxes without lids, and a closed one; between them nothing is filled.
    boxes = [((1, 1, 1), (5, 5, 5)), ((9, 1, 1), (13, 5, 5)), ((1, 9, 1), (5, 13, 5))]
    grid = filled(join_meshes(*(box_mesh(*ends, without=(10, 11)) for ends in boxes[:2]), box_mesh(*boxes[2])))
    assert grid.sum() == 3 * 4**3


def test_what_two_opposite_openings_leave_is_filled_and_what_two_neighbours_leave_is_not():
    tube = filled(box_mesh((2, 2, 2), (8, 8, 8), without=(8, 9, 10, 11)))
    assert tube.sum() == 6**3
    # Without the sides x = 1 and z = 1 the mesh lies on both sides along y alone: it stays four faces.
    corner = filled(box_mesh((2, 2, 2), (8, 8, 8), without=(2, 3, 10, 11)))
    assert not corner[4, 4, 4]


def test_a_hollow_that_is_closed_on_all_sides_is_filled():
    grid = filled(join_meshes(box_mesh((1, 1, 1), (15, 15, 15)), box_mesh((5, 5, 5), (11, 11, 11))))
    assert grid.sum() == 14**3


def test_every_hole_gets_a_lid_also_of_parts_that_have_no_inside():
    # The side z = 8 of a box, and the open top of a tray that is lower than two voxels.
    meshes = [box_mesh((2, 2, 2), (8, 8, 8), (10, 11)), box_mesh((10, 10, 2), (14, 14, 3.5), (10, 11))]
    corners, faces = join_meshes(*meshes)
    triangles = corners[faces]
    lids = fill_inside(triangles, *touched_voxels(triangles, 16), 16)[1]
    areas = np.linalg.norm(np.cross(lids[:, 1] - lids[:, 0], lids[:, 2] - lids[:, 0]), axis=1) / 2
    heights = lids[:, :, 2].mean(axis=1)
    assert (areas[heights == 8].sum(), areas[heights == 3.5].sum()) == pytest.approx((36, 16))


def test_of_a_mesh_of_very_many_holes_only_those_that_matter_get_lids(monkeypatch):
    monkeypatch.setattr(module, "MOST_LIDDED_EDGES", 0)
    test_a_box_is_filled_with_and_without_a_side((10, 11))
    triangles = np.array([[[10, 10, 2], [14, 10, 2.5], [10, 14, 3]]], float)
    assert len(fill_inside(triangles, *touched_voxels(triangles, 16), 16)[1]) == 0
