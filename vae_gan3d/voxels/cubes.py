"""Grids of any sides as cubes of at most 128 voxels a side."""

import numpy as np

from vae_gan3d.errors import UserError
from vae_gan3d.voxels.grids import RESOLUTIONS

LONGEST_SIDE = 512


def check_sides(shape: tuple[int, ...]) -> None:
    """Refuses what is not three-dimensional, empty, or longer than `LONGEST_SIDE`, before its data is read.

    Args:
        shape: the shape of an array, which need not be loaded yet.

    Raises:
        UserError: it is one of these; the message does not name the file.
    """
    text = "x".join(str(side) for side in shape) or "a single number"
    if len(shape) != 3:
        raise UserError(f"is not three-dimensional ({text}); a grid is N x N x N")
    if min(shape) < 1:
        raise UserError(f"is empty ({text}); a grid is N x N x N with N at least 1")
    if max(shape) > LONGEST_SIDE:
        raise UserError(f"is too large ({text}); the longest side is {LONGEST_SIDE}, make it smaller")


def as_cube(grid: np.ndarray) -> np.ndarray:
    """Brings a grid to equal sides of at most 128.

    Short sides are padded with empty voxels, the same on both ends; an odd remainder puts the extra voxel on the high
    end. A grid of over 128 a side is max-pooled by the smallest whole factor that brings it to 128 or less, padded to a
    multiple of that factor first.

    Args:
        grid: `[X, Y, Z]` uint8 in {0, 1}, at most `LONGEST_SIDE` a side.

    Returns:
        `[N, N, N]` uint8 in {0, 1}; the grid itself where it is such a cube.
    """
    longest = max(grid.shape)
    factor = -(-longest // RESOLUTIONS[-1])
    side = -(-longest // factor)
    missing = [side * factor - length for length in grid.shape]
    if any(missing):
        grid = np.pad(grid, [(length // 2, length - length // 2) for length in missing])
    if factor == 1:
        return grid
    return grid.reshape(side, factor, side, factor, side, factor).max(axis=(1, 3, 5))
