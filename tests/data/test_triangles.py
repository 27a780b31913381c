"""Counting up pairs, and cutting them into runs."""

import itertools

import numpy as np
import pytest

from vae_gan3d.data import triangles as module
from vae_gan3d.data.triangles import (
    bounded_runs,
    count_up,
    lattice_places,
    line_crossings,
    plane_cuts,
    snap,
    touched_voxels,
)


def test_pairs_are_counted_up():
    owner, place = count_up(np.array([2, 0, 3]))
    assert (owner.tolist(), place.tolist()) == ([0, 0, 2, 2, 2], [0, 1, 0, 1, 2])


def test_runs_hold_about_so_many_pairs_and_every_triangle_once():
    # The sums so far are 2, 2, 5, 9, 10, 30: those below 5, below 10, from 10 on, and from 30 on.
    runs = bounded_runs(np.array([2, 0, 3, 4, 1, 20]), 5)
    assert [(run.start, run.stop) for run in runs] == [(0, 2), (2, 4), (4, 5), (5, 6)]
    assert bounded_runs(np.array([], int), 5) == []


def touched(triangles, side=8):
    _, voxels = touched_voxels(np.asarray(triangles, np.float64), side)
    return {tuple(map(int, place)) for place in zip(*np.unravel_index(voxels, (side,) * 3), strict=True)}


def overlapping(triangle, side=8):
    """The open voxels that a triangle overlaps: none of the 13 axes separates them (Akenine-Möller 2001)."""
    voxels = np.array(list(itertools.product(range(side), repeat=3)))
    edges = np.roll(triangle, -1, axis=0) - triangle
    axes = [*np.eye(3), np.cross(edges[0], edges[1])]
    axes += [np.cross(edge, unit) for edge, unit in itertools.product(edges, np.eye(3))]
    kept = np.ones(len(voxels), bool)
    for axis in filter(np.any, axes):
        places, middles, reach = triangle @ axis, (voxels + 0.5) @ axis, np.abs(axis).sum() / 2
        kept &= (places.min() - middles < reach - 1e-9) & (places.max() - middles > 1e-9 - reach)
    return set(map(tuple, voxels[kept].tolist()))


@pytest.mark.parametrize("scale", [0.5, 2.0, 6.0])
def test_the_voxels_are_those_that_no_axis_separates(scale):
    generator = np.random.default_rng(3)
    for _ in range(30):
        middle = generator.uniform(2, 6, 3)
        triangle = snap(np.clip(middle + generator.uniform(-scale, scale, (3, 3)), 0.1, 7.9))
        assert touched([triangle]) == overlapping(triangle)


def test_each_voxel_comes_with_the_triangle_that_touches_it():
    triangles = np.array(
        [[[1.2, 1.2, 1.2], [1.8, 1.2, 1.2], [1.2, 1.8, 1.4]], [[5.1, 5.1, 5.1], [5.9, 5.1, 5.2], [5.1, 5.8, 5.1]]]
    )
    owners, voxels = touched_voxels(triangles, 8)
    # Voxel (1, 1, 1) is 1 * 64 + 1 * 8 + 1 = 73, and (5, 5, 5) is 5 * 73 = 365.
    assert sorted(zip(owners.tolist(), voxels.tolist(), strict=True)) == [(0, 73), (1, 365)]


@pytest.mark.parametrize(
    ("height", "order", "layer"), [(4.0, (0, 1, 2), 3), (4.0, (0, 2, 1), 4), (1.0, (0, 1, 2), 1), (7.0, (0, 2, 1), 6)]
)
def test_a_triangle_between_two_layers_counts_for_the_one_behind_it_and_at_the_ends_for_the_inner(height, order, layer):
    for axis in range(3):
        triangle = np.full((3, 3), height)
        triangle[:, [(axis + 1) % 3, (axis + 2) % 3]] = [(1, 1), (3, 1), (1, 3)]
        ends = np.array([[[1.0] * 3] * 3, [[7.0] * 3] * 3])
        found = touched([triangle[list(order)], *ends])
        # The square from 1 to 3, cut along its diagonal: three of its four voxels.
        assert len(found) == 3
        assert {voxel[axis] for voxel in found} == {layer}


def test_triangles_without_area_touch_nothing():
    line = [[1.5, 1.5, 1.5], [3.5, 3.5, 3.5], [5.5, 5.5, 5.5]]
    assert touched([line, [[2.5, 2.5, 2.5]] * 3]) == set()


def test_parts_give_what_the_whole_gives(monkeypatch):
    triangles = np.random.default_rng(0).uniform(1, 7, (40, 3, 3))
    whole = touched(triangles)
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", 16)
    assert touched(triangles) == whole


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
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", 16)
    for axis, (places, cuts) in enumerate(whole):
        assert len(places) > 40
        np.testing.assert_array_equal(line_crossings(triangles, axis)[1], places)
        np.testing.assert_array_equal(plane_cuts(triangles, axis), cuts)


def test_nothing_meets_nothing():
    points, places = line_crossings(np.empty((0, 3, 3)), 0)
    assert (points.shape, places.shape, plane_cuts(np.empty((0, 3, 3)), 0).shape) == ((0, 3), (0, 3), (0, 2, 3))
