"""Renders voxel grids from a three-quarter view by ray casting."""

import concurrent.futures
import dataclasses
import functools
import itertools
import os

import matplotlib.colors
import numpy as np
import numpy.typing as npt
import scipy.ndimage

Color = str | tuple[float, float, float]

DEFAULT_COLOR: Color = (0.36, 0.6, 0.85)
_ELEVATION = np.deg2rad(27.0)
_BAND_ROWS = 32
# NumPy and SciPy let other threads run while they compute.
MOST_THREADS = min(8, os.cpu_count() or 1)
_SUPERSAMPLING = 2
_SIZES = (16, 1024)
_LARGEST_SIDE = 256
# Brightness of faces towards low x, low y and up, seen from the default camera; above 1 they turn white.
_FACE_LIGHT = np.array([1.0, 0.68, 1.4])
_OUTWARD = np.array([[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]])
_OUTLINE = 0.42
_CREASE = 0.9
_OCCLUSION = 1.25
_SHADOW = 0.3


@dataclasses.dataclass(frozen=True)
class Camera:
    """An orthographic camera that looks from low x, low y and above.

    Attributes:
        azimuth: angle of the line of sight from x to y in degrees, above 0 and below 90. The default shows the seat of
            a chair of 3D ShapeNets, whose back is at high x.

    Raises:
        ValueError: the azimuth is out of range.
    """

    azimuth: float = 38.0

    def __post_init__(self) -> None:
        if not 0 < self.azimuth < 90:
            raise ValueError(f"azimuth={self.azimuth}: give a number between 0 and 90, or rotate the grid")

    @functools.cached_property
    def forward(self) -> np.ndarray:
        """Unit vector of the line of sight, `[3]` float64."""
        turn = np.deg2rad(self.azimuth)
        level = np.cos(_ELEVATION)
        return np.array([level * np.cos(turn), level * np.sin(turn), -np.sin(_ELEVATION)])

    @functools.cached_property
    def right(self) -> np.ndarray:
        """Unit vector to the right of the picture, `[3]` float64."""
        turn = np.deg2rad(self.azimuth)
        return np.array([np.sin(turn), -np.cos(turn), 0.0])

    @functools.cached_property
    def up(self) -> np.ndarray:
        """Unit vector to the top of the picture, `[3]` float64."""
        return np.cross(self.right, self.forward)


DEFAULT_CAMERA = Camera()
FORWARD, RIGHT, UP = DEFAULT_CAMERA.forward, DEFAULT_CAMERA.right, DEFAULT_CAMERA.up
# Half the side of the picture, in sides of the grid: for every azimuth the whole grid is in the picture.
HALF_PICTURE = 0.5 * max(np.abs(RIGHT).sum(), np.abs(UP).sum()) * 1.01


@dataclasses.dataclass(frozen=True)
class RayTable:
    """The voxels on the rays of a picture: ray by ray (row by row), near to far.

    Attributes:
        rays: `[E]` int32, the ray of each entry, row * pixels + column; ascending.
        voxels: `[E]` intp, the flat index of the voxel in a `[N, N, N]` grid in C order; NumPy copies other types of
            indices at each use.
        faces: `[E]` uint8, the axis of the face through which the ray enters: 0 low x, 1 low y, 2 high z.
    """

    rays: np.ndarray
    voxels: np.ndarray
    faces: np.ndarray


@functools.lru_cache(maxsize=4)
def ray_origins(pixels: int, side: float, camera: Camera = DEFAULT_CAMERA) -> np.ndarray:
    """Points of the rays on the plane through the centre of the grid that faces the camera.

    Args:
        pixels: height and width of the picture.
        side: side of the grid in voxels.
        camera: the camera.

    Returns:
        `[pixels, pixels, 3]` float64 x, y, z in voxels; the grid spans 0 to `side` on each axis.
    """
    across = ((np.arange(pixels) + 0.5) / pixels * 2 - 1) * HALF_PICTURE * side
    origins: np.ndarray = side / 2 + across[None, :, None] * camera.right - across[:, None, None] * camera.up
    origins.flags.writeable = False  # the array is cached
    return origins


