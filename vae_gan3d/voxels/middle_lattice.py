"""Where a mesh meets the lines through voxels' middles, and the planes through them."""

import numpy as np

from vae_gan3d.voxels.pair_runs import bounded_runs, count_up

# The lattice of middles lies a little beside them, by less than meshes are rounded to and by another part of that along
# each axis, so that it meets the vertices and edges of no mesh that was made of a grid, nor a face that is diagonal.
_BESIDE = np.array([0.9e-4, 1.7e-4, 1.3e-4])
# Pairs of a triangle and a line, or a plane, that are looked at in one go; each takes a few hundred bytes.
_PAIRS_AT_ONCE = 1 << 18


def lattice_places(points: np.ndarray) -> np.ndarray:
    """Turns places in voxels into those in the lattice of middles, whose points are integers: `[..., 3]` float64."""
    return points - 0.5 - _BESIDE


def line_crossings(triangles: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Finds where triangles cross the lines through the lattice's points along an axis.

    Args:
        triangles: `[T, 3, 3]` float64, places in the lattice.
        axis: 0, 1 or 2.

    Returns:
        Of each crossing the lattice's point before it, `[K, 3]` int64, and its place, `[K, 3]` float64.
    """
    order = [(axis + 1) % 3, (axis + 2) % 3, axis]
    low = np.ceil(triangles[:, :, order[:2]].min(axis=1)).astype(np.int64)
    high = np.floor(triangles[:, :, order[:2]].max(axis=1)).astype(np.int64)
    near = np.flatnonzero((high >= low).all(axis=1))
    corners, low, spans = triangles[near][:, :, order], low[near], (high - low + 1)[near]
    found = [np.empty((0, 3))]
    for run in bounded_runs(spans.prod(axis=1), _PAIRS_AT_ONCE):
        found.append(_met_lines(corners[run], low[run], spans[run]))
    places = np.concatenate(found)[:, np.argsort(order)]
    return np.floor(places).astype(np.int64), places


def plane_cuts(triangles: np.ndarray, axis: int) -> np.ndarray:
    """Finds where triangles cut the planes through the lattice's points across an axis.

    Args:
        triangles: `[T, 3, 3]` float64, places in the lattice.
        axis: 0, 1 or 2.

    Returns:
        The ends of each cut, `[K, 2, 3]` float64, places in the lattice.
    """
    heights = triangles[:, :, axis]
    low = np.ceil(heights.min(axis=1)).astype(np.int64)
    counts = np.maximum(np.floor(heights.max(axis=1)).astype(np.int64) - low + 1, 0)
    found = [np.empty((0, 2, 3))]
    for run in bounded_runs(counts, _PAIRS_AT_ONCE):
        owner, place = count_up(counts[run])
        found.append(_cut(triangles[run][owner], low[run][owner] + place, axis))
    return np.concatenate(found)


def _met_lines(corners: np.ndarray, low: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """Where triangles meet the lines along the last axis that their boxes do, `[K, 3]`."""
    owner, place = count_up(spans.prod(axis=1))
    lines = low[owner] + np.stack([place // spans[owner, 1], place % spans[owner, 1]], axis=1)
    corners = corners[owner]
    arms = corners[:, :, :2] - lines[:, np.newaxis]
    areas = np.stack([_cross(arms[:, corner - 2], arms[:, corner - 1]) for corner in range(3)], axis=1)
    met = (areas > 0).all(axis=1) | (areas < 0).all(axis=1)
    shares = areas[met] / areas[met].sum(axis=1, keepdims=True)
    heights = (shares * corners[met, :, 2]).sum(axis=1)
    return np.concatenate([lines[met], heights[:, np.newaxis]], axis=1)


def _cut(triangles: np.ndarray, planes: np.ndarray, axis: int) -> np.ndarray:
    """The ends `[L, 2, 3]` of the cuts of K triangles by a plane each; one that a corner touches from below is none."""
    above = triangles[:, :, axis] > planes[:, np.newaxis]
    cut = above.any(axis=1)
    triangles, planes, above = triangles[cut], planes[cut], above[cut]
    # The corner that lies on one side by itself, and the way from it to the others.
    lone = np.where(above.sum(axis=1) == 1, above.argmax(axis=1), above.argmin(axis=1))
    turned = triangles[np.arange(len(lone))[:, np.newaxis], (lone[:, np.newaxis] + np.arange(3)) % 3]
    tip, way = turned[:, :1], turned[:, 1:] - turned[:, :1]
    shares = (planes - tip[:, 0, axis])[:, np.newaxis] / way[:, :, axis]
    ends = tip + way * shares[:, :, np.newaxis]
    ends[:, :, axis] = planes[:, np.newaxis]
    return ends


def _cross(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
