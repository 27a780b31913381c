"""The bodies that a closed mesh is of, their volumes, and the largest of them."""

import dataclasses

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph


@dataclasses.dataclass(frozen=True, eq=False)
class LargestBody:
    """One body out of a mesh.

    Attributes:
        vertices: `[V, 3]` float32.
        triangles: `[T, 3]` int32.
        bodies: how many bodies the mesh held.
        share: of the volume of all bodies, in [0, 1].
    """

    vertices: np.ndarray
    triangles: np.ndarray
    bodies: int
    share: float


def signed_volume(vertices: np.ndarray, triangles: np.ndarray) -> float:
    """The volume within a closed mesh, negative where the triangles look inwards.

    Args:
        vertices: `[V, 3]`.
        triangles: `[T, 3]` numbers of vertices, counter-clockwise from outside.

    Returns:
        The sum of the tetrahedra from the origin to the triangles.
    """
    return float(_tetrahedra(vertices, triangles).sum())


def largest_body(vertices: np.ndarray, triangles: np.ndarray) -> LargestBody:
    """Leaves of a closed mesh the body with the largest volume, with the cavities in it.

    A body is a connected part with a positive volume; a part with a negative one is the wall of a cavity.

    Args:
        vertices: `[V, 3]` float32, every one used by a triangle.
        triangles: `[T, 3]` int32.

    Returns:
        The largest body; nothing of nothing.
    """
    if not len(triangles):
        return LargestBody(vertices, triangles, 0, 1.0)
    count, parts = _vertex_parts(len(vertices), triangles)
    of_triangles = parts[triangles[:, 0]]
    volumes = np.bincount(of_triangles, _tetrahedra(vertices, triangles), count)
    largest = int(volumes.argmax())
    wall = vertices[triangles[of_triangles == largest]]
    kept = [largest]
    for part in np.flatnonzero(volumes < 0):
        if _encloses(wall, vertices[np.argmax(parts == part)]):
            kept.append(int(part))
    chosen = np.isin(parts, kept)
    numbers = np.cumsum(chosen, dtype=np.int32) - 1
    bodies = volumes > 0
    return LargestBody(
        vertices[chosen],
        numbers[triangles[np.isin(of_triangles, kept)]],
        int(bodies.sum()),
        float(volumes[largest] / volumes[bodies].sum()),
    )


def _tetrahedra(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """The signed volumes `[T]` between the vertices' middle and each triangle."""
    corners = (vertices - vertices.mean(axis=0, dtype=np.float64))[triangles]
    return np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6


def _vertex_parts(count: int, triangles: np.ndarray) -> tuple[int, np.ndarray]:
    """How many connected parts there are, and the number of each vertex's."""
    ends = np.concatenate([triangles[:, :2], triangles[:, 1:]])
    edges = scipy.sparse.coo_array((np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), shape=(count, count))
    return scipy.sparse.csgraph.connected_components(edges, directed=False)


def _encloses(wall: np.ndarray, point: np.ndarray) -> bool:
    """Whether a closed surface `[T, 3, 3]` goes around a point that is not on it.

    By the sum of the solid angles of its triangles (van Oosterom and Strackee 1983), 4π or 0.
    """
    arms = wall.astype(np.float64) - point
    first, second, third = arms[:, 0], arms[:, 1], arms[:, 2]
    lengths = np.linalg.norm(arms, axis=2)
    above = np.einsum("ij,ij->i", first, np.cross(second, third))
    below = (
        lengths.prod(axis=1)
        + np.einsum("ij,ij->i", first, second) * lengths[:, 2]
        + np.einsum("ij,ij->i", second, third) * lengths[:, 0]
        + np.einsum("ij,ij->i", third, first) * lengths[:, 1]
    )
    return abs(2 * np.arctan2(above, below).sum()) > 2 * np.pi
