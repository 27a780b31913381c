"""Sheets without holes, wires without gaps: what is thinner than a voxel stays, and gaps stay gaps."""

import itertools

import numpy as np
import pytest
import scipy.ndimage

from tests.solid_shapes import box_mesh, join_meshes
from vae_gan3d.voxels.solid_voxels import solid_voxels
from vae_gan3d.voxels.touched_voxels import snap, touched_voxels

# Voxels that share an edge are joined, as in the meshes that are written.
EDGES = scipy.ndimage.generate_binary_structure(3, 2)


def taken(mesh, side=16):
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
        grid = taken(box_mesh(*ends))
        assert grid.sum() == 7 * 7
        assert np.take(grid, layer, axis).sum() == 7 * 7


def test_a_sheet_without_thickness_is_one_voxel_thick():
    corners = np.array([(2, 2, 0), (9, 2, 0), (9, 9, 0), (2, 9, 0)], float)
    for height in (5, 5.2, 5.8):
        grid = taken((corners + np.array([0, 0, height]), np.array([[0, 1, 2], [0, 2, 3]])))
        assert grid.sum() == grid.any(axis=2).sum() == 7 * 7


@pytest.mark.parametrize("width", [0.02, 0.6, 0.9])
def test_a_wire_takes_one_voxel_of_each_layer(width):
    # Around (6, 6), the corner of four voxels, and around (5.8, 5.2).
    for middle in ((6, 6), (5.8, 5.2)):
        grid = taken(bar((*middle, 2), (*middle, 9), width))
        assert grid.sum() == 7
        assert grid[5, 5, 2:9].all()


def test_a_crumb_takes_a_voxel():
    # Within (5.8, 5.8, 5.8) and (6.1, 6.1, 6.1), between eight middles: nearest to the lowest.
    assert np.argwhere(taken(box_mesh((5.8,) * 3, (6.1,) * 3))).tolist() == [[5, 5, 5]]


@pytest.mark.parametrize("width", [0.02, 0.3, 0.6, 1.1])
def test_slanted_legs_join_what_they_hold(width):
    generator = np.random.default_rng(0)
    plates = [box_mesh((1, 1, 1), (15, 15, 2.4)), box_mesh((1, 1, 13.7), (15, 15, 15))]
    for _ in range(10):
        start, stop = generator.uniform(2, 14, (2, 3)) * [1, 1, 0] + [[0, 0, 1.5], [0, 0, 14.5]]
        grid = taken(join_meshes(*plates, bar(start, stop, width)))
        assert pieces(grid) == 1
        assert grid[:, :, 4:12].sum() <= 8 * 2 * (2 + 3 * width) ** 2


@pytest.mark.parametrize("thickness", [0.01, 0.5, 0.9])
def test_slanted_plates_have_no_holes(thickness):
    generator = np.random.default_rng(1)
    for _ in range(5):
        corners, faces = box_mesh((2, 2, 0), (14, 14, thickness))
        corners[:, 2] += 8 + generator.uniform(-0.7, 0.7) * (corners[:, 0] - 8)
        grid = taken((corners, faces))
        assert pieces(grid) == 1
        assert grid[2:14, 2:14].any(axis=2).all()


def test_a_ring_of_wire_stays_a_ring():
    turns = np.linspace(0, 2 * np.pi, 25)
    places = np.stack([8 + 6 * np.cos(turns), 8.2 + 6 * np.sin(turns), 8 + 2 * np.cos(turns)], axis=1)
    grid = taken(join_meshes(*(bar(start, stop, 0.2) for start, stop in itertools.pairwise(places))))
    assert pieces(grid) == 1
    # Either half of it is one piece, and it passes twice through each layer but for its ends.
    assert pieces(grid[:8]) == pieces(grid[8:]) == 1
    assert all(scipy.ndimage.label(layer, np.ones((3, 3)))[1] == 2 for layer in grid[4:12])


def test_gaps_between_slats_stay_gaps():
    frame = [box_mesh((1, 1, 1), (15, 3, 15)), box_mesh((1, 13, 1), (15, 15, 15))]
    # Slats 2 wide, and 1 apart, at places where touching voxels would leave no gap: 2.7 to 4.7, 5.7 to 7.7 and so on.
    slats = [box_mesh((low, 2, 7.2), (low + 2, 14, 8.2)) for low in (2.7, 5.7, 8.7, 11.7)]
    grid = taken(join_meshes(*frame, *slats))
    expected = np.zeros(16, bool)
    expected[[3, 4, 6, 7, 9, 10, 12, 13]] = True
    np.testing.assert_array_equal(grid[1:15, 8, 7], expected[1:15])


def test_two_voxels_at_a_corner_are_joined_by_one_that_the_wire_touches():
    # From voxel (5, 5, 5) to (6, 6, 6) the wire passes (6, 5, 5) and (6, 6, 5), whose middles' planes it does not meet.
    grid = taken(bar((5.2, 5.1, 5), (6.9, 6.8, 6.7), 0.02))
    assert np.argwhere(grid).tolist() == [[5, 5, 5], [6, 5, 5], [6, 6, 6]]
