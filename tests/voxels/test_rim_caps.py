"""Lids over holes."""

import numpy as np
import pytest

from vae_gan3d.voxels import rim_caps
from vae_gan3d.voxels.rim_caps import cap_rims


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
    monkeypatch.setattr(rim_caps, "_MOST_PAIRS", 0)
    assert np.array_equal(cap_rims(ring), expected)
