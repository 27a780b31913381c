"""Meshes to solid voxel grids: centred, scaled to fill the grid but for a margin; thin parts are kept."""

import itertools
from collections.abc import Iterable

import numpy as np

from vae_gan3d.config.shapes import DEFAULT_MARGIN, FILLS
from vae_gan3d.data.formats.format import check_triangle_count
from vae_gan3d.data.grids import RESOLUTIONS, centre_grid
from vae_gan3d.data.open_shells import fill_hollows, fill_inside
from vae_gan3d.data.triangles import lattice_places, line_crossings, plane_cuts, snap, touched_voxels
from vae_gan3d.errors import UserError


def solid_voxels(triangles: np.ndarray, owners: np.ndarray, voxels: np.ndarray, side: int) -> np.ndarray:
    """Finds the voxels of a solid.

    Of all that the mesh touches or holds, closed or not (`fill_inside`), the voxels of the surface whose middles lie
    outside are left out (`inner_voxels`), but for those by which sheets, wires and crumbs stay (`keep_thin_parts`).

    Args:
        triangles: `[T, 3, 3]` float64, corners in voxels, at least one voxel from the grid's low border and a half
            from its high one.
        owners: `[K]`, triangles, and
        voxels: `[K]`, the voxels that they touch (`touched_voxels`).
        side: voxels along one side of the grid.

    Returns:
        `[side, side, side]` bool, the outermost layer empty.
    """
    solid, lids = fill_inside(triangles, owners, voxels, side)
    touched = np.zeros_like(solid)
    touched.reshape(-1)[voxels] = True
    layer = touched.copy()
    layer.reshape(-1)[touched_voxels(lids, side)[1]] = True
    for grid in (solid, touched, layer):
        grid[:] = _within_border(grid)
    has_area = np.zeros(len(triangles), bool)
    has_area[owners] = True
    places, lid_places = lattice_places(triangles[has_area]), lattice_places(lids)
    crossings = [line_crossings(places, axis) for axis in range(3)]
    blocked = np.zeros((3, *solid.shape), bool)
    for axis in range(3):
        for points in (crossings[axis][0], line_crossings(lid_places, axis)[0]):
            blocked[axis][tuple(points.T)] = True
    inside = inner_voxels(solid, layer, blocked)
    return fill_hollows(keep_thin_parts(inside, touched, places, crossings))


def _within_border(grid: np.ndarray) -> np.ndarray:
    """The same without the outermost layer, no middle of which is inside."""
    return np.pad(grid[1:-1, 1:-1, 1:-1], 1)


_UNKNOWN, _OUTSIDE, _INSIDE = 0, 1, 2


def inner_voxels(solid: np.ndarray, layer: np.ndarray, blocked: np.ndarray) -> np.ndarray:
    """Leaves those voxels out of a solid that the surface passes through and whose middles lie outside.

    Beside the layer of the surface it is known what is outside and what inside. From there both spread through the
    layer, from middle to middle along the axes where no triangle lies between, and a voxel is what reaches it first.
    In a closed mesh the two never meet; where they meet by a hole, neither goes far beyond it. Inside is what both
    reach at once, and what neither does.

    Args:
        solid: `[N, N, N]` bool, all that a mesh touches or holds.
        layer: `[N, N, N]` bool, what its surface or a lid over a hole touches; the outermost layer is empty.
        blocked: `[3, N, N, N]` bool, whether a triangle lies between a voxel's middle and the next along an axis.

    Returns:
        `[N, N, N]` bool, a part of the solid.
    """
    states = np.where(solid, _INSIDE, _OUTSIDE).astype(np.uint8)
    states[layer] = _UNKNOWN
    flat = states.reshape(-1)
    first, second = _open_pairs(layer, blocked)
    while True:
        left = (flat[first] == _UNKNOWN) | (flat[second] == _UNKNOWN)
        first, second = first[left], second[left]
        reached = flat[first] != flat[second]  # one of the two is unknown
        if not reached.any():
            return solid & (states != _OUTSIDE)
        known = np.maximum(flat[first], flat[second])[reached]
        targets = np.where(flat[first] == _UNKNOWN, first, second)[reached]
        for state in (_OUTSIDE, _INSIDE):
            flat[targets[known == state]] = state


