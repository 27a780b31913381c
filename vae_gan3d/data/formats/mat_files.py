"""MATLAB `.mat` files, versions 5 to 7.3. All sizes are checked before anything is unpacked.

"MAT-File Format" (MathWorks) describes versions 5 to 7.2: after 128 bytes, one element for each variable, compressed or
not, which holds flags, dimensions, a name and the data as elements of its own. Only arrays of numbers are read.
SciPy's reader trusts the sizes in the file: one changed byte can crash the interpreter. Version 7.3 is HDF5.
"""

import dataclasses
import io
import math
import pathlib
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Protocol

import numpy as np

from vae_gan3d.data.formats.format import Format
from vae_gan3d.data.formats.hdf5_files import hdf5_arrays
from vae_gan3d.data.formats.stored_arrays import GRID_DIMENSIONS, StoredArray, stream_slabs
from vae_gan3d.errors import UserError

_MAT73_MARK = b"MATLAB 7.3"
_HDF5_MARK = b"\x89HDF"
_HDF5_START_BYTES = 516  # MATLAB writes a header of 512 bytes before it
_HEADER_BYTES = 128
_BYTE_ORDERS = {b"IM": "<", b"MI": ">"}
_INT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 5, 6, 14, 15
# Element type -> NumPy type, of elements that hold data.
_DATA_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_NUMBER_CLASSES = range(6, 16)  # from double to uint64
_OTHER_CLASSES = {1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse", 16: "function", 17: "opaque"}
_OPAQUE = 17
_COMPLEX = 0x0800
_MOST_DIMENSIONS = 32
_LONGEST_NAME = 255
MOST_VARIABLES = 10_000
_BLOCK_BYTES = 1 << 16
_PIECE_BYTES = 1 << 22


class _Stream(Protocol):
    def read(self, count: int, /) -> bytes | bytearray: ...


@dataclasses.dataclass(frozen=True)
class _Array:
    """The header of a variable."""

    name: str
    kind: int
    is_complex: bool
    shape: tuple[int, ...]


def mat_arrays(path: pathlib.Path) -> Iterator[StoredArray]:
    """The variables of a file that have dimensions, in the file's order."""
    with open(path, "rb") as file:
        start = file.read(_HDF5_START_BYTES)
        if _is_hdf5(start):
            yield from hdf5_arrays(path, matlab=True)
            return
        file.seek(0)
        order = _byte_order(file)
        for place, stream in _elements(file, order):
            array = _read_array(stream, order)
            if array.name:
                yield _stored_array(path, place, order, array)


def _is_hdf5(start: bytes) -> bool:
    """Whether a file is from MATLAB 7.3, or an HDF5 file named `.mat`, from its first bytes."""
    return start.startswith(_MAT73_MARK) or _HDF5_MARK in (start[:4], start[512:516])


def _stored_array(path: pathlib.Path, start: int, order: str, array: _Array) -> StoredArray:
    """The variable whose element begins at the byte `start`."""

    def slabs(axes: tuple[int, ...], length: int) -> Iterator[np.ndarray]:
        with open(path, "rb") as file:
            file.seek(start)
            _, stream = next(_elements(file, order))
            _read_array(stream, order)
            yield from _data_slabs(stream, order, tuple(array.shape[axis] for axis in axes), length)

    return StoredArray(array.name, array.shape, _problem(array), True, slabs)


def _byte_order(file: BinaryIO) -> str:
    """The byte order in the notation of `struct`; leaves the file at its first element."""
    start = file.read(_HEADER_BYTES)
    if 0 in start[:4]:
        raise UserError("is a MATLAB 4 file or damaged; those hold no three-dimensional arrays: save it with -v7")
    order = _BYTE_ORDERS.get(start[_HEADER_BYTES - 2 : _HEADER_BYTES])
    if order is None:
        raise UserError("the file is damaged, or is not a MATLAB file: save the grid with -v7")
    file.seek(_HEADER_BYTES)
    return order


def _elements(file: BinaryIO, order: str) -> Iterator[tuple[int, _Stream]]:
    """The first byte of each variable's element, and a stream of its contents, tag included."""
    for _ in range(MOST_VARIABLES):
        start = file.tell()
        tag = file.read(8)
        if not tag:
            return
        kind, size = struct.unpack(f"{order}2I", tag)
        if not size:
            raise ValueError("a variable takes no bytes")
        if kind == _COMPRESSED:
            yield start, _Inflated(file, size)
        else:
            file.seek(start)
            yield start, file
        file.seek(start + len(tag) + size)
    raise UserError(f"holds more than {MOST_VARIABLES} variables: save the grid alone")


class _Inflated:
    """The contents of a compressed element. Unpacks no more than is asked for."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left = file, size
        self._inflater = zlib.decompressobj()

    def read(self, count: int, /) -> bytearray:
        """The next bytes, fewer at the end."""
        found, filled = bytearray(count), 0
        while filled < count and not self._inflater.eof:
            packed = self._inflater.unconsumed_tail
            if not packed:
                packed = self._file.read(min(self._left, _BLOCK_BYTES))
                self._left -= len(packed)
            part = self._inflater.decompress(packed, min(count - filled, _PIECE_BYTES))
            found[filled : filled + len(part)] = part
            filled += len(part)
            if not packed and not part:
                break
        del found[filled:]
        return found

    def check_end(self) -> None:
        """Refuses contents that are too long or have a wrong checksum."""
        if self.read(1) or not self._inflater.eof:
            raise ValueError("its compressed data does not end where it should")


def _read_array(stream: _Stream, order: str) -> _Array:
    """Reads the header of a variable."""
    kind, _ = struct.unpack(f"{order}2I", _exactly(stream, 8))
    if kind != _MATRIX:
        raise ValueError(f"expected a variable, found an element of type {kind}")
    flags, _ = struct.unpack(f"{order}2I", _read_element(stream, order, _UINT32, 8, least=8))
    array_class = flags & 0xFF
    if array_class == _OPAQUE:  # MATLAB's newer classes have no dimensions here
        return _Array("", array_class, False, ())
    sides = _read_element(stream, order, _INT32, 4 * _MOST_DIMENSIONS)
    shape = struct.unpack(f"{order}{len(sides) // 4}i", sides[: len(sides) // 4 * 4])
    name = _read_element(stream, order, _INT8, _LONGEST_NAME).decode("latin-1")
    return _Array(name, array_class, bool(flags & _COMPLEX), shape)


def _problem(array: _Array) -> str:
    """Why a variable is not an array of real numbers; empty if it is."""
    if array.kind not in _NUMBER_CLASSES:
        kind = _OTHER_CLASSES.get(array.kind, "unknown")
        return f"the variable {array.name!r} is a {kind} array; a grid holds the numbers 0 and 1"
    if array.is_complex:
        return "holds values of type complex; a grid holds the numbers 0 and 1"
    return ""


def _data_slabs(stream: _Stream, order: str, shape: tuple[int, ...], length: int) -> Iterator[np.ndarray]:
    """The numbers, slab by slab, after checking their count against the dimensions."""
    kind, size, start = _read_tag(stream, order)
    if kind not in _DATA_TYPES:
        raise ValueError(f"its numbers have the unknown type {kind}")
    dtype = np.dtype(f"{order}{_DATA_TYPES[kind]}")
    if size != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"its dimensions take {math.prod(shape) * dtype.itemsize} bytes, and it says {size}")
    read = io.BytesIO(start).read if start else stream.read
    yield from stream_slabs(read, shape, dtype, True, length)
    if isinstance(stream, _Inflated):
        stream.read(0 if start else -size % 8)
        stream.check_end()


def _read_element(stream: _Stream, order: str, wanted: int, most: int, least: int = 0) -> bytes | bytearray:
    """Reads a small element of the wanted type, and its padding to eight bytes."""
    kind, size, start = _read_tag(stream, order)
    if kind != wanted or not least <= size <= most:
        raise ValueError(f"expected an element of type {wanted}, found type {kind} with {size} bytes")
    if start:
        return start
    return _exactly(stream, size + -size % 8)[:size]


def _read_tag(stream: _Stream, order: str) -> tuple[int, int, bytes | bytearray]:
    """Type and size of an element, and its data if it is small enough to lie in the tag."""
    tag = _exactly(stream, 8)
    kind, size = struct.unpack(f"{order}2I", tag)
    if kind >> 16:
        kind, size = kind & 0xFFFF, kind >> 16
        if size > 4:
            raise ValueError(f"a small element of {size} bytes")
        return kind, size, tag[4 : 4 + size]
    return kind, size, b""


def _exactly(stream: _Stream, count: int) -> bytes | bytearray:
    data = stream.read(count)
    if len(data) != count:
        raise ValueError(f"expected {count} bytes, found {len(data)}")
    return data


def _may_hold_set(path: pathlib.Path) -> bool:
    """Whether a file has several variables, or a first one of more than three dimensions."""
    with open(path, "rb") as file:
        start = file.read(_HDF5_START_BYTES)
    if _is_hdf5(start):
        return True
    order = _BYTE_ORDERS.get(start[126:128])
    if order is None or len(start) < 192:
        return False
    kind, length = struct.unpack_from(f"{order}2I", start, _HEADER_BYTES)
    if 136 + length < path.stat().st_size:
        return True
    try:
        # The tag of the variable, its flags, and the tag of its dimensions, four bytes each.
        head = zlib.decompressobj().decompress(start[136:], 32) if kind == _COMPRESSED else start[128:160]
        return struct.unpack_from(f"{order}I", head, 28)[0] > 4 * GRID_DIMENSIONS
    except (zlib.error, struct.error):
        return False


def _encode(grid: np.ndarray) -> bytes:
    """A file as 3D ShapeNets has it: the variable `instance`, int8."""
    import scipy.io  # takes 0.2 s, only for writing

    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"instance": grid.astype(np.int8)}, do_compression=True)
    return buffer.getvalue()


MAT = Format(
    extensions=(".mat",),
    list_arrays=mat_arrays,
    usual_array="instance",
    may_hold_set=_may_hold_set,
    encode_grid=_encode,
)
