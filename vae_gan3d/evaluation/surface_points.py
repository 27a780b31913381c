"""Points on the surface of a voxel shape."""

import numpy as np


def surface_points(grid: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Draws points uniformly by area from the exposed faces of a grid's voxels.

    A face is exposed where it lies between an occupied and an empty voxel, those of enclosed hollows included, or
    between an occupied voxel and the grid's border. All faces have one area, so that choosing a face and a place on it
    uniformly is exact.

    Args:
        grid: `[R, R, R]`; voxels other than 0 are occupied.
        count: how many points, at least 1.
        generator: the source of chance; the points are a function of the grid, the count and its state.

    Returns:
        `[count, 3]` float32 in units of the grid's side: voxel (i, j, k) fills [i/R, (i+1)/R] and so on, and the grid
        [0, 1]³.

    Raises:
        ValueError: the grid is not cubic, no voxel is occupied, or the count is below 1.
    """
    if grid.ndim != 3 or len(set(grid.shape)) != 1:
        raise ValueError(f"a grid of shape {grid.shape} has no surface to draw from: give [R, R, R]")
    if count < 1:
        raise ValueError(f"count={count}: draw 1 point or more")
    corners, axes = _exposed_faces(grid)
    if not len(corners):
        raise ValueError("the grid holds no occupied voxel, so it has no surface: leave it out")
    chosen = generator.integers(len(corners), size=count)
    offsets = generator.random((count, 3))
    offsets[np.arange(count), axes[chosen]] = 0
    return ((corners[chosen] + offsets) / len(grid)).astype(np.float32)


def _exposed_faces(grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The low corners of the exposed faces in voxels, `[F, 3]` int, and the axes they are normal to, `[F]` int."""
    padded = np.pad(grid != 0, 1)
    corners = []
    for axis in range(3):
        inside = [slice(1, -1)] * 3
        inside[axis] = slice(None)
        # diff of booleans: whether a voxel differs from the next one.
        corners.append(np.argwhere(np.diff(padded[tuple(inside)], axis=axis)))
    axes = np.repeat(np.arange(3), [len(found) for found in corners])
    return np.concatenate(corners), axes
