"""Triangles and the voxels that they touch, against a test that is written out by hand."""

import itertools

import numpy as np
import pytest

from vae_gan3d.voxels import touched_voxels as module
from vae_gan3d.voxels.touched_voxels import snap, touched_voxels


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
    monkeypatch.setattr(module, "_PAIRS_AT_ONCE", 16)
    assert touched(triangles) == whole
