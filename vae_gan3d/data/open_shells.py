"""The inside of meshes that are not closed: connected parts, their rims, and lids over the holes."""

import collections
import dataclasses
from collections.abc import Iterator

import numpy as np
import scipy.ndimage
import scipy.sparse
import scipy.sparse.csgraph
import scipy.spatial

from vae_gan3d.data.triangles import STEPS_A_VOXEL, snap, touched_voxels

_BITS = 21


@dataclasses.dataclass(frozen=True, eq=False)
class MeshParts:
    """A mesh's connected parts.

    Attributes:
        of_triangles: `[T]`, the part of each triangle.
        rims: `[E, 2, 3]` float64, the ends of the edges that lie on a rim, in voxels.
        of_rims: `[E]`, the part of each of them.
    """

    of_triangles: np.ndarray
    rims: np.ndarray
    of_rims: np.ndarray


def find_parts(triangles: np.ndarray) -> MeshParts:
    """Finds what hangs together at shared corners, whatever the file says about shared vertices.

    Args:
        triangles: `[T, 3, 3]` float64, corners in voxels, not negative.

    Returns:
        The parts.
    """
    steps = np.round(snap(triangles) * STEPS_A_VOXEL).astype(np.int64)
    keys = (steps[..., 0] << 2 * _BITS) | (steps[..., 1] << _BITS) | steps[..., 2]
    corners, faces = np.unique(keys, return_inverse=True)
    faces = faces.reshape(-1, 3)
    links = faces[:, [0, 1, 1, 2]].reshape(-1, 2)
    matrix = scipy.sparse.coo_matrix((np.ones(len(links), bool), links.T), shape=(len(corners),) * 2)
    part = scipy.sparse.csgraph.connected_components(matrix, directed=False)[1]
    edges = _rim_edges(faces, len(corners))
    mask = (1 << _BITS) - 1
    places = np.stack([corners >> 2 * _BITS, (corners >> _BITS) & mask, corners & mask], axis=1) / STEPS_A_VOXEL
    return MeshParts(part[faces[:, 0]], places[edges], part[edges[:, 0]])


def _rim_edges(faces: np.ndarray, corner_count: int) -> np.ndarray:
    """The edges of only one face, `[E, 2]` numbers of corners."""
    # Faces that modelling programs write twice, one for each side, would hide a rim.
    sides = np.sort(faces, axis=1)
    sides = sides[(sides[:, 0] != sides[:, 1]) & (sides[:, 1] != sides[:, 2])]
    sides = np.unique(sides, axis=0)
    edges = np.concatenate([sides[:, :2], sides[:, 1:], sides[:, ::2]])
    _, first, uses = np.unique(edges[:, 0] * corner_count + edges[:, 1], return_index=True, return_counts=True)
    return edges[first[uses == 1]]


# A corner this near to an edge, in voxels, lies on it.
_NEAR = 0.01
_TINY = 1e-9
# Beyond so many pairs of an edge and a corner within its reach, edges are taken as they are.
_MOST_PAIRS = 1 << 20


def cap_rims(rims: np.ndarray) -> np.ndarray:
    """Closes each loop of a rim by a fan of triangles around the mean of its corners.

    Where a long edge meets several short ones of the neighbouring faces there is no hole, though none of the edges
    belongs to two faces: such edges are cut at each other's ends first, and pieces that meet cancel each other out.

    Args:
        rims: `[E, 2, 3]` float64, edges in voxels.

    Returns:
        `[T, 3, 3]` float64, the corners of the lids' triangles.
    """
    if not len(rims):
        return np.empty((0, 3, 3))
    corners, numbers = np.unique(rims.reshape(-1, 3), axis=0, return_inverse=True)
    edges = _cut_edges(corners, np.sort(numbers.reshape(-1, 2), axis=1))
    edges, uses = np.unique(edges, axis=0, return_counts=True)
    fans = [_fan(corners[loop]) for loop in _loops(edges[uses % 2 == 1].tolist())]
    return np.concatenate([np.empty((0, 3, 3)), *fans])


def _fan(loop: np.ndarray) -> np.ndarray:
    """The triangles from a loop's edges to its middle, `[N, 3, 3]`."""
    middle = np.broadcast_to(loop.mean(axis=0), loop.shape)
    return np.stack([loop, np.roll(loop, -1, axis=0), middle], axis=1)


