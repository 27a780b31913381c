"""`.mat` files of MATLAB 5 to 7.2: arrays of numbers, whose sizes are checked before anything is unpacked.

The format is that of "MAT-File Format" (MathWorks): after 128 bytes one element a variable, compressed or not, which
holds flags, dimensions, a name and the data as elements of its own. Only these are read, and structures, objects and
functions never: SciPy's reader takes sizes as the file gives them, and one changed byte can end the interpreter.
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

from vae_gan3d.data.formats.array_containers import StoredArray, stream_slabs
from vae_gan3d.errors import UserError

_MAT73_MARK = b"MATLAB 7.3"
_HDF5_MARK = b"\x89HDF"
_HDF5_START_BYTES = 516  # MATLAB puts 512 bytes before it
_HEADER_BYTES = 128
_BYTE_ORDERS = {b"IM": "<", b"MI": ">"}
_INT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 5, 6, 14, 15
# Numbers of the elements that hold data, as NumPy calls them.
_DATA_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_NUMBER_CLASSES = range(6, 16)  # from double to uint64
_OTHER_CLASSES = {1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse", 16: "function", 17: "opaque"}
_OPAQUE = 17
_COMPLEX = 0x0800
_MOST_DIMENSIONS = 32
_LONGEST_NAME = 255
_MOST_VARIABLES = 10_000
_BLOCK_BYTES = 1 << 16
_PIECE_BYTES = 1 << 22


class _Stream(Protocol):
    def read(self, count: int, /) -> bytes | bytearray: ...


@dataclasses.dataclass(frozen=True)
class _Array:
    """What an element says of its variable before the data."""

    name: str
    kind: int
    is_complex: bool
    shape: tuple[int, ...]


def is_hdf5_mat(path: pathlib.Path) -> bool:
    """Whether a file is one of MATLAB 7.3, or HDF5 under the name `.mat`.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        start = file.read(_HDF5_START_BYTES)
    return start.startswith(_MAT73_MARK) or _HDF5_MARK in (start[:4], start[512:516])


def mat_arrays(path: pathlib.Path) -> Iterator[StoredArray]:
    """The variables of a file.

    Args:
        path: the file.

    Yields:
        The variables that have dimensions, in the file's order.

    Raises:
        UserError: it is no such file; the message does not name the file.
        ValueError: the file is damaged or cut short.
        OSError: it cannot be read.
        zlib.error: its compressed data is damaged.
    """
    with open(path, "rb") as file:
        order = _byte_order(file)
        for start, stream in _elements(file, order):
            array = _read_array(stream, order)
            if array.name:
                yield _stored_array(path, start, order, array)


def _stored_array(path: pathlib.Path, start: int, order: str, array: _Array) -> StoredArray:
    """A variable whose element begins at a byte of the file."""

    def slabs(axes: tuple[int, ...], length: int) -> Iterator[np.ndarray]:
        with open(path, "rb") as file:
            file.seek(start)
            _, stream = next(_elements(file, order))
            _read_array(stream, order)
            yield from _data_slabs(stream, order, tuple(array.shape[axis] for axis in axes), length)

    return StoredArray(array.name, array.shape, _problem(array), True, slabs)


def _byte_order(file: BinaryIO) -> str:
    """The order of bytes in numbers, as `struct` calls it; the file then stands at its first element."""
    start = file.read(_HEADER_BYTES)
    if 0 in start[:4]:
        raise UserError("is a MATLAB 4 file or damaged; those hold no three-dimensional arrays: save it with -v7")
    order = _BYTE_ORDERS.get(start[_HEADER_BYTES - 2 : _HEADER_BYTES])
    if order is None:
        raise UserError("the file is damaged, or is not a MATLAB file: save the grid with -v7")
    file.seek(_HEADER_BYTES)
    return order


def _elements(file: BinaryIO, order: str) -> Iterator[tuple[int, _Stream]]:
    """Where each variable's element begins, and its contents from its own tag on."""
    for _ in range(_MOST_VARIABLES):
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
    raise UserError(f"holds more than {_MOST_VARIABLES} variables: save the grid alone")


class _Inflated:
    """The contents of a compressed element, of which no more is unpacked than is asked for."""

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
        """Refuses contents that go on, or whose checksum is wrong."""
        if self.read(1) or not self._inflater.eof:
            raise ValueError("its compressed data does not end where it should")


def _read_array(stream: _Stream, order: str) -> _Array:
    """Reads what stands before the data."""
    kind, _ = struct.unpack(f"{order}2I", _exactly(stream, 8))
    if kind != _MATRIX:
        raise ValueError(f"an element of type {kind} stands where a variable should")
    flags, _ = struct.unpack(f"{order}2I", _read_element(stream, order, _UINT32, 8, least=8))
    array_class = flags & 0xFF
    if array_class == _OPAQUE:  # of MATLAB's newer classes, which have no dimensions here
        return _Array("", array_class, False, ())
    sides = _read_element(stream, order, _INT32, 4 * _MOST_DIMENSIONS)
    shape = struct.unpack(f"{order}{len(sides) // 4}i", sides[: len(sides) // 4 * 4])
    name = _read_element(stream, order, _INT8, _LONGEST_NAME).decode("latin-1")
    return _Array(name, array_class, bool(flags & _COMPLEX), shape)


def _problem(array: _Array) -> str:
    """Why a variable is no array of real numbers."""
    if array.kind not in _NUMBER_CLASSES:
        kind = _OTHER_CLASSES.get(array.kind, "unknown")
        return f"the variable {array.name!r} is a {kind} array; a grid holds the numbers 0 and 1"
    if array.is_complex:
        return "holds values of type complex; a grid holds the numbers 0 and 1"
    return ""


def _data_slabs(stream: _Stream, order: str, shape: tuple[int, ...], length: int) -> Iterator[np.ndarray]:
    """The numbers in parts; there must be as many as the dimensions say."""
    kind, size, start = _read_tag(stream, order)
    if kind not in _DATA_TYPES:
        raise ValueError(f"its numbers are of type {kind}, which is none")
    dtype = np.dtype(f"{order}{_DATA_TYPES[kind]}")
    if size != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"its dimensions take {math.prod(shape) * dtype.itemsize} bytes, and it says {size}")
    read = io.BytesIO(start).read if start else stream.read
    yield from stream_slabs(read, shape, dtype, True, length)
    if isinstance(stream, _Inflated):
        stream.read(0 if start else -size % 8)
        stream.check_end()


def _read_element(stream: _Stream, order: str, wanted: int, most: int, least: int = 0) -> bytes | bytearray:
    """Reads a small element of one type, with what fills it up to eight bytes."""
    kind, size, start = _read_tag(stream, order)
    if kind != wanted or not least <= size <= most:
        raise ValueError(f"an element of type {kind} and {size} bytes stands where one of type {wanted} should")
    if start:
        return start
    return _exactly(stream, size + -size % 8)[:size]


def _read_tag(stream: _Stream, order: str) -> tuple[int, int, bytes | bytearray]:
    """Type and size of an element; and its data where it is so small that it lies in the tag."""
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
        raise ValueError(f"{count} bytes should follow, and {len(data)} do")
    return data
