"""Which voxels the camera's rays pass, in order: worked out once for a grid side and a picture size."""

import dataclasses
import functools

import numpy as np

_ELEVATION = np.deg2rad(27.0)


@dataclasses.dataclass(frozen=True)
class Camera:
    """Where a picture is taken from: low x, low y and above.

    Attributes:
        azimuth: how far the line of sight is turned from x to y, in degrees, between 0 and 90. At the default a chair
            of 3D ShapeNets (back at high x) shows its seat.

    Raises:
        ValueError: the camera would look along an axis, or from another corner of the grid.
    """

    azimuth: float = 38.0

    def __post_init__(self) -> None:
        if not 0 < self.azimuth < 90:
            raise ValueError(f"azimuth {self.azimuth} is not possible: give one between 0 and 90, and turn the grid")

    @functools.cached_property
    def forward(self) -> np.ndarray:
        """The line of sight, `[3]` float64."""
        turn = np.deg2rad(self.azimuth)
        level = np.cos(_ELEVATION)
        return np.array([level * np.cos(turn), level * np.sin(turn), -np.sin(_ELEVATION)])

    @functools.cached_property
    def right(self) -> np.ndarray:
        """What lies to the right in the picture, `[3]` float64."""
        turn = np.deg2rad(self.azimuth)
        return np.array([np.sin(turn), -np.cos(turn), 0.0])

    @functools.cached_property
    def up(self) -> np.ndarray:
        """What lies upwards in the picture, `[3]` float64."""
        return np.cross(self.right, self.forward)


DEFAULT_CAMERA = Camera()
FORWARD, RIGHT, UP = DEFAULT_CAMERA.forward, DEFAULT_CAMERA.right, DEFAULT_CAMERA.up
# Half the picture in sides of the grid: the corners of the grid just touch the border, from whichever azimuth.
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


def ray_origins(pixels: int, side: float, camera: Camera = DEFAULT_CAMERA) -> np.ndarray:
    """Where the rays cross the plane through the grid's middle that faces the camera.

    Args:
        pixels: rows and columns of the picture.
        side: side of the grid in voxels.
        camera: where the picture is taken from.

    Returns:
        `[pixels, pixels, 3]` float64 x, y, z in voxels; the grid spans 0 to `side` on each axis.
    """
    across = ((np.arange(pixels) + 0.5) / pixels * 2 - 1) * HALF_PICTURE * side
    return side / 2 + across[None, :, None] * camera.right - across[:, None, None] * camera.up


@functools.lru_cache(maxsize=4)
def ray_table(side: int, pixels: int, camera: Camera = DEFAULT_CAMERA) -> RayTable:
    """Works out the voxels along every ray; the last few tables are kept.

    Args:
        side: side N of the grid in voxels.
        pixels: rows and columns of the picture.
        camera: where the picture is taken from.

    Returns:
        The table, about `1.3 * N * pixels²` entries of 9 bytes at most.
    """
    origins = ray_origins(pixels, side, camera)
    bands = [
        _band_table(origins[row : row + _BAND_ROWS].reshape(-1, 3), side, row * pixels, camera.forward)
        for row in range(0, pixels, _BAND_ROWS)
    ]
    return RayTable(*(np.concatenate(columns) for columns in zip(*bands, strict=True)))


def _band_table(
    origins: np.ndarray, side: int, first_ray: int, forward: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The columns of `RayTable` for some rays `[R, 3]`, numbered from `first_ray`."""
    rays, voxels, faces, orders = [], [], [], []
    for axis in range(3):
        planes = np.arange(side) + (1 if forward[axis] < 0 else 0)
        distances = (planes - origins[:, axis, None]) / forward[axis]
        cells = np.empty((*distances.shape, 3), np.int32)
        for other in range(3):
            cells[..., other] = np.floor(origins[:, other, None] + distances * forward[other])
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
