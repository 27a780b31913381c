"""Meshes to voxel grids: centred, scaled to fill the grid inside a margin, solid; thin parts are kept."""

import itertools
from collections.abc import Iterable

import numpy as np

from vae_gan3d.config.shapes import DEFAULT_MARGIN, FILLS
from vae_gan3d.data.formats.format import check_triangle_count
from vae_gan3d.data.grids import RESOLUTIONS, centre_grid
from vae_gan3d.data.open_shells import fill_hollows, fill_inside
from vae_gan3d.data.triangles import lattice_places, line_crossings, plane_cuts, snap, touched_voxels
from vae_gan3d.errors import UserError

_UNKNOWN, _OUTSIDE, _INSIDE = 0, 1, 2
# If the centers of two voxels are equally near within this distance, in voxels, the lower one counts as the nearest,
# whatever the rounding.
_TIE = 0.02
# The added distance of a voxel that nothing touches: it is further away than every touched voxel of its cell.
_UNTOUCHED = 4.0
_CORNERS = np.array(list(itertools.product((0, 1), repeat=3)))
_DIAGONALS = np.array([[1, 1, 1], [1, 1, -1], [1, -1, 1], [1, -1, -1]])
# A triangle has no area if its height is below this share of its longest side.
_SLIVER = 1e-9
# A triangle is too small to be seen if its longest side is below this share of the mesh: a voxel is 8e-3 at 128³.
_SPECK = 1e-5


def voxelize(
    vertices: np.ndarray,
    triangles: np.ndarray,
    resolution: int,
    fill: str = "solid",
    margin: int = DEFAULT_MARGIN,
) -> np.ndarray:
    """Turns a mesh into a grid of N³ voxels.

    Centers the box around the triangles (without triangles too thin or small to be seen) and scales its longest side to
    N - 2 margin voxels. With `surface` all voxels that a triangle touches are occupied. With `solid` the voxels whose
    centers are inside the mesh are occupied, and one voxel for each part that is thinner, so that no part is lost
    (`solid_voxels`). With `solid` the box is half a voxel off the center along axes on which it takes an odd number of
    voxels, so that the surface of a grid becomes the same grid again.

    Args:
        vertices: `[V, 3]` numbers, the last axis up.
        triangles: `[T, 3]` integer vertex indices.
        resolution: N, one of 16, 32, 64 and 128.
        fill: `solid` or `surface`.
        margin: empty voxels at both ends of the longest side, 1 to N / 4.

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
        raise UserError("holds no triangle with an area: it is not a surface")
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
        raise UserError(f"names a vertex that does not exist (of {len(vertices)}): fetch or write the file again")
    corners = vertices.astype(np.float64)[triangles]
    if not np.isfinite(corners).all():
        raise UserError("has a vertex that is not a finite number: fetch or write the file again")
    return corners


def _drop_far_slivers(corners: np.ndarray) -> np.ndarray:
    """Drops triangles without area, or too small to be seen, that reach out of the box around the others.

    Inside the box they stay, because they can close the gap between two faces that share no corner.
    """
    # Scaled to at most 1: the difference of two huge coordinates would be infinite.
    corners = corners / max(np.abs(corners).max(), np.finfo(np.float64).tiny)
    edges = corners - np.roll(corners, 1, axis=1)
    longest = np.einsum("tci,tci->tc", edges, edges).max(axis=1)
    doubled_area = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    has_area = doubled_area > _SLIVER * longest
    if not has_area.any():
        raise UserError("holds no triangle with an area: it is not a surface")
    extent = np.ptp(corners[has_area].reshape(-1, 3), axis=0).max()
    is_seen = has_area & (longest > (_SPECK * extent) ** 2)
    if not is_seen.any():
        is_seen = has_area
    low, high = corners[is_seen].min(axis=(0, 1)), corners[is_seen].max(axis=(0, 1))
    return corners[is_seen | ((corners >= low) & (corners <= high)).all(axis=(1, 2))]


def _fit(corners: np.ndarray, resolution: int, margin: int) -> np.ndarray:
    """Centers `[T, 3, 3]` in the grid and scales it, so that the margin is free at both ends of its longest side."""
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    extent = (high - low).max()
    fitted = (corners - (low + high) / 2) * ((resolution - 2 * margin) / extent) + resolution / 2
    return snap(np.clip(fitted, margin, resolution - margin))


def _between_planes(corners: np.ndarray) -> np.ndarray:
    """Moves `[T, 3, 3]` half a voxel along each axis on which it takes an odd number of voxels.

    Otherwise its ends and flat faces would lie on voxel centers, and rounding would decide about sheets of one voxel.
    """
    extents = corners.max(axis=(0, 1)) - corners.min(axis=(0, 1))
    return corners + 0.5 * (np.round(extents) % 2)


def solid_voxels(triangles: np.ndarray, owners: np.ndarray, voxels: np.ndarray, side: int) -> np.ndarray:
    """Finds the voxels of a solid.

    Starts with all voxels that the mesh touches or encloses (`fill_inside`), removes voxels of the surface whose
    centers are outside (`inner_voxels`), and adds voxels for sheets, wires and crumbs (`keep_thin_parts`).

    Args:
        triangles: `[T, 3, 3]` float64, corners in voxels, at least one voxel from the grid's low border and half a
            voxel from its high border.
        owners: `[K]`, triangle indices of pairs of a triangle and a voxel that it touches (`touched_voxels`).
        voxels: `[K]`, the voxels of these pairs.
        side: voxels along one side of the grid.

    Returns:
        `[side, side, side]` bool; the outermost layer is empty.
    """
    solid, lids = fill_inside(triangles, owners, voxels, side)
    touched = np.zeros_like(solid)
    touched.reshape(-1)[voxels] = True
    layer = touched.copy()
    layer.reshape(-1)[touched_voxels(lids, side)[1]] = True
    for grid in (solid, touched, layer):
        grid[:] = np.pad(grid[1:-1, 1:-1, 1:-1], 1)  # centers of the outermost layer are never inside
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


def inner_voxels(solid: np.ndarray, layer: np.ndarray, blocked: np.ndarray) -> np.ndarray:
    """Removes the voxels on the surface of a solid whose centers are outside.

    Voxels beside the surface layer are known to be outside or inside. Both states spread through the layer from center
    to center along the axes, where no triangle is in between, and a voxel takes the state that reaches it first. In a
    closed mesh the two never meet. If they meet at a hole, neither goes far beyond it. A voxel that both reach at the
    same time, or neither, is inside.

    Args:
        solid: `[N, N, N]` bool, all voxels that the mesh touches or encloses.
        layer: `[N, N, N]` bool, voxels that the surface or a lid over a hole touches; the outermost layer is empty.
        blocked: `[3, N, N, N]` bool, whether a triangle is between a voxel's center and the next one along an axis.

    Returns:
        `[N, N, N]` bool, a subset of the solid.
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
    """Neighbours, at least one of them in the layer, with nothing between their centers: two flat indices `[K]`."""
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


