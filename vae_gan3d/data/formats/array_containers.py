"""NumPy (`.npy`, `.npz`) and HDF5 (`.h5`, `.hdf5`, MATLAB 7.3 `.mat`) files as named arrays. Never unpickles."""

import dataclasses
import io
import math
import os
import pathlib
import struct
import zipfile
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING

import numpy as np

from vae_gan3d.data.grids import check_type
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


_NPY_MARK = b"\x93NUMPY"
# How a header's length is written, and what reads the two.
_NPY_HEADERS = {
    (1, 0): ("<H", np.lib.format.read_array_header_1_0),
    (2, 0): ("<I", np.lib.format.read_array_header_2_0),
}
_LONGEST_HEADER = 10_000
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MOST_ARRAYS = 10_000
_TEXT_KINDS = "US"
_Header = tuple[tuple[int, ...], bool, np.dtype]


def npy_arrays(path: pathlib.Path) -> Iterator[StoredArray]:
    """The array of a `.npy` file; its shape is held against the file's length first.

    Yields:
        One array, without a name.

    Raises:
        UserError: it is no such file; the message does not name the file.
    """
    with open(path, "rb") as file:
        shape, fortran, dtype = _read_header(file)
        start = file.tell()
        size, present = math.prod(shape) * dtype.itemsize, os.fstat(file.fileno()).st_size - start
    problem = _problem(dtype)
    if present < size and not problem:
        problem = (
            f"the file is damaged or cut short: it promises {size} bytes of numbers and has {present}; "
            "fetch or write it again"
        )

    def slabs(axes: tuple[int, ...], length: int) -> Iterator[np.ndarray]:
        with open(path, "rb") as file:
            file.seek(start)
            yield from stream_slabs(file.read, tuple(shape[axis] for axis in axes), dtype, fortran, length)

    def entry(axes: tuple[int, ...], number: int) -> np.ndarray:
        sides = tuple(shape[axis] for axis in axes[1:])
        with open(path, "rb") as file:
            file.seek(start + number * math.prod(sides) * dtype.itemsize)
            return next(stream_slabs(file.read, (1, *sides), dtype, False, 1))[0]

    yield StoredArray("", shape, problem, fortran, slabs, entry=None if fortran else entry)


def npz_arrays(path: pathlib.Path) -> Iterator[StoredArray]:
    """The arrays of a `.npz` archive.

    No more bytes of one are unpacked than its header says, whatever the archive unpacks to.

    Yields:
        The arrays, in the archive's order.

    Raises:
        UserError: it is no such file; the message does not name the file.
    """
    if not zipfile.is_zipfile(path):
        raise UserError("is not a NumPy archive; save the grid with numpy.savez_compressed")
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
        if len(members) > _MOST_ARRAYS:
            raise UserError(f"holds more than {_MOST_ARRAYS} arrays: save the grid alone")
        for member in members:
            # Of these two no more is unpacked at a time than is asked for.
            if member.compress_type not in _PACKINGS:
                raise UserError("is packed as NumPy packs no archive; save the grid with numpy.savez_compressed")
            with archive.open(member) as file:
                header = _read_header(file)
            yield _member(path, member, header)


def _member(path: pathlib.Path, member: zipfile.ZipInfo, header: _Header) -> StoredArray:
    shape, fortran, dtype = header

    def slabs(axes: tuple[int, ...], length: int) -> Iterator[np.ndarray]:
        with zipfile.ZipFile(path) as archive, archive.open(member) as file:
            _read_header(file)
            yield from stream_slabs(file.read, tuple(shape[axis] for axis in axes), dtype, fortran, length)
            # At the member's end, and only there, its checksum is looked at.
            if file.read(1):
                raise UserError("holds more numbers than its shape says: fetch or write it again")

    name = member.filename.removesuffix(".npy")
    return StoredArray(name, shape, _problem(dtype), fortran, slabs, is_text=dtype.kind in _TEXT_KINDS)


def _problem(dtype: np.dtype) -> str:
    """Why values of a type are no numbers."""
    if dtype.hasobject:
        return "holds Python objects, which are not read; save the grid as numbers"
    try:
        check_type(dtype)
    except UserError as error:
        return str(error)
    return ""


def _read_header(file: IO[bytes]) -> _Header:
    """Shape, order and type of an array, the file then standing at its data."""
    if file.read(len(_NPY_MARK)) != _NPY_MARK:
        raise UserError("is not a NumPy file; save the grid with numpy.save")
    version = tuple(file.read(2))
    if version not in _NPY_HEADERS:
        raise UserError(f"is a NumPy file of version {version}, which is not read; save the grid with numpy.save")
    form, read = _NPY_HEADERS[version]
    start = file.read(struct.calcsize(form))
    length = int.from_bytes(start, "little")
    if length > _LONGEST_HEADER:
        raise UserError(f"the file is damaged: its header takes {length} bytes; fetch or write it again")
    shape, fortran, dtype = read(io.BytesIO(start + file.read(length)))
    if min(shape, default=0) < 0:
        raise UserError(f"the file is damaged: its shape is {shape}; fetch or write it again")
    return shape, fortran, dtype