@functools.lru_cache(maxsize=4)
def ray_table(side: int, pixels: int, camera: Camera = DEFAULT_CAMERA) -> RayTable:
    """Computes the voxels on every ray. The last four tables are cached.

    Args:
        side: side N of the grid in voxels.
        pixels: height and width of the picture.
        camera: the camera.

    Returns:
        The table: at most about `1.3 * N * pixels²` entries of 13 bytes.
    """
    origins = ray_origins(pixels, side, camera)

    def band(row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return _band_table(origins[row : row + _BAND_ROWS].reshape(-1, 3), side, row * pixels, camera.forward)

    with concurrent.futures.ThreadPoolExecutor(MOST_THREADS) as threads:
        bands = list(threads.map(band, range(0, pixels, _BAND_ROWS)))
    return RayTable(*(np.concatenate(columns) for columns in zip(*bands, strict=True)))


def _band_table(
    origins: np.ndarray, side: int, first_ray: int, forward: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The columns of `RayTable` for some rays `[R, 3]`, numbered from `first_ray`."""
    rays, voxels, faces, orders = [], [], [], []
    for axis in range(3):
        planes = np.arange(side) + (1 if forward[axis] < 0 else 0)
        distances = (planes - origins[:, axis, None]) / forward[axis]
        inside = np.ones(distances.shape, bool)
        cells = {}
        for other in {0, 1, 2} - {axis}:
            cells[other] = np.floor(origins[:, other, None] + distances * forward[other]).astype(np.int32)
            inside &= (cells[other] >= 0) & (cells[other] < side)
        ray, plane = np.nonzero(inside)
        x, y, z = (plane if number == axis else cells[number][inside] for number in range(3))
        rays.append(ray)
        voxels.append((x * side + y) * side + z)
        faces.append(np.full(ray.shape, axis, np.uint8))
        # Each step from one voxel to the next adds one to this sum, so it sorts from near to far.
        orders.append(x + y + side - 1 - z)
    ray = np.concatenate(rays)
    order = np.argsort(ray * (3 * side) + np.concatenate(orders), kind="stable")
    return (
        (ray[order] + first_ray).astype(np.int32),
        np.concatenate(voxels)[order].astype(np.intp),
        np.concatenate(faces)[order],
    )


@dataclasses.dataclass(frozen=True)
class _Hits:
    """The first occupied voxel on each ray, for P by P pixels.

    Attributes:
        rays: `[H]`, rays with a hit, ascending.
        faces: `[H]`, axis of the face that is hit.
        points: `[H, 3]`, the point of the hit, in voxels.
        depths: `[P, P]`, distance from the middle plane in voxels; infinite without a hit.
        normals: `[P, P]`, axis of the face; 3 without a hit.
    """

    rays: np.ndarray
    faces: np.ndarray
    points: np.ndarray
    depths: np.ndarray
    normals: np.ndarray


def render_voxels(
    voxels: npt.ArrayLike,
    *,
    threshold: float = 0.5,
    size: int = 160,
    color: Color = DEFAULT_COLOR,
    camera: Camera = DEFAULT_CAMERA,
) -> np.ndarray:
    """Draws one grid on white with a soft shadow on the floor.

    The scale depends on the grid, not on the shape, so shapes in grids of the same side can be compared.

    Args:
        voxels: `[N, N, N]` bool, integer or float, usually in [0, 1]; axes x, y, z, z is up; N from 1 to 256.
        threshold: voxels above this value are occupied; NaN is empty.
        size: height and width of the picture in pixels, 16 to 1024.
        color: a matplotlib color name, or red, green and blue in [0, 1].
        camera: the camera; the light turns with it.

    Returns:
        `[size, size, 3]` uint8 red, green, blue; all white for an empty grid.

    Raises:
        ValueError: the array is not a cubic grid of numbers, or the size or the color is invalid.
    """
    grid = _occupied(voxels, threshold)
    _check_size(size)
    base = _check_color(color)
    if not grid.any():
        return np.full((size, size, 3), 255, np.uint8)
    pixels = size * _SUPERSAMPLING
    hits = _cast(grid, pixels, camera)
    layer = np.zeros((pixels, pixels, 4))
    layer.reshape(-1, 4)[hits.rays, :3] = _shade(grid, hits, base, _face_light(camera))
    layer.reshape(-1, 4)[hits.rays, 3] = 1.0
    small = np.zeros((size, size, 4))
    for row, column in itertools.product(
        range(_SUPERSAMPLING), repeat=2
    ):  # `mean` over two axes takes four times as long
        small += layer[row::_SUPERSAMPLING, column::_SUPERSAMPLING] / _SUPERSAMPLING**2
    ground = 1 - _SHADOW * _floor_shadow(grid, size, camera)
    picture = small[..., :3] + (1 - small[..., 3:]) * ground[..., None]
    return np.asarray(np.rint(np.clip(picture, 0, 1) * 255), np.uint8)


def _occupied(voxels: npt.ArrayLike, threshold: float) -> np.ndarray:
    """Checks a grid and applies the threshold: `[N, N, N]` bool, contiguous."""
    values = np.asarray(voxels)
    if values.dtype.kind not in "biuf":
        raise ValueError(f"voxels of type {values.dtype} cannot be drawn: give numbers or booleans")
    if values.ndim != 3 or len(set(values.shape)) != 1 or not 1 <= values.shape[0] <= _LARGEST_SIDE:
        raise ValueError(f"voxels of shape {values.shape} cannot be drawn: give [N, N, N], N from 1 to {_LARGEST_SIDE}")
    return np.ascontiguousarray(values > threshold)


def _check_size(size: int) -> None:
    """Raises ValueError unless the size is an integer in the range."""
    low, high = _SIZES
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or not low <= size <= high:
        raise ValueError(f"size={size!r}: give an integer from {low} to {high} (pixels)")


def _check_color(color: Color) -> np.ndarray:
    """A color as `[3]` float64 red, green, blue in [0, 1]."""
    try:
        return np.array(matplotlib.colors.to_rgb(color))
    except ValueError as error:
        raise ValueError(f"unknown color {color!r}: give a matplotlib color or three numbers in [0, 1]") from error


def _face_light(camera: Camera) -> np.ndarray:
    """Brightness `[3]` of faces towards low x, low y and up; sides that face right are darker."""
    to_the_right = _OUTWARD[:2] @ DEFAULT_CAMERA.right
    slope = (_FACE_LIGHT[1] - _FACE_LIGHT[0]) / (to_the_right[1] - to_the_right[0])
    sides = _FACE_LIGHT[0] + slope * (_OUTWARD[:2] @ camera.right - to_the_right[0])
    return np.append(sides, _FACE_LIGHT[2])


def _cast(grid: np.ndarray, pixels: int, camera: Camera) -> _Hits:
    """Finds the first occupied voxel on every ray."""
    side = grid.shape[0]
    table = ray_table(side, pixels, camera)
    met = np.flatnonzero(grid.reshape(-1).take(table.voxels))
    rays = table.rays[met]
    first = np.ones(rays.shape, bool)
    first[1:] = rays[1:] != rays[:-1]
    rays, met = rays[first], met[first]
    faces, cells = table.faces[met], np.unravel_index(table.voxels[met], grid.shape)
    origins = ray_origins(pixels, side, camera).reshape(-1, 3)[rays]
    planes = np.choose(faces, (cells[0], cells[1], cells[2] + 1))
    distances = (planes - origins[np.arange(len(rays)), faces]) / camera.forward[faces]
    depths = np.full(pixels * pixels, np.inf)
    depths[rays] = distances
    normals = np.full(pixels * pixels, 3, np.uint8)
    normals[rays] = faces
    points = origins + distances[:, None] * camera.forward
    return _Hits(rays, faces, points, depths.reshape(pixels, pixels), normals.reshape(pixels, pixels))


def _shade(grid: np.ndarray, hits: _Hits, base: np.ndarray, face_light: np.ndarray) -> np.ndarray:
    """The color of every hit: `[H, 3]` float64 in [0, 1]."""
    light = face_light[hits.faces] * _open_sky(grid, hits)
    light *= _edges(hits, grid.shape[0]).reshape(-1)[hits.rays]
    bright = np.maximum(light - 1, 0)[:, None]
    return base * np.minimum(light, 1)[:, None] + (1 - base) * bright


def _open_sky(grid: np.ndarray, hits: _Hits) -> np.ndarray:
    """Ambient occlusion `[H]` in (0, 1]: 1 in the open, lower in corners and under seats."""
    blur = max(grid.shape[0] / 22, 0.8)
    density = scipy.ndimage.gaussian_filter(grid.astype(np.float32), blur, mode="constant", truncate=2.5)
    # In front of a plane wall, at a distance of 1.5 blurs, the wall itself gives this density.
    own = 0.067
    places = hits.points + _OUTWARD[hits.faces] * (1.5 * blur) - 0.5
    filled = scipy.ndimage.map_coordinates(density, places.T, order=1, mode="constant")
    return np.clip(1 - _OCCLUSION * np.maximum(filled - own, 0), 0.35, 1)


def _edges(hits: _Hits, side: int) -> np.ndarray:
    """Darkening `[P, P]` in (0, 1] at outlines (the depth jumps) and creases (the face changes)."""
    far = np.pad(np.nan_to_num(hits.depths, posinf=1e6), 1, constant_values=1e6)
    turn = np.pad(hits.normals, 1, constant_values=3)
    here, face = far[1:-1, 1:-1], turn[1:-1, 1:-1]
    outline, crease = np.zeros(here.shape, bool), np.zeros(here.shape, bool)
    jump = max(2.2, side / 14)
    for rows, columns in ((slice(2, None), slice(1, -1)), (slice(None, -2), slice(1, -1)),
                          (slice(1, -1), slice(2, None)), (slice(1, -1), slice(None, -2))):  # fmt: skip
        outline |= far[rows, columns] - here > jump
        crease |= (turn[rows, columns] != face) & (np.abs(far[rows, columns] - here) <= jump)
    return np.where(outline, _OUTLINE, np.where(crease, _CREASE, 1.0))


def _floor_shadow(grid: np.ndarray, size: int, camera: Camera) -> np.ndarray:
    """Shadow `[size, size]` in [0, 1] on the floor, at the level of the lowest voxel."""
    side = grid.shape[0]
    lowest = int(np.flatnonzero(grid.any(axis=(0, 1)))[0])
    reach = np.exp(-(np.arange(side) - lowest) / (0.22 * side)) * (np.arange(side) >= lowest)
    margin = side // 4 + 1
    cast = np.pad((grid * reach).max(axis=2), margin)
    soft = scipy.ndimage.gaussian_filter(cast, max(side / 20, 0.6), mode="constant")
    origins = ray_origins(size, side, camera)
    distances = (lowest - origins[..., 2]) / camera.forward[2]
    places = origins[..., :2] + distances[..., None] * camera.forward[:2] + (margin - 0.5)
    return scipy.ndimage.map_coordinates(soft, np.moveaxis(places, -1, 0), order=1, mode="constant")
