"""Which voxels a triangle touches (Schwarz and Seidel 2010, "Fast Parallel Surface and Solid Voxelization")."""

import numpy as np

from vae_gan3d.voxels.pair_runs import bounded_runs, count_up

# Vertices are rounded to this part of a voxel: it takes away what scaling adds to even numbers, and leaves the sums
# and products below without any rounding of their own.
STEPS_A_VOXEL = 4096
# Pairs of a triangle and a column of voxels that are looked at in one go; each takes a few hundred bytes.
_PAIRS_AT_ONCE = 1 << 18
_TINY = 1e-9


def snap(points: np.ndarray) -> np.ndarray:
    """Rounds coordinates in voxels to the steps that are told apart, `[..., 3]` float64."""
    return np.round(points * STEPS_A_VOXEL) / STEPS_A_VOXEL


def touched_voxels(triangles: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Finds the voxels whose inside a triangle reaches.

    A triangle that lies exactly between two layers of voxels counts for the one behind it, as seen from where its
    corners go counter-clockwise; at the mesh's ends for the inner one. So a closed box takes the voxels that it fills,
    and no surface without holes has a gap through which one could pass from voxel to voxel across their faces.

    Args:
        triangles: `[T, 3, 3]` float64, corners in voxels, within [0, side]; voxel (0, 0, 0) reaches from 0 to 1.
        side: voxels along one side of the grid.

    Returns:
        Pairs: numbers of triangles `[K]`, and the voxels that they touch, `[K]` as indices into the flattened grid.
        Triangles without area touch none.
    """
    corners = snap(triangles)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    corners = _beside_the_planes(corners, normals)
    steepest = np.where(normals.any(axis=1), np.abs(normals).argmax(axis=1), -1)
    owners, voxels = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for axis in range(3):
        order = [(axis + 1) % 3, (axis + 2) % 3, axis]
        chosen = np.flatnonzero(steepest == axis)
        for run in bounded_runs(_column_counts(corners[chosen][:, :, order[:2]]), _PAIRS_AT_ONCE):
            numbers = chosen[run]
            owner, place = _touched_by(corners[numbers][:, :, order], normals[numbers][:, order])
            strides = side ** (2 - np.array(order))
            owners.append(numbers[owner])
            voxels.append(place @ strides)
    return np.concatenate(owners), np.concatenate(voxels)


def _beside_the_planes(corners: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Moves triangles that lie in a plane between two layers into the middle of the layer that they count for."""
    height = corners[:, 0]  # [T, 3]
    flat = (corners == height[:, np.newaxis]).all(axis=1) & (height == np.floor(height))
    shift = np.where(normals > 0, -0.5, 0.5)
    shift = np.where(height == corners.max(axis=(0, 1), initial=0), -0.5, shift)
    shift = np.where(height == corners.min(axis=(0, 1), initial=np.inf), 0.5, shift)
    return corners + np.where(flat, shift, 0)[:, np.newaxis]


def _column_counts(corners: np.ndarray) -> np.ndarray:
    """How many columns of voxels lie under the box around each triangle `[T, 3, 2]`: `[T]` int64."""
    return (np.ceil(corners.max(axis=1)) - np.floor(corners.min(axis=1))).astype(np.int64).prod(axis=1)


def _touched_by(corners: np.ndarray, normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The voxels that triangles touch whose normals are steepest along the last axis.

    Args:
        corners: `[T, 3, 3]`, each corner as (u, v, w).
        normals: `[T, 3]`, likewise.

    Returns:
        Numbers of triangles `[K]` and voxels `[K, 3]` int64.
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
    """Whether the inside of the square from (p, q) to (p + 1, q + 1) lies on the inner side of all three edges.

    Args:
        corners: `[T, 3, 2]`, triangles in a plane; one that is seen edge-on is a line.
        owner: `[K]`, the triangle that each square is compared with.
        p: `[K]`, one side of the squares.
        q: `[K]`, the other.

    Returns:
        `[K]` bool.
    """
    edges = np.roll(corners, -1, axis=1) - corners  # [T, 3, 2]
    area = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]
    turn = np.where(area < 0, -1.0, 1.0)[:, np.newaxis]
    across_p, across_q = -edges[:, :, 1] * turn, edges[:, :, 0] * turn
    # The corner of a unit square that lies furthest inwards; an edge that is a point here keeps nothing out.
    furthest = np.maximum(across_p, 0) + np.maximum(across_q, 0)
    furthest -= across_p * corners[:, :, 0] + across_q * corners[:, :, 1]
    furthest[(across_p == 0) & (across_q == 0)] = 1
    inside = np.ones(len(owner), bool)
    for edge in range(3):
        inside &= across_p[owner, edge] * p + across_q[owner, edge] * q + furthest[owner, edge] > 0
    return inside
