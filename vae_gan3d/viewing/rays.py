"""Which voxels the camera's rays pass, in order: worked out once for a grid side and a picture size."""

import dataclasses
import functools

import numpy as np

# The camera looks from low x, low y and above, so that a chair of 3D ShapeNets (back at high x) shows its seat.
_AZIMUTH = np.deg2rad(38.0)
_ELEVATION = np.deg2rad(27.0)
FORWARD = np.array([np.cos(_ELEVATION) * np.cos(_AZIMUTH), np.cos(_ELEVATION) * np.sin(_AZIMUTH), -np.sin(_ELEVATION)])
RIGHT = np.array([np.sin(_AZIMUTH), -np.cos(_AZIMUTH), 0.0])
UP = np.cross(RIGHT, FORWARD)
# Half the picture in sides of the grid: the corners of the grid just touch the border.
HALF_PICTURE = 0.5 * max(np.abs(RIGHT).sum(), np.abs(UP).sum()) * 1.01
_BAND_ROWS = 32


@dataclasses.dataclass(frozen=True)
class RayTable:
    """The voxels that the rays of a picture pass, ray after ray (row by row), each from near to far.

    Attributes:
        rays: `[E]` int32, the ray of each entry, row * pixels + column; ascending.
        voxels: `[E]` int32, the flat index of the voxel in a `[N, N, N]` grid of C order.
        faces: `[E]` uint8, the axis of the face through which the ray enters: 0 low x, 1 low y, 2 high z.
    """

    rays: np.ndarray
    voxels: np.ndarray
    faces: np.ndarray


def ray_origins(pixels: int, side: float) -> np.ndarray:
    """Where the rays cross the plane through the grid's middle that faces the camera.

    Args:
        pixels: rows and columns of the picture.
        side: side of the grid in voxels.

    Returns:
        `[pixels, pixels, 3]` float64 x, y, z in voxels; the grid spans 0 to `side` on each axis.
    """
    across = ((np.arange(pixels) + 0.5) / pixels * 2 - 1) * HALF_PICTURE * side
    return side / 2 + across[None, :, None] * RIGHT - across[:, None, None] * UP


@functools.lru_cache(maxsize=4)
def ray_table(side: int, pixels: int) -> RayTable:
    """Works out the voxels along every ray; the last few tables are kept.

    Args:
        side: side N of the grid in voxels.
        pixels: rows and columns of the picture.

    Returns:
        The table, about `1.3 * N * pixels²` entries of 9 bytes at most.
    """
    origins = ray_origins(pixels, side)
    bands = [
        _band_table(origins[row : row + _BAND_ROWS].reshape(-1, 3), side, row * pixels)
        for row in range(0, pixels, _BAND_ROWS)
    ]
    return RayTable(*(np.concatenate(columns) for columns in zip(*bands, strict=True)))


def _band_table(origins: np.ndarray, side: int, first_ray: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The columns of `RayTable` for some rays `[R, 3]`, numbered from `first_ray`."""
    rays, voxels, faces, orders = [], [], [], []
    for axis in range(3):
        planes = np.arange(side) + (1 if FORWARD[axis] < 0 else 0)
        distances = (planes - origins[:, axis, None]) / FORWARD[axis]
        cells = np.empty((*distances.shape, 3), np.int32)
        for other in range(3):
            cells[..., other] = np.floor(origins[:, other, None] + distances * FORWARD[other])
        cells[..., axis] = np.arange(side)
        ray, plane = np.nonzero(((cells >= 0) & (cells < side)).all(axis=-1))
        cell = cells[ray, plane]
        rays.append(ray)
        voxels.append((cell[:, 0] * side + cell[:, 1]) * side + cell[:, 2])
        faces.append(np.full(ray.shape, axis, np.uint8))
        # Each step from one voxel to the next adds one to this sum, whatever the face: it counts from near to far.
        orders.append(cell[:, 0] + cell[:, 1] + side - 1 - cell[:, 2])
    ray = np.concatenate(rays)
    order = np.argsort(ray * (3 * side) + np.concatenate(orders), kind="stable")
    return (
        (ray[order] + first_ray).astype(np.int32),
        np.concatenate(voxels)[order].astype(np.int32),
        np.concatenate(faces)[order],
    )
