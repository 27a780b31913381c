"""Voxel grids as arrays: valid values and sizes, padding, resizing, packing to bits."""

import numpy as np
import numpy.typing as npt

from vae_gan3d.errors import UserError

RESOLUTIONS = (16, 32, 64, 128)  # sides that the networks can have
LONGEST_SIDE = 512  # of a grid in a file, before it becomes a cube of at most 128
EMPTY_REASON = "holds no occupied voxel; a shape needs at least one voxel of value 1"
_NUMBER_KINDS = "biuf"
_BYTE_OCCUPIED = 255


def check_resolution(resolution: int) -> int:
    """Refuses a resolution that the networks cannot have.

    Args:
        resolution: voxels along one side.

    Returns:
        The same number.

    Raises:
        UserError: it is not one of `RESOLUTIONS`.
    """
    if isinstance(resolution, bool) or resolution not in RESOLUTIONS:
        raise UserError(f"resolution {resolution!r} is not possible: choose one of 16, 32, 64 or 128")
    return int(resolution)


def check_shape(shape: tuple[int, ...]) -> int:
    """Refuses a shape that is not `[N, N, N]` with N from 1 to the largest of `RESOLUTIONS`.

    Args:
        shape: the shape of an array, which need not be loaded yet.

    Returns:
        N.

    Raises:
        UserError: not three-dimensional, empty, not cubic or too large; the message does not name the file.
    """
    text = "x".join(str(side) for side in shape) or "a single number"
    if len(shape) != 3:
        raise UserError(f"is not three-dimensional ({text}); a grid is N x N x N")
    if min(shape) < 1:
        raise UserError(f"is empty ({text}); a grid is N x N x N with N at least 1")
    if len(set(shape)) != 1:
        raise UserError(f"is not cubic ({text}); a grid is N x N x N, pad the short sides")
    if shape[0] > RESOLUTIONS[-1]:
        raise UserError(f"is too large ({text}); the largest grid is {RESOLUTIONS[-1]} a side, make it smaller")
    return int(shape[0])


def check_grid(array: npt.ArrayLike) -> np.ndarray:
    """Refuses everything except a cubic grid of zeros and ones with at least one occupied voxel.

    Args:
        array: `[N, N, N]` booleans, integers or floats in {0, 1} or {0, 255}, N from 1 to 128.

    Returns:
        `[N, N, N]` uint8 in {0, 1}, contiguous in C order.

    Raises:
        UserError: the shape (`check_shape`), the type or a value is wrong, or no voxel is occupied; the message does
            not name the file.
    """
    values = np.asarray(array)
    check_type(values.dtype)
    check_shape(values.shape)
    grid = check_values(values)
    if not grid.any():
        raise UserError(EMPTY_REASON)
    return grid


def check_type(dtype: np.dtype) -> None:
    """Refuses a type that is not of real numbers, before the values are read.

    Raises:
        UserError: it is not.
    """
    if dtype.kind not in _NUMBER_KINDS:
        raise UserError(f"holds values of type {dtype}; a grid holds the numbers 0 and 1")


def check_values(values: np.ndarray) -> np.ndarray:
    """Refuses numbers other than 0 and 1, or 0 and 255 as in pictures.

    Args:
        values: numbers, of any shape; 255 counts as 1 if there is no 1.

    Returns:
        uint8 in {0, 1} of the same shape, contiguous in C order.

    Raises:
        UserError: there is another number.
    """
    grid = np.ascontiguousarray(values == 1).view(np.uint8)
    wrong = values[(grid == 0) & (values != 0)]
    if not wrong.size:
        return grid
    other = wrong[wrong != _BYTE_OCCUPIED]
    if other.size or grid.any():
        value = f"value {other[0]}" if other.size else "values 1 and 255"
        raise UserError(f"holds the {value}; a grid holds 0 and 1, or 0 and 255: put a threshold on it first")
    return np.ascontiguousarray(values == _BYTE_OCCUPIED).view(np.uint8)


def padded_resolution(side: int) -> int:
    """The smallest of `RESOLUTIONS` that holds a grid of `side` voxels.

    Raises:
        UserError: `side` is not from 1 to 128.
    """
    check_shape((side, side, side))
    return next(resolution for resolution in RESOLUTIONS if resolution >= side)


