"""Arrays as files hold them: name, shape, and their numbers in parts, so that a large one is never in memory whole."""

import dataclasses
import math
from collections.abc import Callable, Iterator

import numpy as np

from vae_gan3d.errors import UserError

GRID_DIMENSIONS = 3
SET_DIMENSIONS = 4


@dataclasses.dataclass(frozen=True)
class StoredArray:
    """One array of a file, not loaded yet.

    Attributes:
        name: what the file calls it; empty in a `.npy` file.
        shape: its sides, as a reader of the whole file would give them.
        problem: why it holds no numbers that can be voxels or labels; empty where it does.
        fortran: whether the first axis varies fastest in the file, not the last.
        slabs: takes the axes that are kept (the others have length 1) and a number K, and yields the array in parts of
            K entries of its slowest axis: the first, or the last where `fortran`.
        is_text: whether it holds texts.
        entry: takes the kept axes and an index of the first of them, and reads that entry alone; None where the file
            has to be unpacked up to it.
    """

    name: str
    shape: tuple[int, ...]
    problem: str
    fortran: bool
    slabs: Callable[[tuple[int, ...], int], Iterator[np.ndarray]]
    is_text: bool = False
    entry: Callable[[tuple[int, ...], int], np.ndarray] | None = None

    @property
    def grid_shape(self) -> tuple[int, ...]:
        """The shape without axes of length 1, as far as it has more than three: (1, 32, 32, 32, 1) is (32, 32, 32)."""
        return tuple(self.shape[axis] for axis in kept_axes(self.shape))

    @property
    def is_grid(self) -> bool:
        """Whether it can be a grid, or a set of grids."""
        return not self.problem and len(self.grid_shape) in (GRID_DIMENSIONS, SET_DIMENSIONS)

    @property
    def is_set(self) -> bool:
        """Whether it can be a set of grids, `[N, X, Y, Z]`."""
        return not self.problem and len(self.grid_shape) == SET_DIMENSIONS

    def load(self) -> np.ndarray:
        """The whole array, in `grid_shape`."""
        axes = kept_axes(self.shape)
        slowest = self.shape[axes[-1] if self.fortran else axes[0]] if axes else 1
        parts = list(self.slabs(axes, max(1, slowest)))
        return parts[0] if parts else np.zeros(self.grid_shape, np.uint8)


def kept_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of a shape that stay where axes of length 1 are dropped, the first ones first, until three are left."""
    axes = list(range(len(shape)))
    while len(axes) > GRID_DIMENSIONS and 1 in (shape[axis] for axis in axes):
        axes.remove(next(axis for axis in axes if shape[axis] == 1))
    return tuple(axes)


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as messages call it: `32x32x32`."""
    return "x".join(map(str, shape)) or "a single number"


def stream_slabs(
    read: Callable[[int], bytes | bytearray], shape: tuple[int, ...], dtype: np.dtype, fortran: bool, length: int
) -> Iterator[np.ndarray]:
    """The parts of an array whose numbers lie one after the other, see `StoredArray.slabs`.

    Args:
        read: gives the next bytes of the array's data, fewer at its end.
        shape: of the array.
        dtype: of its numbers.
        fortran: whether the first axis varies fastest.
        length: entries of the slowest axis in a part.

    Yields:
        The parts, in order.

    Raises:
        UserError: the data ends too early.
    """
    shape = shape or (1,)
    slowest = shape[-1] if fortran else shape[0]
    for start in range(0, slowest, length):
        count = min(length, slowest - start)
        part = (*shape[:-1], count) if fortran else (count, *shape[1:])
        size = math.prod(part) * dtype.itemsize
        data = read(size)
        if len(data) != size:
            raise UserError(
                f"the file is damaged or cut short: {size} bytes should follow, and {len(data)} do; "
                "fetch or write it again"
            )
        yield np.frombuffer(data, dtype).reshape(part, order="F" if fortran else "C")
