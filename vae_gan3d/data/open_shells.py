"""The inside of meshes that are not closed: connected parts, their rims, and lids over the holes."""

import collections
import dataclasses
from collections.abc import Iterator

import numpy as np
import scipy.ndimage
import scipy.sparse
import scipy.sparse.csgraph
import scipy.spatial

from vae_gan3d.data.triangles import STEPS_PER_VOXEL, snap, touched_voxels

# A part that is thinner than this along an axis, in voxels, has no inside.
_LEAST_EXTENT = 3
# In a mesh with more rim edges than this, only holes that matter for the inside get lids.
MOST_LIDDED_EDGES = 20_000
# A corner within this distance of an edge, in voxels, lies on it.
_NEAR = 0.01
_TINY = 1e-9
# With more pairs of an edge and a corner near it than this, edges are not cut.
MOST_PAIRS = 1 << 20
_BITS = 21  # of a coordinate in steps


def fill_inside(
    triangles: np.ndarray, owners: np.ndarray, voxels: np.ndarray, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fills the inside of a surface.

    Voxels that a flood from the grid's border does not reach, across the faces of empty voxels, are inside. If a
    connected part of the mesh has a rim, the flood may enter by a hole. Then voxels that have such a part on both sides
    along at least two axes are inside too, if the flood does not reach them with lids over the holes. So a box without
    its lid is solid, while a bathtub with a crack stays hollow.

    Args:
        triangles: `[T, 3, 3]` float64, corners in voxels, at least one voxel from the border.
        owners: `[K]`, triangle indices of pairs of a triangle and a voxel that it touches (`touched_voxels`).
        voxels: `[K]`, the voxels of these pairs.
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
    if len(is_leaky) <= MOST_LIDDED_EDGES:
        lids = np.concatenate([lids, cap_rims(parts.rims[~is_leaky])])
    return solid, lids


def fill_hollows(surface: np.ndarray) -> np.ndarray:
    """Adds all voxels that a flood from the grid's border does not reach, across the faces of empty voxels."""
    regions, _ = scipy.ndimage.label(~surface)
    return regions != regions[0, 0, 0]


def _enclosed_by(
    parts: np.ndarray, voxels: np.ndarray, side: int
) -> Iterator[tuple[int, tuple[slice, ...], np.ndarray]]:
    """For each part that is not flat: its number, the box around it, and the voxels that it encloses in that box."""
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
    """Voxels that have a shell on both sides along at least two axes."""
    votes = np.zeros(shell.shape, np.uint8)
    for axis in range(3):
        before = np.logical_or.accumulate(shell, axis=axis)
        after = np.flip(np.logical_or.accumulate(np.flip(shell, axis), axis=axis), axis)
        votes += before & after
    return votes >= 2


@dataclasses.dataclass(frozen=True, eq=False)
class MeshParts:
    """The connected parts of a mesh.

    Attributes:
        of_triangles: `[T]`, the part of each triangle.
        rims: `[E, 2, 3]` float64, the ends of edges on a rim (edges of only one triangle), in voxels.
        of_rims: `[E]`, the part of each of these edges.
    """

    of_triangles: np.ndarray
    rims: np.ndarray
    of_rims: np.ndarray


def find_parts(triangles: np.ndarray) -> MeshParts:
    """Finds triangles that are connected at equal corners, whether or not the file shares their vertices.

    Args:
        triangles: `[T, 3, 3]` float64, corners in voxels, not negative.

    Returns:
        The parts.
    """
    steps = np.round(snap(triangles) * STEPS_PER_VOXEL).astype(np.int64)
    keys = (steps[..., 0] << 2 * _BITS) | (steps[..., 1] << _BITS) | steps[..., 2]
    corners, faces = np.unique(keys, return_inverse=True)
    faces = faces.reshape(-1, 3)
    links = faces[:, [0, 1, 1, 2]].reshape(-1, 2)
    matrix = scipy.sparse.coo_matrix((np.ones(len(links), bool), links.T), shape=(len(corners),) * 2)
    part = scipy.sparse.csgraph.connected_components(matrix, directed=False)[1]
    edges = _rim_edges(faces, len(corners))
    mask = (1 << _BITS) - 1
    places = np.stack([corners >> 2 * _BITS, (corners >> _BITS) & mask, corners & mask], axis=1) / STEPS_PER_VOXEL
    return MeshParts(part[faces[:, 0]], places[edges], part[edges[:, 0]])


def _rim_edges(faces: np.ndarray, corner_count: int) -> np.ndarray:
    """The edges of only one face, `[E, 2]` corner indices."""
    # Some programs write a face twice, one for each side, which would hide a rim.
    sides = np.sort(faces, axis=1)
    sides = sides[(sides[:, 0] != sides[:, 1]) & (sides[:, 1] != sides[:, 2])]
    sides = np.unique(sides, axis=0)
    edges = np.concatenate([sides[:, :2], sides[:, 1:], sides[:, ::2]])
    _, first, uses = np.unique(edges[:, 0] * corner_count + edges[:, 1], return_index=True, return_counts=True)
    return edges[first[uses == 1]]


def cap_rims(rims: np.ndarray) -> np.ndarray:
    """Closes each loop of a rim with a fan of triangles around the mean of its corners.

    If a long edge meets several short edges of the neighbouring faces, there is no hole, though none of these edges
    belongs to two faces. So edges are cut at each other's ends first, and equal pieces cancel out.

    Args:
        rims: `[E, 2, 3]` float64, edges in voxels.

    Returns:
        `[T, 3, 3]` float64, the triangles of the lids.
    """
    if not len(rims):
        return np.empty((0, 3, 3))
    corners, numbers = np.unique(rims.reshape(-1, 3), axis=0, return_inverse=True)
    edges = _cut_edges(corners, np.sort(numbers.reshape(-1, 2), axis=1))
    edges, uses = np.unique(edges, axis=0, return_counts=True)
    fans = [_fan(corners[loop]) for loop in _loops(edges[uses % 2 == 1].tolist())]
    return np.concatenate([np.empty((0, 3, 3)), *fans])


def _fan(loop: np.ndarray) -> np.ndarray:
    """Triangles from a loop's edges to its mean, `[N, 3, 3]`."""
    middle = np.broadcast_to(loop.mean(axis=0), loop.shape)
    return np.stack([loop, np.roll(loop, -1, axis=0), middle], axis=1)


def _cut_edges(corners: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Cuts edges at the corners that lie on them: `[E', 2]`, the lower index first."""
    start, way = corners[edges[:, 0]], corners[edges[:, 1]] - corners[edges[:, 0]]
    length = np.linalg.norm(way, axis=1)
    tree = scipy.spatial.cKDTree(corners)
    around = (start + way / 2, length / 2 + _NEAR)
    counts = tree.query_ball_point(*around, return_length=True)
    if counts.sum() > MOST_PAIRS:
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
    """Splits edges into loops without repeated corners. Closes chains that are not loops."""
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