def pad_grid(grid: np.ndarray) -> np.ndarray:
    """Pads a grid with empty voxels to the next of `RESOLUTIONS`, the same on every side.

    Args:
        grid: `[N, N, N]` uint8, N from 1 to 128. 30 becomes 32 by one voxel on each side; an odd remainder puts the
            extra voxel on the high side.

    Returns:
        `[M, M, M]` uint8 with M in `RESOLUTIONS`; the grid itself if N is one of them.

    Raises:
        UserError: the grid is larger than 128, or not cubic.
    """
    side = check_shape(grid.shape)
    missing = padded_resolution(side) - side
    if not missing:
        return grid
    return np.pad(grid, (missing // 2, missing - missing // 2))


def resize_grid(grid: np.ndarray, resolution: int) -> np.ndarray:
    """Brings a grid to a resolution: nearest-neighbour zoom to a larger one, max-pooling to a smaller one.

    Args:
        grid: `[N, N, N]` uint8 in {0, 1}.
        resolution: the wanted side R; R / N or N / R must be an integer.

    Returns:
        `[R, R, R]` uint8 in {0, 1}; the grid itself if R equals N.

    Raises:
        UserError: neither side is a multiple of the other.
    """
    side = check_shape(grid.shape)
    if resolution < 1 or (resolution % side and side % resolution):
        raise UserError(f"a {side}³ grid cannot be resized to {resolution}³: pad it first (pad_grid)")
    if resolution == side:
        return grid
    if resolution > side:
        factor = resolution // side
        return grid.repeat(factor, axis=0).repeat(factor, axis=1).repeat(factor, axis=2)
    factor = side // resolution
    blocks = grid.reshape(resolution, factor, resolution, factor, resolution, factor)
    return blocks.max(axis=(1, 3, 5))


def packed_bytes(side: int) -> int:
    """The bytes of a packed grid of `side`³ voxels."""
    return (side**3 + 7) // 8


def pack_grid(grid: np.ndarray) -> bytes:
    """Packs a grid to bits, eight voxels a byte in C order, the first voxel in the highest bit.

    Args:
        grid: `[N, N, N]` uint8 in {0, 1}.

    Returns:
        `packed_bytes(N)` bytes; the last bits are zero if N³ is not a multiple of 8.
    """
    return np.packbits(grid, axis=None).tobytes()


def unpack_grid(packed: bytes, resolution: int) -> np.ndarray:
    """Undoes `pack_grid`.

    Args:
        packed: the bytes of one grid.
        resolution: its side N.

    Returns:
        `[N, N, N]` uint8 in {0, 1}, writable.

    Raises:
        UserError: the number of bytes is not that of an N³ grid.
    """
    if len(packed) != packed_bytes(resolution):
        raise UserError(
            f"a packed {resolution}³ grid has {packed_bytes(resolution)} bytes, not {len(packed)}: write it again"
        )
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=resolution**3)
    return bits.reshape(resolution, resolution, resolution)


def centre_grid(grid: np.ndarray) -> np.ndarray:
    """Moves the occupied voxels to the middle of a grid; if they cannot be centred exactly, half a voxel lower.

    Args:
        grid: `[X, Y, Z]`, with at least one occupied voxel.

    Returns:
        The moved grid, of the same shape.
    """
    for axis in range(3):
        layers = np.flatnonzero(grid.any(axis=tuple({0, 1, 2} - {axis})))
        free = grid.shape[axis] - (layers[-1] + 1 - layers[0])
        grid = np.roll(grid, free // 2 - layers[0], axis)
    return grid


def check_sides(shape: tuple[int, ...]) -> None:
    """Refuses a shape that is not three-dimensional, is empty, or has a side over `LONGEST_SIDE`.

    Args:
        shape: the shape of an array, which need not be loaded yet.

    Raises:
        UserError: the shape is refused; the message does not name the file.
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
    end. A grid of over 128 a side is max-pooled by the smallest whole factor that gives 128 or less, padded to a
    multiple of that factor first.

    Args:
        grid: `[X, Y, Z]` uint8 in {0, 1}, at most `LONGEST_SIDE` a side.

    Returns:
        `[N, N, N]` uint8 in {0, 1}; the grid itself if it is such a cube.
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