def keep_thin_parts(
    inside: np.ndarray, touched: np.ndarray, triangles: np.ndarray, crossings: Iterable[tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    """Adds a voxel wherever the mesh passes between centers that are not inside.

    A sheet without a center inside crosses the line between two centers. A wire that crosses no such line crosses the
    square between four centers. A crumb that crosses no such square lies in the cube between eight centers. (Laine
    2013, "A Topological Approach to Voxelization", uses crosses of such lines for sheets and of such squares for
    wires.) If none of these two, four or eight voxels is occupied, the nearest touched one becomes occupied. So sheets
    have no holes and wires no gaps. If a wire continues only across a corner, a voxel that it touches there is added.

    Args:
        inside: `[N, N, N]` bool, the voxels whose centers are inside; the outermost layer is empty.
        touched: `[N, N, N]` bool, the voxels that a triangle touches; the outermost layer is empty.
        triangles: `[T, 3, 3]` float64, coordinates in the lattice of centers.
        crossings: the results of `line_crossings` for the three axes.

    Returns:
        `[N, N, N]` bool, the voxels inside and the added ones.
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
    """The rows of `[K, M, 3]` whose points lie in one cell of the lattice: its lowest corner `[L, 3]`, and the rows."""
    points = np.floor(places).astype(np.int64)
    within = (points == points[:, :1]).all(axis=(1, 2))
    return points[within, 0], places[within]


def _nearest(
    taken: np.ndarray, distances: np.ndarray, points: np.ndarray, places: np.ndarray, axes: list[int]
) -> np.ndarray:
    """The nearest voxel for each cell of the lattice that holds a part of the mesh and has no occupied voxel.

    Args:
        taken: `[N, N, N]` bool, occupied voxels.
        distances: `[N, N, N]` float64, added to a voxel's own distance.
        points: `[K, 3]` int64, the lowest corners of the cells.
        places: `[K, M, 3]` float64, the ends of what a cell holds.
        axes: the axes that a cell spans: one for a line, two for a square, three for a cube.

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
    middles = (low + high)[:, np.newaxis] / 2 - _TIE / 2
    candidates = cells[:, np.newaxis] + steps
    away = np.abs(middles - corners)[:, :, axes].sum(axis=2) + distances.reshape(-1)[candidates]
    chosen.reshape(-1)[candidates[np.arange(len(cells)), away.argmin(axis=1)]] = True
    return chosen


def _beside_corners(taken: np.ndarray, touched: np.ndarray) -> np.ndarray:
    """A touched voxel beside each corner where two occupied voxels meet and no third voxel is occupied."""
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
    """The distance of neighbours along each axis in the flattened grid."""
    side = grid.shape[0]
    return np.array([side * side, side, 1])
