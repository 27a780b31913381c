"""Shapes in files of arrays (`.npy`, `.npz`, `.mat`, HDF5): finds the right array, reads one shape or one of a set."""

import collections
import math
import pathlib
from collections.abc import Iterable, Iterator

import numpy as np

from vae_gan3d.data.formats.registry import format_of
from vae_gan3d.data.formats.stored_arrays import SET_DIMENSIONS, StoredArray, kept_axes, shape_text
from vae_gan3d.data.grids import check_sides
from vae_gan3d.errors import UserError
from vae_gan3d.text import counted, name_some, printable

# If a file has several grids, the first of these names is read, after the format's `usual_array`.
GRID_NAMES = ("voxels", "instance", "grid", "arr_0")
# Packed sets that stay in memory. A process that reads files has 2 GiB.
MOST_PACKED_BYTES = 768 << 20
SLAB_BYTES = 32 << 20
_OCCUPIED_ABOVE = 0.5
_BYTE_OCCUPIED = 255


def list_arrays(path: pathlib.Path) -> Iterator[StoredArray]:
    """The arrays of a file of arrays, not loaded.

    Raises:
        UserError: it is not a file of arrays; the message does not name it.
        Exception: what the format's reader raises on a damaged file.
    """
    found = format_of(path)
    if found is None or found.list_arrays is None:
        raise UserError("is not a file of arrays")
    return found.list_arrays(path)


def read_array(path: pathlib.Path, name: str | None = None, number: int | None = None) -> np.ndarray:
    """Reads one shape.

    Args:
        path: the file.
        name: the array's name; None for the usual one (`choose_array`).
        number: the index of a shape in a set `[N, X, Y, Z]`, from 0; None if the file holds one shape.

    Returns:
        `[X, Y, Z]`: the numbers in the file; for a shape of a set bool, occupied above 0.5.

    Raises:
        UserError: the file does not hold that array or shape, or it is not a grid; the message does not name the file.
        Exception: what the format's reader raises on a damaged file.
    """
    if number is not None:
        return _read_numbered(path, name, number)
    array = choose_array(list_arrays(path), path, name)
    if array.problem:
        raise UserError(array.problem)
    shape = array.grid_shape
    if len(shape) == SET_DIMENSIONS:
        check_set(shape)
        raise UserError(
            f"holds {counted(shape[0], 'shape')}: name one by its number, as in {printable(path.name)}:0, or give the "
            "file to create_tf_record.py as --data_dir"
        )
    check_sides(shape)
    return array.load()


def choose_array(arrays: Iterable[StoredArray], path: pathlib.Path, name: str | None = None) -> StoredArray:
    """The array that holds the shapes of a file.

    Args:
        arrays: the arrays of the file.
        path: the file; it is not opened.
        name: the array's name; None for one of the names in `GRID_NAMES`, or else the only one of three dimensions or
            more.

    Returns:
        The array. It may not be a grid if the file has none.

    Raises:
        UserError: there is none, or several are possible.
    """
    found_format = format_of(path)
    usual = found_format.usual_array if found_format else ""
    wanted = (usual, *GRID_NAMES) if usual else GRID_NAMES
    found = []
    for array in arrays:
        if array.name == name or (name is None and array.name == wanted[0] and array.is_grid):
            return array
        found.append(array)
    if name is not None:
        raise UserError(f"has no array {name!r} ({_held(found)}); name one that it has")
    grids = [array for array in found if array.is_grid]
    for several in (grids, found):
        for usual in wanted:
            for array in several:
                if array.name == usual:
                    return array
        if len(several) == 1:
            return several[0]
        if several is grids and grids:
            example = f"{printable(path.name)}:{printable(grids[0].name)}"
            raise UserError(f"has {len(grids)} arrays that may be shapes ({_held(grids)}): name one, as in {example}")
    raise UserError(f"has no array of three dimensions ({_held(found)}); save the grid as {wanted[0]!r}")


def check_set(shape: tuple[int, ...]) -> None:
    """Refuses a shape that is not that of a set `[N, X, Y, Z]`.

    Raises:
        UserError: the grids are empty or too large, or their number is the last axis, not the first.
    """
    first, *sides = shape
    check_sides(tuple(sides))
    if first == sides[0] == sides[1] != sides[2]:
        raise UserError(
            f"has the shape {shape_text(shape)}, so the number of shapes seems to be last: put it first, with "
            "numpy.moveaxis(a, -1, 0), in MATLAB permute(a, [4 1 2 3])"
        )


def _held(arrays: list[StoredArray]) -> str:
    """What a file holds, for messages."""
    if not arrays:
        return "it holds no array"
    names = sorted(f"{printable(array.name)} {shape_text(array.shape)}".strip() for array in arrays)
    return f"it holds {name_some(names)}"


