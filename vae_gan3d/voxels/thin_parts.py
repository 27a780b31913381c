"""Voxels for what of a mesh is too thin to hold a voxel's middle: sheets, wires and crumbs."""

import itertools
from collections.abc import Iterable

import numpy as np

from vae_gan3d.voxels.middle_lattice import plane_cuts

# Of voxels whose middles are as near as this, in voxels, the lower one is the nearest, whatever the rounding.
_AS_NEAR = 0.02
# A voxel that nothing touches counts as further away than any in its cell that is touched.
_UNTOUCHED = 4.0
_CORNERS = np.array(list(itertools.product((0, 1), repeat=3)))
_DIAGONALS = np.array([[1, 1, 1], [1, 1, -1], [1, -1, 1], [1, -1, -1]])


def keep_thin_parts(
    inside: np.ndarray, touched: np.ndarray, triangles: np.ndarray, crossings: Iterable[tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    """Adds a voxel wherever a mesh passes between middles that are not inside.

    A sheet without a middle in it passes through the line between two middles, a wire that meets no such line through
    the square between four, and a crumb that meets no such square lies in the cube between eight. (Laine 2013, "A
    Topological Approach to Voxelization", has crosses of such lines for sheets and of such squares for wires.) Where
    none of the two, four or eight voxels is taken, the touched one is whose middle is the nearest. So sheets have no
    holes, and wires no gaps. Where a wire goes on by a corner alone, a voxel that it touches there is taken too.

    Args:
        inside: `[N, N, N]` bool, the voxels whose middles lie inside; the outermost layer is empty.
        touched: `[N, N, N]` bool, those that a triangle touches; likewise.
        triangles: `[T, 3, 3]` float64, places in the lattice of middles.
        crossings: for each axis what `line_crossings` found.

    Returns:
        `[N, N, N]` bool, what is inside and what was added.
    """
    distances = np.full(inside.shape, np.inf)
    distances[1:-1, 1:-1, 1:-1] = np.where(touched, 0, _UNTOUCHED)[1:-1, 1:-1, 1:-1]
    sheets = inside.copy()
    for axis, (points, places) in enumerate(crossings):
        sheets |= _nearest(inside, distances, points, places[:, np.newaxis], [axis])
    wires = sheets.copy()
    for axis in range(3):
        across = [other for other in range(3) if other != axis]
        wires |= _nearest(sheets, distances, *_within_cells(plane_cuts(triangles, axis)), across)
    kept = wires | _nearest(wires, distances, *_within_cells(triangles), [0, 1, 2])
    return kept | _beside_corners(kept, touched)


def _within_cells(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Those of `[K, M, 3]` whose M places lie in one cell of the lattice: its lowest point `[L, 3]`, and the places."""
    points = np.floor(places).astype(np.int64)
    within = (points == points[:, :1]).all(axis=(1, 2))
    return points[within, 0], places[within]


def _nearest(
    taken: np.ndarray, distances: np.ndarray, points: np.ndarray, places: np.ndarray, axes: list[int]
) -> np.ndarray:
    """The voxel to take for each cell of the lattice that holds something and none of whose voxels is taken.

    Args:
        taken: `[N, N, N]` bool.
        distances: `[N, N, N]` float64, what is added to a voxel's own.
        points: `[K, 3]` int64, the lowest points of the cells.
        places: `[K, M, 3]` float64, between which lies what a cell holds.
        axes: those that a cell spans: one for a line, two for a square, three for a cube.

    Returns:
        `[N, N, N]` bool.
    """
    chosen = np.zeros_like(taken)
    corners = np.zeros((2 ** len(axes), 3), np.int64)
    corners[:, axes] = list(itertools.product((0, 1), repeat=len(axes)))
    voxels, steps = points @ _strides(taken), corners @ _strides(taken)
    free = ~taken.reshape(-1)[voxels[:, np.newaxis] + steps].any(axis=1)
    cells, numbers = np.unique(voxels[free], return_inverse=True)
    if not len(cells):
        return chosen
    within = places[free] - points[free][:, np.newaxis]  # [K, M, 3]
    low, high = np.ones((len(cells), 3)), np.zeros((len(cells), 3))
    np.minimum.at(low, numbers, within.min(axis=1))
    np.maximum.at(high, numbers, within.max(axis=1))
    middles = (low + high)[:, np.newaxis] / 2 - _AS_NEAR / 2
    candidates = cells[:, np.newaxis] + steps
    away = np.abs(middles - corners)[:, :, axes].sum(axis=2) + distances.reshape(-1)[candidates]
    chosen.reshape(-1)[candidates[np.arange(len(cells)), away.argmin(axis=1)]] = True
    return chosen


def _beside_corners(taken: np.ndarray, touched: np.ndarray) -> np.ndarray:
    """A touched voxel beside each corner at which two taken voxels meet and no third is taken."""
    chosen = np.zeros_like(taken)
    is_taken, is_touched = taken.reshape(-1), touched.reshape(-1)
    starts = np.flatnonzero(taken)
    for diagonal in _DIAGONALS * _strides(taken):
        pairs = starts[is_taken[starts + diagonal.sum()]]
        ways = np.sort(_CORNERS[1:-1] @ diagonal)
        for way in ways:
            pairs = pairs[~is_taken[pairs + way]]
        beside = pairs[:, np.newaxis] + ways
        found = is_touched[beside]
        joined = found.any(axis=1)
        chosen.reshape(-1)[beside[joined, found[joined].argmax(axis=1)]] = True
    return chosen


def _strides(grid: np.ndarray) -> np.ndarray:
    """How far apart neighbours along each axis lie in the flattened grid."""
    side = grid.shape[0]
    return np.array([side * side, side, 1])