if TYPE_CHECKING:
    import h5py

_DEEPEST_GROUP = 4
_NUMBER_KINDS = "biuf"
# Of MATLAB's, what is stored as numbers and holds none.
_CLASSES_WITHOUT_NUMBERS = ("char", "cell", "struct", "function_handle", "opaque")


def hdf5_arrays(path: pathlib.Path) -> Iterator[StoredArray]:
    """The arrays of an HDF5 file, in its groups too: `b` of the group `a` is called `a.b`.

    A file of MATLAB 7.3 gives its variables with the axes that MATLAB shows. Links are not followed, and arrays that
    keep their numbers in other files are not read.

    Args:
        path: the file.

    Yields:
        The arrays, in the order of their names.

    Raises:
        UserError: it holds too many arrays; the message does not name the file.
        OSError: it is no HDF5 file, or is damaged.
    """
    # A filter that is no part of h5py would be loaded as a library from wherever the environment says.
    os.environ["HDF5_PLUGIN_PRELOAD"] = "::"
    import h5py  # a tenth of a second, which readers of other files save

    if not h5py.is_hdf5(path):
        kind = "a MATLAB v7.3 (HDF5) file" if path.suffix.lower() == ".mat" else "an HDF5 file"
        raise UserError(f"is damaged, or is not {kind}: fetch or write it again")
    with h5py.File(path, "r") as file:
        names = list(_dataset_names(file))
        matlab = path.suffix.lower() == ".mat"
        arrays = [_stored_array(path, name, file[name], matlab) for name in names]
    yield from arrays


def _dataset_names(group: "h5py.Group", depth: int = 0) -> Iterator[str]:
    """The full names of the arrays in a group and the groups in it, but MATLAB's own (`#refs#`)."""
    import h5py

    if len(group) > _MOST_ARRAYS:
        raise UserError(f"holds more than {_MOST_ARRAYS} arrays: save the grid alone")
    for name in group:
        if name.startswith("#") or not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        kind = group.get(name, getclass=True)
        if kind is h5py.Dataset:
            yield f"{group.name.rstrip('/')}/{name}"
        elif kind is h5py.Group and depth < _DEEPEST_GROUP:
            yield from _dataset_names(group[name], depth + 1)


def _stored_array(path: pathlib.Path, full_name: str, dataset: "h5py.Dataset", matlab: bool) -> StoredArray:
    stored_shape = tuple(map(int, dataset.shape or ()))
    shape = stored_shape[::-1] if matlab else stored_shape

    def slabs(axes: tuple[int, ...], length: int) -> Iterator[np.ndarray]:
        import h5py

        stored_axes = sorted(len(shape) - 1 - axis for axis in axes) if matlab else list(axes)
        with h5py.File(path, "r") as file:
            array = file[full_name]
            source = array.asstr() if h5py.check_string_dtype(array.dtype) else array
            if not stored_axes:
                yield np.asarray(source[()])
                return
            selection: list[int | slice] = [slice(None) if axis in stored_axes else 0 for axis in range(len(shape))]
            for start in range(0, stored_shape[stored_axes[0]], length):
                selection[stored_axes[0]] = slice(start, start + length)
                part = np.asarray(source[tuple(selection)])
                yield part.T if matlab else part

    text = bool(_is_text(dataset))
    name = full_name.strip("/").replace("/", ".")
    return StoredArray(name, shape, _hdf5_problem(dataset), matlab, slabs, is_text=text)


def _is_text(dataset: "h5py.Dataset") -> bool:
    import h5py

    return h5py.check_string_dtype(dataset.dtype) is not None


def _hdf5_problem(dataset: "h5py.Dataset") -> str:
    """Why an array gives no numbers."""
    if dataset.shape is None:
        return "is empty"
    if dataset.external or dataset.is_virtual:
        return "keeps its numbers in other files, which are not read: save them in one file"
    kind = dataset.attrs.get("MATLAB_class", b"")
    kind = kind.decode("latin-1") if isinstance(kind, bytes) else str(kind)
    if kind in _CLASSES_WITHOUT_NUMBERS or dataset.dtype.kind not in _NUMBER_KINDS:
        return f"holds values of type {kind or dataset.dtype}; a grid holds the numbers 0 and 1"
    return ""
