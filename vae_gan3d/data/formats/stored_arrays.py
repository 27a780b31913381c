"""Arrays in a file that are not loaded yet: what readers of `.npy`, `.npz`, `.mat` and HDF5 files give."""

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
        name: its name in the file; empty in a `.npy` file.
        shape: its shape, as a reader of the whole file gives it.
        problem: why its values cannot be voxels or labels; empty if they can.
        fortran: whether the first axis varies fastest in the file (Fortran order), not the last.
        slabs: takes the axes to keep (the others have length 1) and a number K, and yields the array in slabs of K
            entries along its slowest axis: the first axis, or the last in Fortran order.
        is_text: whether it holds text.
        entry: takes the axes to keep and an index along the first, and reads that entry alone; None if the file must be
            unpacked up to there.
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
        """The shape without its axes of length 1, but never under three: (1, 32, 32, 32, 1) gives (32, 32, 32)."""
        return tuple(self.shape[axis] for axis in kept_axes(self.shape))

    @property
    def is_grid(self) -> bool:
        """Whether it can be a grid or a set of grids."""
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
    """The axes left after dropping axes of length 1, the first ones first, until three are left."""
    axes = list(range(len(shape)))
    while len(axes) > GRID_DIMENSIONS and 1 in (shape[axis] for axis in axes):
        axes.remove(next(axis for axis in axes if shape[axis] == 1))
    return tuple(axes)


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape in messages: `32x32x32`."""
    return "x".join(map(str, shape)) or "a single number"


def stream_slabs(
    read: Callable[[int], bytes | bytearray], shape: tuple[int, ...], dtype: np.dtype, fortran: bool, length: int
) -> Iterator[np.ndarray]:
    """Reads an array with contiguous data slab by slab, see `StoredArray.slabs`.

    Args:
        read: returns the next bytes of the data, fewer at its end.
        shape: of the array.
        dtype: of its numbers.
        fortran: whether the data is in Fortran order.
        length: entries along the slowest axis in each slab.

    Yields:
        The slabs, in order.

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
