"""Generated shapes as meshes for TensorBoard's viewer, of a size that its files and its viewer bear."""

import numpy as np

from vae_gan3d.viewing.rays import RIGHT
from vae_gan3d.viewing.voxel_mesh import voxel_mesh
from vae_gan3d.voxels.grids import resize_grid

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