def _open_pairs(layer: np.ndarray, blocked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours, one or both of the layer, between whose middles nothing lies: places in the flattened grid, twice."""
    voxels = np.flatnonzero(layer)
    lower, upper = [], []
    for axis in range(3):
        stride = layer.shape[0] ** (2 - axis)
        below = voxels - stride
        starts = np.concatenate([voxels, below[~layer.reshape(-1)[below]]])
        starts = starts[~blocked[axis].reshape(-1)[starts]]
        lower.append(starts)
        upper.append(starts + stride)
    return np.concatenate(lower), np.concatenate(upper)


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


# The height of a triangle without area, as a share of its longest side.
_SLIVER = 1e-9
# The longest side of a triangle that no grid shows, as a share of the whole: at 128 a side a voxel is 8e-3.
_SPECK = 1e-5


def voxelize(
    vertices: np.ndarray,
    triangles: np.ndarray,
    resolution: int,
    fill: str = "solid",
    margin: int = DEFAULT_MARGIN,
) -> np.ndarray:
    """Turns a mesh into a grid of exactly N³ voxels.

    The box around the triangles, but slivers and specks, is centred; its longest side takes N - 2 margin voxels. With
    `surface` every voxel is occupied that a triangle touches. With `solid` those are whose middles lie inside, and one
    for whatever is thinner, so that nothing is lost (`solid_voxels`); and the box lies half a voxel off the middle
    where a side takes an odd number of voxels: so the surface of a grid becomes that grid again.

    Args:
        vertices: `[V, 3]` numbers, the last axis up.
        triangles: `[T, 3]` integers, numbers of vertices.
        resolution: N, one of 16, 32, 64 and 128.
        fill: `solid` or `surface`.
        margin: voxels that stay empty at both ends of the longest side, 1 to N / 4.

    Returns:
        `[N, N, N]` uint8 in {0, 1}, its outermost layer empty.

    Raises:
        ValueError: the resolution or the fill is not known, the margin is out of its range, or an array has a wrong
            shape.
        UserError: the mesh has no surface, a vertex is not finite, or it has too many triangles; the message does not
            name the file.
    """
    if resolution not in RESOLUTIONS or fill not in FILLS:
        raise ValueError(f"resolution {resolution}, fill {fill!r}: give one of {RESOLUTIONS}, and of {FILLS}")
    if not 1 <= margin <= resolution // 4:
        raise ValueError(f"margin {margin} is out of range at {resolution} voxels a side: give 1 to {resolution // 4}")
    corners = _fit(_drop_far_slivers(_corners(vertices, triangles)), resolution, margin)
    if fill == "solid":
        corners = _between_planes(corners)
    owners, voxels = touched_voxels(corners, resolution)
    if not len(voxels):
        raise UserError("holds no triangle with an area: it is no surface")
    if fill == "solid":
        return centre_grid(solid_voxels(corners, owners, voxels, resolution).view(np.uint8))
    grid = np.zeros((resolution,) * 3, np.uint8)
    grid.reshape(-1)[voxels] = 1
    return grid


def _corners(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """The corners of every triangle, `[T, 3, 3]` float64."""
    vertices, triangles = np.asarray(vertices), np.asarray(triangles)
    if vertices.ndim != 2 or triangles.ndim != 2 or vertices.shape[1] != 3 or triangles.shape[1] != 3:
        raise ValueError(f"a mesh has vertices [V, 3] and triangles [T, 3], not {vertices.shape} and {triangles.shape}")
    if not len(triangles):
        raise UserError("holds no triangles: a mesh has faces, points alone are not read")
    check_triangle_count(len(triangles))
    if triangles.min() < 0 or triangles.max() >= len(vertices):
        raise UserError(f"names a vertex that is not there (of {len(vertices)}): fetch or write the file again")
    corners = vertices.astype(np.float64)[triangles]
    if not np.isfinite(corners).all():
        raise UserError("has a vertex that is not a finite number: fetch or write the file again")
    return corners


def _drop_far_slivers(corners: np.ndarray) -> np.ndarray:
    """Leaves out triangles without area, and specks, that reach out of the box around the others.

    Within the box they stay, because they can close the gap between two faces that share no corner.

    Raises:
        UserError: no triangle has an area.
    """
    # To at most 1, as the difference of two huge coordinates would not be a finite number.
    corners = corners / max(np.abs(corners).max(), np.finfo(np.float64).tiny)
    edges = corners - np.roll(corners, 1, axis=1)
    longest = np.einsum("tci,tci->tc", edges, edges).max(axis=1)
    doubled_area = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    has_area = doubled_area > _SLIVER * longest
    if not has_area.any():
        raise UserError("holds no triangle with an area: it is no surface")
    extent = np.ptp(corners[has_area].reshape(-1, 3), axis=0).max()
    is_seen = has_area & (longest > (_SPECK * extent) ** 2)
    if not is_seen.any():
        is_seen = has_area
    low, high = corners[is_seen].min(axis=(0, 1)), corners[is_seen].max(axis=(0, 1))
    return corners[is_seen | ((corners >= low) & (corners <= high)).all(axis=(1, 2))]


def _fit(corners: np.ndarray, resolution: int, margin: int) -> np.ndarray:
    """Scales and moves `[T, 3, 3]` so that its box has its middle in the grid's, and the margin on its longest side."""
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    extent = (high - low).max()
    fitted = (corners - (low + high) / 2) * ((resolution - 2 * margin) / extent) + resolution / 2
    return snap(np.clip(fitted, margin, resolution - margin))


def _between_planes(corners: np.ndarray) -> np.ndarray:
    """Moves `[T, 3, 3]` half a voxel along each axis on which it takes an odd number of them.

    In the middle of an even grid its ends would lie on voxels' middles, and flat faces with them: sheets of one voxel
    would come and go with the rounding.
    """
    extents = corners.max(axis=(0, 1)) - corners.min(axis=(0, 1))
    return corners + 0.5 * (np.round(extents) % 2)
