"""The surface of a voxel grid as a triangle mesh, and a smaller one for the mesh viewer of TensorBoard."""

import numpy as np
import numpy.typing as npt

from vae_gan3d.data.grids import resize_grid
from vae_gan3d.viewing.render import RIGHT

# Corners of a face along the two axes after its normal: counter-clockwise seen from the side that the normal points to.
_SQUARE = ((0, 0), (1, 0), (1, 1), (0, 1))
# The viewer counts vertices in 16 bits; a grid of 32 a side has 33³ corners, which fit.
_LARGEST_SIDE = 32
_COARSE_SIDE = 16
MOST_TRIANGLES = 20_000  # 0.24 MB of triangles, and about half as much of vertices
_UP = (0.0, 0.0, 1.0)
# From the axes of the grid to the axes of the viewer (right, up, towards the eye), with the camera of viewing.render.
_TO_VIEWER = np.stack([RIGHT, _UP, np.cross(RIGHT, _UP)]).astype(np.float32)
# The scene of the viewer. The light comes from the upper right, so that the faces of a voxel differ.
VIEWER = {
    "camera": {"cls": "PerspectiveCamera", "fov": 30},
    "lights": [
        {"cls": "AmbientLight", "color": "#ffffff", "intensity": 0.6},
        {"cls": "DirectionalLight", "color": "#ffffff", "intensity": 0.6, "position": [1, 3, 2]},
    ],
    "material": {
        "cls": "MeshStandardMaterial",
        "color": "#5c99d9",
        "roughness": 1,
        "metalness": 0,
        "flatShading": True,
    },
}


def voxel_mesh(grid: npt.ArrayLike, threshold: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """The closed surface of the occupied voxels: two triangles for each exposed face.

    Args:
        grid: `[N, N, N]`, values or probabilities.
        threshold: voxels above this value are occupied.

    Returns:
        vertices: `[V, 3]` float32 in voxels, from 0 to N, without duplicates.
        triangles: `[T, 3]` int32, indices of vertices, counter-clockwise seen from outside. Both are empty for an empty
            grid.

    Raises:
        ValueError: the grid is not three-dimensional.
    """
    occupied = np.asarray(grid) > threshold
    if occupied.ndim != 3:
        raise ValueError(f"a grid of {occupied.ndim} dimensions has no surface: give [N, N, N]")
    occupied = np.pad(occupied, 1)
    corners = np.concatenate(
        [_exposed_faces(occupied, axis, outward) for axis in range(3) for outward in (False, True)]
    )  # [F, 4, 3]
    sides = np.array(occupied.shape)
    numbers = np.ravel_multi_index(tuple(corners.reshape(-1, 3).T), sides)
    used, places = np.unique(numbers, return_inverse=True)
    faces = places.reshape(-1, 4)
    vertices = np.stack(np.unravel_index(used, sides), axis=1)
    triangles = np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]])
    return vertices.astype(np.float32), triangles.astype(np.int32)


def _exposed_faces(occupied: np.ndarray, axis: int, outward: bool) -> np.ndarray:
    """Corners `[F, 4, 3]` of the exposed faces normal to an axis, on the high side of voxels if `outward`.

    `occupied` has an empty border of one voxel.
    """
    neighbor = np.roll(occupied, -1 if outward else 1, axis)
    voxels = np.argwhere(occupied & ~neighbor) - 1
    offsets = np.zeros((4, 3), int)
    offsets[:, axis] = outward
    offsets[:, [(axis + 1) % 3, (axis + 2) % 3]] = _SQUARE if outward else _SQUARE[::-1]
    return voxels[:, np.newaxis] + offsets


def viewer_mesh(grid: np.ndarray, threshold: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """The surface of a shape in the axes of the viewer, with the same view as in the pictures.

    Max-pools a larger grid to 32 a side, or to 16 if the mesh then has more than `MOST_TRIANGLES`.

    Args:
        grid: `[R, R, R]` with R of 16, 32, 64 or 128, values or probabilities.
        threshold: voxels above this value are occupied.

    Returns:
        Vertices `[V, 3]` float32 in voxels of the grid, and triangles `[T, 3]` int32; none for an empty grid.
    """
    side = len(grid)
    pooled = resize_grid((np.asarray(grid) > threshold).astype(np.uint8), min(side, _LARGEST_SIDE))
    vertices, triangles = voxel_mesh(pooled)
    if len(triangles) > MOST_TRIANGLES and len(pooled) > _COARSE_SIDE:
        pooled = resize_grid(pooled, _COARSE_SIDE)
        vertices, triangles = voxel_mesh(pooled)
    return (vertices * (side / len(pooled))) @ _TO_VIEWER.T, triangles
