"""Where triangles meet voxels: the voxels they touch, and the lines through voxel centres that they cross."""

import itertools

import numpy as np

# Vertices are rounded to steps of 1/4096 voxel. This removes rounding errors from scaling even numbers, and makes the
# sums and products below exact.
STEPS_PER_VOXEL = 4096
# Pairs of a triangle and a column, a line or a plane that are handled at once; each takes a few hundred bytes.
PAIRS_AT_ONCE = 1 << 18
_TINY = 1e-9
# The lattice of voxel centers is moved by less than a step, differently along each axis, so that its lines meet no
# vertex, edge or diagonal face of a mesh that was made from a grid.
_LATTICE_SHIFT = np.array([0.9e-4, 1.7e-4, 1.3e-4])


def snap(points: np.ndarray) -> np.ndarray:
    """Rounds coordinates in voxels to steps of 1 / `STEPS_PER_VOXEL`, `[..., 3]` float64."""
    return np.round(points * STEPS_PER_VOXEL) / STEPS_PER_VOXEL


def touched_voxels(triangles: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Finds the voxels whose inside a triangle touches.

    A triangle exactly between two layers of voxels counts for the layer behind it, seen from the side where its corners
    go counter-clockwise; at the ends of the mesh it counts for the inner layer. So a closed box takes the voxels that
    it fills, and the voxels of a surface without holes have no gap that a flood across voxel faces could pass.

    Args:
        triangles: `[T, 3, 3]` float64, corners in voxels, within [0, side]; voxel (0, 0, 0) reaches from 0 to 1.
        side: voxels along one side of the grid.

    Returns:
        Pairs: triangle indices `[K]`, and the voxels that they touch, `[K]` flat indices into the grid. Triangles
        without area touch no voxel.
    """
    corners = snap(triangles)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    corners = _beside_the_planes(corners, normals)
    steepest = np.where(normals.any(axis=1), np.abs(normals).argmax(axis=1), -1)
    owners, voxels = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for axis in range(3):
        order = [(axis + 1) % 3, (axis + 2) % 3, axis]
        chosen = np.flatnonzero(steepest == axis)
        for run in bounded_runs(_column_counts(corners[chosen][:, :, order[:2]]), PAIRS_AT_ONCE):
            numbers = chosen[run]
            owner, place = _touched_by(corners[numbers][:, :, order], normals[numbers][:, order])
            strides = side ** (2 - np.array(order))
            owners.append(numbers[owner])
            voxels.append(place @ strides)
    return np.concatenate(owners), np.concatenate(voxels)


def _beside_the_planes(corners: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Moves triangles in a plane between two layers of voxels into the layer that they count for."""
    height = corners[:, 0]  # [T, 3]
    flat = (corners == height[:, np.newaxis]).all(axis=1) & (height == np.floor(height))
    shift = np.where(normals > 0, -0.5, 0.5)
    shift = np.where(height == corners.max(axis=(0, 1), initial=0), -0.5, shift)
    shift = np.where(height == corners.min(axis=(0, 1), initial=np.inf), 0.5, shift)
    return corners + np.where(flat, shift, 0)[:, np.newaxis]


def _column_counts(corners: np.ndarray) -> np.ndarray:
    """The number of columns of voxels in the box around each triangle `[T, 3, 2]`: `[T]` int64."""
    return (np.ceil(corners.max(axis=1)) - np.floor(corners.min(axis=1))).astype(np.int64).prod(axis=1)


def _touched_by(corners: np.ndarray, normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The voxels touched by triangles whose normals are steepest along the last axis.

    Args:
        corners: `[T, 3, 3]`, each corner as (u, v, w).
        normals: `[T, 3]`, in the same axes.

    Returns:
        Triangle indices `[K]` and voxels `[K, 3]` int64.
    """
    low, high = corners.min(axis=1), corners.max(axis=1)
    first = np.floor(low[:, :2]).astype(np.int64)
    spans = np.ceil(high[:, :2]).astype(np.int64) - first
    owner, place = count_up(spans.prod(axis=1))
    u = first[owner, 0] + place // spans[owner, 1]
    v = first[owner, 1] + place % spans[owner, 1]
    inside = _overlap(corners[:, :, [0, 1]], owner, u, v)
    owner, u, v = owner[inside], u[inside], v[inside]

    slopes = -normals[:, :2] / normals[:, 2:]
    start = corners[:, 0, 2] - (slopes * corners[:, 0, :2]).sum(axis=1)
    middle = start[owner] + slopes[owner, 0] * (u + 0.5) + slopes[owner, 1] * (v + 0.5)
    reach = np.abs(slopes).sum(axis=1)[owner] / 2
    bottom = np.floor(np.maximum(middle - reach, low[owner, 2]) + _TINY).astype(np.int64)
    top = np.ceil(np.minimum(middle + reach, high[owner, 2]) - _TINY).astype(np.int64)
    column, place = count_up(np.maximum(top - bottom, 0))
    owner, u, v, w = owner[column], u[column], v[column], bottom[column] + place
    inside = _overlap(corners[:, :, [0, 2]], owner, u, w)
    inside &= _overlap(corners[:, :, [1, 2]], owner, v, w)
    return owner[inside], np.stack([u, v, w], axis=1)[inside]


def _overlap(corners: np.ndarray, owner: np.ndarray, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Whether the square from (p, q) to (p + 1, q + 1) reaches the inner side of all three edges of a triangle.

    Args:
        corners: `[T, 3, 2]`, triangles in a plane; a triangle seen edge-on is a line.
        owner: `[K]`, the triangle of each square.
        p: `[K]`, first coordinate of the squares.
        q: `[K]`, second coordinate of the squares.

    Returns:
        `[K]` bool.
    """
    edges = np.roll(corners, -1, axis=1) - corners  # [T, 3, 2]
    area = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]
    turn = np.where(area < 0, -1.0, 1.0)[:, np.newaxis]
    across_p, across_q = -edges[:, :, 1] * turn, edges[:, :, 0] * turn
    # The corner of a unit square that is furthest inside; an edge that is a point here excludes no square.
    furthest = np.maximum(across_p, 0) + np.maximum(across_q, 0)
    furthest -= across_p * corners[:, :, 0] + across_q * corners[:, :, 1]
    furthest[(across_p == 0) & (across_q == 0)] = 1
    inside = np.ones(len(owner), bool)
    for edge in range(3):
        inside &= across_p[owner, edge] * p + across_q[owner, edge] * q + furthest[owner, edge] > 0
    return inside


def lattice_places(points: np.ndarray) -> np.ndarray:
    """Coordinates in voxels as coordinates in the lattice of voxel centers, which are integers there: `[..., 3]`."""
    return points - 0.5 - _LATTICE_SHIFT


def line_crossings(triangles: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Finds where triangles cross the lines through lattice points along an axis.

    Args:
        triangles: `[T, 3, 3]` float64, coordinates in the lattice.
        axis: 0, 1 or 2.

    Returns:
        For each crossing the lattice point before it, `[K, 3]` int64, and its coordinates, `[K, 3]` float64.
    """
    order = [(axis + 1) % 3, (axis + 2) % 3, axis]
    low = np.ceil(triangles[:, :, order[:2]].min(axis=1)).astype(np.int64)
    high = np.floor(triangles[:, :, order[:2]].max(axis=1)).astype(np.int64)
    near = np.flatnonzero((high >= low).all(axis=1))
    corners, low, spans = triangles[near][:, :, order], low[near], (high - low + 1)[near]
    found = [np.empty((0, 3))]
    for run in bounded_runs(spans.prod(axis=1), PAIRS_AT_ONCE):
        found.append(_met_lines(corners[run], low[run], spans[run]))
    places = np.concatenate(found)[:, np.argsort(order)]
    return np.floor(places).astype(np.int64), places


def plane_cuts(triangles: np.ndarray, axis: int) -> np.ndarray:
    """Finds where triangles cut the planes through lattice points perpendicular to an axis.

    Args:
        triangles: `[T, 3, 3]` float64, coordinates in the lattice.
        axis: 0, 1 or 2.

    Returns:
        The ends of each cut, `[K, 2, 3]` float64, coordinates in the lattice.
    """
    heights = triangles[:, :, axis]
    low = np.ceil(heights.min(axis=1)).astype(np.int64)
    counts = np.maximum(np.floor(heights.max(axis=1)).astype(np.int64) - low + 1, 0)
    found = [np.empty((0, 2, 3))]
    for run in bounded_runs(counts, PAIRS_AT_ONCE):
        owner, place = count_up(counts[run])
        found.append(_cut(triangles[run][owner], low[run][owner] + place, axis))
    return np.concatenate(found)


def _met_lines(corners: np.ndarray, low: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """Where triangles meet the lines along the last axis in their boxes, `[K, 3]`."""
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
    """The ends `[L, 2, 3]` of the cuts of K triangles with K planes. A corner that touches from below is no cut."""
    above = triangles[:, :, axis] > planes[:, np.newaxis]
    cut = above.any(axis=1)
    triangles, planes, above = triangles[cut], planes[cut], above[cut]
    # The corner that is alone on its side, and the vectors from it to the others.
    lone = np.where(above.sum(axis=1) == 1, above.argmax(axis=1), above.argmin(axis=1))
    turned = triangles[np.arange(len(lone))[:, np.newaxis], (lone[:, np.newaxis] + np.arange(3)) % 3]
    tip, way = turned[:, :1], turned[:, 1:] - turned[:, :1]
    shares = (planes - tip[:, 0, axis])[:, np.newaxis] / way[:, :, axis]
    ends = tip + way * shares[:, :, np.newaxis]
    ends[:, :, axis] = planes[:, np.newaxis]
    return ends


def _cross(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]


def bounded_runs(counts: np.ndarray, most: int) -> list[slice]:
    """Splits items with `counts` pairs each, `[T]`, into runs of about `most` pairs."""
    if not len(counts):
        return []
    number = np.cumsum(counts) // most
    starts = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(counts)]
    return [slice(start, stop) for start, stop in itertools.pairwise(starts)]


def count_up(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For counts (2, 0, 3): the owner of each pair, (0, 0, 2, 2, 2), and its index there, (0, 1, 0, 1, 2)."""
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) - (np.cumsum(counts) - counts)[owner]
