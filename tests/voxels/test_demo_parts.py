"""Solids of the demo shapes, against counts by hand."""

import numpy as np
import pytest

from vae_gan3d.voxels.demo_parts import Bar, Ellipsoid, Loft, RearPiece, box, chain, cone, post, sample_parts, slab


def _count(part, low, high, pitch=1.0):
    """How many points of the lattice low + 0.5, low + 1.5, ... on each axis lie inside."""
    line = np.arange(low, high, pitch) + pitch / 2
    return int(part.contains(np.ix_(line, line, line), pitch).sum())


def test_box_holds_the_voxel_centres_between_its_faces():
    # 2 x 3 x 4 unit voxels.
    assert _count(box((0, 2), (0, 3), (0, 4)), -2, 8) == 24


def test_thin_box_is_widened_to_one_voxel():
    # y from 0.4 to 0.6 is widened to 0.0 to 1.0, which holds the one centre 0.5.
    assert _count(box((0, 3), (0.4, 0.6), (0, 3)), -2, 6) == 9


@pytest.mark.parametrize("middle", [0.0, 0.25, 0.5])
def test_thin_round_part_never_misses_every_voxel(middle):
    line = np.arange(-3, 3) + 0.5
    inside = cone((-2, 2), (0.01, 0.01), (middle, middle)).contains(np.ix_(line, line, line), 1.0)
    assert inside.any(axis=(0, 1)).sum() == 4


def test_round_slab_has_the_area_of_its_circle():
    # One layer; pi * 10² = 314.2 unit squares, and an error of at most a few at the rim.
    assert abs(_count(slab((0, 1), (10, 10), 2.0), -12, 12) - 314) <= 8


def test_tube_is_open_inside():
    # A wall of 2 in a radius of 10: pi * (10² - 8²) = 113.1 in one layer.
    assert abs(_count(cone((0, 1), (10, 10), wall=2.0), -12, 12) - 113) <= 10


def test_post_grows_from_foot_to_head():
    line = np.arange(-4, 8) + 0.5
    inside = post((0, 0, 0), (0, 0, 4), (1, 1), (3, 3)).contains(np.ix_(line, line, line), 1.0)
    # Half widths at z = 0.5 and 3.5 are 1.25 and 2.75: centres at ±0.5, and at ±0.5, ±1.5, ±2.5.
    assert inside[:, :, 4].sum() == 2 * 2
    assert inside[:, :, 7].sum() == 6 * 6


def test_steep_post_does_not_come_apart():
    line = np.arange(-8, 8) + 0.5
    inside = post((-6, 0.5, -2), (6, 0.5, 2), (0.1, 0.1), (0.1, 0.1)).contains(np.ix_(line, line, line), 1.0)
    # It moves 3 voxels a layer and is widened to 3: its x positions have no gap.
    assert inside.any(axis=(1, 2))[2:14].all()


def test_bar_contains_its_axis_and_ends_round():
    bar = Bar((0, 0, 0), (4, 0, 0), 1.0, 1.0)
    points = np.ix_([-1.1, -0.9, 2.0, 4.9, 5.1], [0.0], [0.0])
    assert bar.contains(points, 0.1)[:, 0, 0].tolist() == [False, True, True, True, False]
    np.testing.assert_array_equal(bar.bounds(), [[-1, -1, -1], [5, 1, 1]])


def test_chain_joins_all_points():
    assert chain([(0, 0, 0), (1, 0, 0), (1, 1, 0)], 0.5) == [
        Bar((0, 0, 0), (1, 0, 0), 0.5, 0.5),
        Bar((1, 0, 0), (1, 1, 0), 0.5, 0.5),
    ]


def test_ellipsoid_ends_at_its_radii():
    points = np.ix_([0.0, 1.9, 2.1], [0.0], [0.0])
    assert Ellipsoid((0, 0, 0), (2, 1, 1)).contains(points, 0.1)[:, 0, 0].tolist() == [True, True, False]


def test_rear_piece_keeps_what_is_behind_the_plane():
    piece = RearPiece(Loft(2, (0, 4), (2, 2), (2, 2), (2, 2), (2, 2)), 3.0)
    assert _count(piece, -2, 8) == 1 * 4 * 4
    np.testing.assert_array_equal(piece.bounds(), [[3, 0, 0], [4, 4, 4]])


def test_samples_are_centred_and_fill_four_fifths():
    # The long side of the box takes 0.8 * 30 = 24 voxels, the others half of that.
    grid = sample_parts([box((7, 9), (0, 4), (1, 3))], 30)
    assert grid.dtype == np.uint8
    assert [np.flatnonzero(grid.any(axis=axes))[[0, -1]].tolist() for axes in ((1, 2), (0, 2), (0, 1))] == [
        [9, 20],
        [3, 26],
        [9, 20],
    ]
    assert grid.sum() == 12 * 24 * 12


def test_finer_samples_are_the_same_shape():
    parts = [box((0, 4), (0, 4), (0, 1)), box((0, 1), (0, 1), (1, 4))]
    coarse, fine = sample_parts(parts, 20), sample_parts(parts, 60)
    np.testing.assert_array_equal(fine[1::3, 1::3, 1::3], coarse)
