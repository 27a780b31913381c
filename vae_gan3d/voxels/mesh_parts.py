"""Connected parts of a mesh, and their rims: the edges of only one triangle, as around a hole."""

import dataclasses

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph

from vae_gan3d.voxels.touched_voxels import STEPS_A_VOXEL, snap

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
