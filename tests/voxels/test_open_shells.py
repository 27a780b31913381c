"""What a surface holds within, voxel by voxel."""

import numpy as np
import pytest

from tests.solid_shapes import box_mesh, join_meshes
from vae_gan3d.voxels import open_shells as module
from vae_gan3d.voxels.open_shells import fill_inside
from vae_gan3d.voxels.touched_voxels import touched_voxels


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
    monkeypatch.setattr(module, "_MOST_LIDDED_EDGES", 0)
    test_a_box_is_filled_with_and_without_a_side((10, 11))
    triangles = np.array([[[10, 10, 2], [14, 10, 2.5], [10, 14, 3]]], float)
    assert len(fill_inside(triangles, *touched_voxels(triangles, 16), 16)[1]) == 0
