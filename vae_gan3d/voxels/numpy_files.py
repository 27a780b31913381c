"""`.npy` and `.npz` files: what they hold is checked by its header before any of it is unpacked. Never pickles."""

import io
import math
import os
import pathlib
import struct
import zipfile
from collections.abc import Iterator
from typing import IO

import numpy as np

from vae_gan3d.errors import UserError
from vae_gan3d.voxels.grids import check_type
from vae_gan3d.voxels.stored_arrays import StoredArray, stream_slabs

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