def _read_numbered(path: pathlib.Path, name: str | None, number: int) -> np.ndarray:
    """One grid of a set. Keeps a set that had to be unpacked, because its next grid is usually read soon."""
    status = path.stat()
    key = (str(path), name, status.st_size, status.st_mtime_ns)
    if key not in _packed_sets:
        array = choose_array(list_arrays(path), path, name)
        if array.problem:
            raise UserError(array.problem)
        shape = array.grid_shape
        if len(shape) != SET_DIMENSIONS:
            return _only_grid(array, number)
        check_set(shape)
        if number >= shape[0]:
            raise UserError(f"holds no shape {number}: it has {shape[0]}, counted from 0")
        if array.entry is not None:
            entry = array.entry(kept_axes(array.shape), number)
            return _PackedSet((1, *shape[1:]), [entry[None]], fortran=False, first=number).grid(number)
        try:
            _packed_sets[key] = _pack(array)
        except Exception as error:
            # Kept too, so that a damaged file is not unpacked again for each of its shapes.
            _packed_sets[key] = error
    _packed_sets.move_to_end(key)
    found = _packed_sets[key]
    if isinstance(found, Exception):
        raise found.with_traceback(None)
    return found.grid(number)


def _only_grid(array: StoredArray, number: int) -> np.ndarray:
    """The grid of an array `[1, X, Y, Z]`; `grid_shape` drops its first axis."""
    shape = array.grid_shape
    check_sides(shape)
    if number or len(array.shape) == len(shape):
        raise UserError(f"holds one shape: leave out :{number}")
    return _PackedSet((1, *shape), [array.load()[None]], fortran=False).grid(0)


class _PackedSet:
    """The grids of a set as bits, and which of them hold values that grids do not have."""

    def __init__(self, shape: tuple[int, ...], slabs: Iterable[np.ndarray], *, fortran: bool, first: int = 0) -> None:
        """Packs an array.

        Args:
            shape: `[N, X, Y, Z]`.
            slabs: the array in slabs along its first axis, or along its last if `fortran`.
            fortran: whether the first axis varies fastest.
            first: the index of the first grid in the file's set.
        """
        count, *sides = shape
        self._first, self._depth, self._fortran = first, sides[2], fortran
        self._bits = np.zeros((count, *sides[:2], -(-sides[2] // 8)), np.uint8)
        self._wrong: dict[int, object] = {}
        # Grids that hold 255, and grids that hold probabilities above 0: no grid may hold both.
        self._bytes, self._probabilities = np.zeros(count, bool), np.zeros(count, bool)
        start = 0
        for slab in slabs:
            rows = slice(None) if fortran else slice(start, start + len(slab))
            occupied = self._check(slab, rows)
            if fortran:
                for depth in range(slab.shape[-1]):
                    place, bit = divmod(start + depth, 8)
                    self._bits[..., place] |= occupied[..., depth].astype(np.uint8) << np.uint8(7 - bit)
            else:
                self._bits[rows] = np.packbits(occupied, axis=-1)
            start += slab.shape[-1] if fortran else len(slab)

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return self._bits.nbytes

    def grid(self, number: int) -> np.ndarray:
        """One grid, `[X, Y, Z]` bool.

        Raises:
            UserError: it holds numbers that a grid does not have.
        """
        row = number - self._first
        if row >= len(self._bits):
            raise UserError(f"holds no shape {number}: it has {len(self._bits)}, counted from 0")
        if row in self._wrong:
            raise UserError(
                f"shape {number} holds the value {self._wrong[row]}; a grid holds 0 and 1, 0 and 255, or probabilities"
            )
        if self._bytes[row] and self._probabilities[row]:
            raise UserError(f"shape {number} holds 255 and smaller numbers too: put a threshold on it first")
        return np.unpackbits(self._bits[row], axis=-1, count=self._depth).astype(bool)

    def _check(self, slab: np.ndarray, rows: slice) -> np.ndarray:
        """Which voxels are occupied; records grids with other numbers."""
        if slab.dtype == bool:
            return slab
        probability = (slab >= 0) & (slab <= 1)
        if probability.all() and not self._fortran:  # whole grids
            return slab > _OCCUPIED_ABOVE
        full = slab == _BYTE_OCCUPIED
        self._bytes[rows] |= full.any(axis=(1, 2, 3))
        self._probabilities[rows] |= (probability & (slab != 0)).any(axis=(1, 2, 3))
        wrong = ~(probability | full)
        for row in np.flatnonzero(wrong.any(axis=(1, 2, 3))):
            self._wrong.setdefault((rows.start or 0) + int(row), slab[row][wrong[row]][0])
        return slab > _OCCUPIED_ABOVE


_packed_sets: collections.OrderedDict[tuple[object, ...], _PackedSet | Exception] = collections.OrderedDict()


def _pack(array: StoredArray) -> _PackedSet:
    """Unpacks a set, and drops the oldest ones if there is not enough memory for all."""
    shape = array.grid_shape
    size = math.prod(shape[:-1]) * -(-shape[-1] // 8)
    if size > MOST_PACKED_BYTES:
        raise UserError(
            f"holds {shape[0]} shapes of {shape_text(shape[1:])}, too many for one such file: save them in several "
            "files, or with numpy.save: .npy files are read one shape at a time"
        )
    while size + sum(held.size for held in _packed_sets.values() if isinstance(held, _PackedSet)) > MOST_PACKED_BYTES:
        _packed_sets.popitem(last=False)
    slowest = shape[-1] if array.fortran else shape[0]
    length = max(1, SLAB_BYTES * slowest // (8 * math.prod(shape)))  # numbers take 8 bytes at most
    return _PackedSet(shape, array.slabs(kept_axes(array.shape), length), fortran=array.fortran)