def _cut_edges(corners: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Cuts edges at the corners that lie on them, `[E', 2]` with the lower number first."""
    start, way = corners[edges[:, 0]], corners[edges[:, 1]] - corners[edges[:, 0]]
    length = np.linalg.norm(way, axis=1)
    tree = scipy.spatial.cKDTree(corners)
    around = (start + way / 2, length / 2 + _NEAR)
    counts = tree.query_ball_point(*around, return_length=True)
    if counts.sum() > _MOST_PAIRS:
        return edges
    owner = np.repeat(np.arange(len(edges)), counts)
    corner = np.concatenate(tree.query_ball_point(*around)).astype(np.int64)
    from_start = corners[corner] - start[owner]
    along = (from_start * way[owner]).sum(axis=1) / np.maximum(length, _TINY)[owner]
    away = (from_start**2).sum(axis=1) - along**2
    is_first, is_last = corner == edges[owner, 0], corner == edges[owner, 1]
    lies_on = (along > _NEAR) & (along < length[owner] - _NEAR) & (away < _NEAR**2)
    along[is_first], along[is_last] = -np.inf, np.inf
    kept = lies_on | is_first | is_last
    owner, corner, along = owner[kept], corner[kept], along[kept]
    order = np.lexsort((along, owner))
    owner, corner = owner[order], corner[order]
    same = owner[1:] == owner[:-1]
    return np.sort(np.stack([corner[:-1][same], corner[1:][same]], axis=1), axis=1)


def _loops(edges: list[list[int]]) -> list[list[int]]:
    """Takes edges apart into loops without repeated corners; a chain that does not close is closed."""
    neighbors: dict[int, set[int]] = collections.defaultdict(set)
    for first, second in edges:
        neighbors[first].add(second)
        neighbors[second].add(first)
    loops = []
    for start in list(neighbors):
        while neighbors[start]:
            path, places = [start], {start: 0}
            while neighbors[path[-1]]:
                here, following = path[-1], min(neighbors[path[-1]])
                neighbors[here].discard(following)
                neighbors[following].discard(here)
                if following in places:
                    loop = path[places[following] :]
                    loops.append(loop)
                    del path[places[following] + 1 :]
                    for corner in loop[1:]:
                        del places[corner]
                else:
                    places[following] = len(path)
                    path.append(following)
            if len(path) > 2:
                loops.append(path)
    return loops


# A part that is thinner than this along an axis, in voxels, has no inside.
_LEAST_EXTENT = 3
# Of a mesh with more edges on rims than this, only the holes that matter for what is inside get lids.
_MOST_LIDDED_EDGES = 20_000


def fill_inside(
    triangles: np.ndarray, owners: np.ndarray, voxels: np.ndarray, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fills a surface.

    What a flood from the grid's border does not reach across the faces of empty voxels is inside. Where a connected
    part of the mesh has a rim, the flood may enter by a hole. Inside is then also what such a part has on both sides
    along two of the three axes or all three, if a flood does not reach it with lids over the holes either. So a box is
    solid without its lid too, while a tub with a crack stays hollow.

    Args:
        triangles: `[T, 3, 3]` float64, corners in voxels, at least one voxel from the border.
        owners: `[K]`, triangles, and
        voxels: `[K]`, the voxels that they touch (`touched_voxels`).
        side: voxels along one side of the grid.

    Returns:
        `[side, side, side]` bool, the surface and its inside; and the lids over the mesh's holes, `[L, 3, 3]` float64.
    """
    surface = np.zeros((side,) * 3, bool)
    surface.reshape(-1)[voxels] = True
    solid = fill_hollows(surface)
    parts = find_parts(triangles)
    held = np.zeros_like(solid)
    leaky = []
    is_open = np.zeros(parts.of_triangles.max() + 1, bool)
    is_open[parts.of_rims] = True
    kept = is_open[parts.of_triangles[owners]]
    for part, box, inside in _enclosed_by(parts.of_triangles[owners][kept], voxels[kept], side):
        inside &= ~solid[box]
        if inside.any():
            held[box] |= inside
            leaky.append(part)
    is_leaky = np.isin(parts.of_rims, leaky)
    lids = cap_rims(parts.rims[is_leaky])
    if leaky:
        closed = surface.copy()
        closed.reshape(-1)[touched_voxels(lids, side)[1]] = True
        solid |= held & fill_hollows(closed)
    if len(is_leaky) <= _MOST_LIDDED_EDGES:
        lids = np.concatenate([lids, cap_rims(parts.rims[~is_leaky])])
    return solid, lids


def fill_hollows(surface: np.ndarray) -> np.ndarray:
    """Takes in all that a flood from the grid's border does not reach, from face to face of empty voxels."""
    regions, _ = scipy.ndimage.label(~surface)
    return regions != regions[0, 0, 0]


def _enclosed_by(
    parts: np.ndarray, voxels: np.ndarray, side: int
) -> Iterator[tuple[int, tuple[slice, ...], np.ndarray]]:
    """For each part with an extent: its number, the box around it, and what lies within it in that box."""
    order = np.argsort(parts, kind="stable")
    starts = np.flatnonzero(np.diff(parts[order])) + 1
    for group in np.split(order, starts) if len(order) else []:
        indices = np.stack(np.unravel_index(voxels[group], (side,) * 3), axis=1)
        low, high = indices.min(axis=0), indices.max(axis=0) + 1
        if (high - low >= _LEAST_EXTENT).all():
            shell = np.zeros(high - low, bool)
            shell[tuple((indices - low).T)] = True
            yield int(parts[group[0]]), tuple(map(slice, low, high)), _enclosed(shell)


def _enclosed(shell: np.ndarray) -> np.ndarray:
    """Where a shell lies on both sides along at least two axes."""
    votes = np.zeros(shell.shape, np.uint8)
    for axis in range(3):
        before = np.logical_or.accumulate(shell, axis=axis)
        after = np.flip(np.logical_or.accumulate(np.flip(shell, axis), axis=axis), axis)
        votes += before & after
    return votes >= 2
