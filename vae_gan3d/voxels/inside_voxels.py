"""Which voxels' middles lie within a closed mesh."""

import numpy as np

# The lines through the middles pass a little beside them, by less than meshes are rounded to, so that they meet the
# vertices and edges of no mesh that was made of a grid.
_BESIDE = np.array([0.9e-4, 1.7e-4])
# Pairs of a triangle and a line that are looked at in one go; each takes about a hundred bytes.
_PAIRS_AT_ONCE = 1 << 20


def inside_voxels(triangles: np.ndarray, side: int) -> np.ndarray:
    """Finds the voxels whose middles lie within: upwards along the line through a middle, each triangle changes sides.

    Args:
        triangles: `[T, 3, 3]` float64, corners in voxels, within [0, side], of a closed mesh; where it is open or where
            bodies overlap, what is inside is not defined.
        side: voxels along one side of the grid.

    Returns:
        `[side, side, side]` bool.
    """
    low = np.ceil(triangles[:, :, :2].min(axis=1) - 0.5 - _BESIDE).astype(np.int64)
    high = np.floor(triangles[:, :, :2].max(axis=1) - 0.5 - _BESIDE).astype(np.int64)
    spans = np.maximum(high - low + 1, 0)
    changes = np.zeros((side, side, side + 1), bool)
    ends = np.cumsum(spans.prod(axis=1))
    for number in range(int(ends[-1]) // _PAIRS_AT_ONCE + 1 if len(ends) else 0):
        part = slice(*np.searchsorted(ends, [number * _PAIRS_AT_ONCE, (number + 1) * _PAIRS_AT_ONCE], side="left"))
        columns, heights = _crossings(triangles[part], low[part], spans[part])
        above = np.clip(np.ceil(heights - 0.5), 0, side).astype(np.int64)
        np.logical_xor.at(changes, (columns[:, 0], columns[:, 1], above), True)
    return np.logical_xor.accumulate(changes, axis=2)[:, :, :side]


def _crossings(triangles: np.ndarray, low: np.ndarray, spans: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The columns `[K, 2]` whose lines meet a triangle, and the heights `[K]` at which they do."""
    counts = spans.prod(axis=1)
    owners = np.repeat(np.arange(len(triangles)), counts)
    places = np.arange(len(owners)) - (np.cumsum(counts) - counts)[owners]
    columns = low[owners] + np.stack([places // spans[owners, 1], places % spans[owners, 1]], axis=1)
    corners = triangles[owners]
    arms = corners[:, :, :2] - (columns + 0.5 + _BESIDE)[:, np.newaxis]
    areas = np.stack([_cross(arms[:, corner - 2], arms[:, corner - 1]) for corner in range(3)], axis=1)
    met = (areas > 0).all(axis=1) | (areas < 0).all(axis=1)
    shares = areas[met] / areas[met].sum(axis=1, keepdims=True)
    return columns[met], (shares * corners[met][:, :, 2]).sum(axis=1)


def _cross(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
