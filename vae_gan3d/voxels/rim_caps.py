"""Lids over the holes of a mesh."""

import collections

import numpy as np
import scipy.spatial

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
