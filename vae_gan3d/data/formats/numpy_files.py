"""NumPy files: `.npy` with one array, `.npz` with several. Pickled objects are never loaded."""

import dataclasses
import io
import math
import os
import pathlib
import re
import struct
import zipfile
from collections.abc import Iterator
from typing import IO

import numpy as np

from vae_gan3d.data.formats.format import Format
from vae_gan3d.data.formats.stored_arrays import SET_DIMENSIONS, StoredArray, stream_slabs
from vae_gan3d.data.grids import check_type
from vae_gan3d.errors import UserError

_MAGIC = b"\x93NUMPY"
# Version -> format of the header's length, and the function that reads both.
_HEADERS = {
    (1, 0): ("<H", np.lib.format.read_array_header_1_0),
    (2, 0): ("<I", np.lib.format.read_array_header_2_0),
}
_LONGEST_HEADER = 10_000
# For these, zipfile unpacks no more at a time than is asked for.
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MOST_ARRAYS = 10_000
_TEXT_KINDS = "US"
_Header = tuple[tuple[int, ...], bool, np.dtype]


def _npy_arrays(path: pathlib.Path) -> Iterator[StoredArray]:
    """The array of a `.npy` file, after checking its shape against the file's length."""
    with open(path, "rb") as file:
        shape, fortran, dtype = _read_header(file)
        start = file.tell()
        size, present = math.prod(shape) * dtype.itemsize, os.fstat(file.fileno()).st_size - start
    problem = _problem(dtype)
    if present < size and not problem:
        problem = (
            f"the file is damaged or cut short: it should have {size} bytes of numbers and has {present}; "
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


def _npz_arrays(path: pathlib.Path) -> Iterator[StoredArray]:
    """The arrays of a `.npz` archive. Unpacks no more bytes of each than its header says.

    If the archive has an array `shape` with three sides, grids that `numpy.packbits` packed along their last axis are
    listed unpacked.
    """
    arrays = list(_members(path))
    for array in arrays:
        if array.name == "shape" and array.shape == (3,) and not array.problem:
            sides = tuple(map(int, array.load()))
            arrays = [_unpacked(other, sides) for other in arrays]
            break
    yield from arrays


def _members(path: pathlib.Path) -> Iterator[StoredArray]:
    if not zipfile.is_zipfile(path):
        raise UserError("is not a NumPy archive; save the grid with numpy.savez_compressed")
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
        if len(members) > _MOST_ARRAYS:
            raise UserError(f"holds more than {_MOST_ARRAYS} arrays: save the grid alone")
        for member in members:
            if member.compress_type not in _COMPRESSIONS:
                raise UserError("has a compression that NumPy does not use; save the grid with numpy.savez_compressed")
            with archive.open(member) as file:
                header = _read_header(file)
            yield _member(path, member, header)


def _member(path: pathlib.Path, member: zipfile.ZipInfo, header: _Header) -> StoredArray:
    shape, fortran, dtype = header

    def slabs(axes: tuple[int, ...], length: int) -> Iterator[np.ndarray]:
        with zipfile.ZipFile(path) as archive, archive.open(member) as file:
            _read_header(file)
            yield from stream_slabs(file.read, tuple(shape[axis] for axis in axes), dtype, fortran, length)
            # zipfile checks the checksum only at the member's end.
            if file.read(1):
                raise UserError("holds more numbers than its shape says: fetch or write it again")

    name = member.filename.removesuffix(".npy")
    return StoredArray(name, shape, _problem(dtype), fortran, slabs, is_text=dtype.kind in _TEXT_KINDS)


def _unpacked(array: StoredArray, sides: tuple[int, ...]) -> StoredArray:
    """Packed bits of grids of these sides, `[N, X, Y, Z / 8]`, as the grids; any other array unchanged."""
    packed = (*sides[:-1], -(-sides[-1] // 8))
    if array.problem or array.fortran or array.shape[1:] != packed or packed == sides:
        return array

    def slabs(axes: tuple[int, ...], length: int) -> Iterator[np.ndarray]:
        for slab in array.slabs(tuple(range(len(array.shape))), length):
            if slab.dtype != np.uint8:
                raise UserError("holds packed bits that are not bytes: save them as numpy.packbits gives them")
            grids = np.unpackbits(slab, axis=-1, count=sides[-1])
            yield grids if len(axes) == SET_DIMENSIONS else grids[0]

    return dataclasses.replace(array, shape=(array.shape[0], *sides), slabs=slabs, entry=None)


def _problem(dtype: np.dtype) -> str:
    """Why values of a type are not numbers; empty if they are."""
    if dtype.hasobject:
        return "holds Python objects, which are not read; save the grid as numbers"
    try:
        check_type(dtype)
    except UserError as error:
        return str(error)
    return ""


def _read_header(file: IO[bytes]) -> _Header:
    """Shape, Fortran order and type of an array; leaves the file at the start of the data."""
    if file.read(len(_MAGIC)) != _MAGIC:
        raise UserError("is not a NumPy file; save the grid with numpy.save")
    version = tuple(file.read(2))
    if version not in _HEADERS:
        raise UserError(f"is a NumPy file of version {version}, which is not read; save the grid with numpy.save")
    form, read = _HEADERS[version]
    start = file.read(struct.calcsize(form))
    length = int.from_bytes(start, "little")
    if length > _LONGEST_HEADER:
        raise UserError(f"the file is damaged: its header takes {length} bytes; fetch or write it again")
    shape, fortran, dtype = read(io.BytesIO(start + file.read(length)))
    if min(shape, default=0) < 0:
        raise UserError(f"the file is damaged: its shape is {shape}; fetch or write it again")
    return shape, fortran, dtype


_SET_SHAPE = re.compile(rb"['\"]shape['\"]:\s*\((?:\s*[0-9]+L?,){3}\s*[0-9]")


def _may_hold_set(path: pathlib.Path) -> bool:
    """Whether the header of a `.npy` file names four axes or more."""
    with open(path, "rb") as file:
        return _SET_SHAPE.search(file.read(512)) is not None


def _encode_npy(grid: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, grid, allow_pickle=False)
    return buffer.getvalue()


def _encode_npz(grid: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, voxels=grid)
    return buffer.getvalue()


NPY = Format(extensions=(".npy",), list_arrays=_npy_arrays, may_hold_set=_may_hold_set, encode_grid=_encode_npy)
NPZ = Format(extensions=(".npz",), list_arrays=_npz_arrays, encode_grid=_encode_npz, in_results=False)
