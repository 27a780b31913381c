"""The surface of a voxel grid as triangles: the faces towards empty space, at a size that viewers bear."""

import numpy as np
import numpy.typing as npt

from vae_gan3d.data.grids import resize_grid
from vae_gan3d.viewing.render import RIGHT

# The corners of a face across an axis, along the two axes after it: counter-clockwise from that axis's higher side.
_SQUARE = ((0, 0), (1, 0), (1, 1), (0, 1))


def voxel_mesh(grid: npt.ArrayLike, threshold: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Makes a closed surface around the occupied voxels, two triangles for each exposed face.

    Args:
        grid: `[N, N, N]`, values or probabilities.
        threshold: a voxel is occupied where its value is over this.

    Returns:
        Vertices `[V, 3]` float32 in voxels, from 0 to N, each once; and triangles `[T, 3]` int32 of their numbers,
        whose corners go counter-clockwise for who looks from outside. Both are empty where no voxel is occupied.

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
    """The corners `[F, 4, 3]` of the faces across one axis, those at its higher side where `outward`.

    Args:
        occupied: bool, with an empty border of one voxel.
        axis: 0, 1 or 2.
        outward: which of a voxel's two faces.
    """
    neighbor = np.roll(occupied, -1 if outward else 1, axis)
    voxels = np.argwhere(occupied & ~neighbor) - 1
    offsets = np.zeros((4, 3), int)
    offsets[:, axis] = outward
    offsets[:, [(axis + 1) % 3, (axis + 2) % 3]] = _SQUARE if outward else _SQUARE[::-1]
    return voxels[:, np.newaxis] + offsets


# The viewer counts vertices in 16 bits; a grid of 32 a side has 33³ corners, which fit.
_LARGEST_SIDE = 32
_COARSE_SIDE = 16
# 0.24 MB of triangles, and about half as much of vertices.
MOST_TRIANGLES = 20_000
_UP = (0.0, 0.0, 1.0)
# From the grid's axes to the viewer's (right, up, towards the eye), as the pictures of viewing.render show a shape.
_TO_VIEWER = np.stack([RIGHT, _UP, np.cross(RIGHT, _UP)]).astype(np.float32)
# The viewer's scene: light from the upper right, so that the faces of a voxel differ.
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


def viewer_mesh(grid: np.ndarray, threshold: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """The surface of a shape, standing upright in the viewer and seen first as in the pictures.

    A grid of more than 32 a side is max-pooled to 32, and one of more than `MOST_TRIANGLES` then to 16.

    Args:
        grid: `[R, R, R]` with R of 16, 32, 64 or 128, values or probabilities.
        threshold: a voxel is occupied where its value is over this.

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
