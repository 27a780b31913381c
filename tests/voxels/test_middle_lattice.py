"""Where triangles meet the lines and planes through middles, worked out by hand."""

import numpy as np
import pytest

from vae_gan3d.voxels import middle_lattice as module
from vae_gan3d.voxels.middle_lattice import lattice_places, line_crossings, plane_cuts


def along(axis, *places):
    """Places `[u, v, w]` turned so that w lies on an axis, and u on the next."""
    return np.roll(np.asarray(places, np.float64), axis + 1, axis=-1)


def test_middles_are_integers():
    np.testing.assert_allclose(lattice_places(np.array([0.5, 1.5, 7.5])), [0, 1, 7], atol=3e-4)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_slanted_triangle_crosses_the_lines_below_it(axis):
    # On w = 0.25 + u / 2 + v, over u and v from 0.1 on whose sum is 2.6 at the most: of the lines, the one at (1, 1).
    corners = [(0.1, 0.1, 0.4), (2.5, 0.1, 1.6), (0.1, 2.5, 2.8)]
    points, places = line_crossings(along(axis, corners), axis)
    np.testing.assert_array_equal(points, along(axis, (1, 1, 1)).reshape(1, 3))
    np.testing.assert_allclose(places, along(axis, (1, 1, 1.75)).reshape(1, 3))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_triangle_is_cut_by_each_plane_that_it_reaches_through(axis):
    # A triangle in v = 0.3 from its base at w = 0.5 up to its tip at w = 2.5: 4 wide at the base, 3 at w = 1
    # and 1 at w = 2.
    corners = [(0, 0.3, 0.5), (4, 0.3, 0.5), (0, 0.3, 2.5)]
    cuts = plane_cuts(along(axis, corners), axis)
    expected = [[(0, 0.3, 1), (3, 0.3, 1)], [(0, 0.3, 2), (1, 0.3, 2)]]
    for cut, ends in zip(cuts, expected, strict=True):
        np.testing.assert_allclose(sorted(cut.tolist()), sorted(along(axis, *ends).tolist()), atol=1e-12)


def test_what_stands_on_a_plane_is_cut_and_what_hangs_below_it_is_not():
    standing = [[(0.2, 0.2, 1), (0.8, 0.2, 1), (0.2, 0.2, 1.5)]]
    hanging = [[(0.2, 0.2, 1), (0.8, 0.2, 1), (0.2, 0.2, 0.5)]]
    assert len(plane_cuts(np.array(standing, float), 2)) == 1
    assert len(plane_cuts(np.array(hanging, float), 2)) == 0


def test_runs_give_what_the_whole_gives(monkeypatch):
    triangles = np.random.default_rng(0).uniform(0, 7, (40, 3, 3))
    whole = [(line_crossings(triangles, axis)[1], plane_cuts(triangles, axis)) for axis in range(3)]
    monkeypatch.setattr(module, "_PAIRS_AT_ONCE", 16)
    for axis, (places, cuts) in enumerate(whole):
        assert len(places) > 40
        np.testing.assert_array_equal(line_crossings(triangles, axis)[1], places)
        np.testing.assert_array_equal(plane_cuts(triangles, axis), cuts)


def test_nothing_meets_nothing():
    points, places = line_crossings(np.empty((0, 3, 3)), 0)
    assert (points.shape, places.shape, plane_cuts(np.empty((0, 3, 3)), 0).shape) == ((0, 3), (0, 3), (0, 2, 3))
