"""`.npy` and `.npz` files: what they hold is checked by its header before any of it is unpacked. Never pickles."""

import contextlib
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
from vae_gan3d.voxels.cubes import check_sides
from vae_gan3d.voxels.grids import check_type
from vae_gan3d.wording import counted

# Of an archive with several arrays, the first of these that is there.
GRID_KEYS = ("voxels", "instance", "grid", "arr_0")
_NPY_MARK = b"\x93NUMPY"
# How a header's length is written, and what reads the two.
_NPY_HEADERS = {
    (1, 0): ("<H", np.lib.format.read_array_header_1_0),
    (2, 0): ("<I", np.lib.format.read_array_header_2_0),
}
_LONGEST_HEADER = 10_000
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_LISTED_KEYS = 10
_DIMENSIONS_OF_SEVERAL = 4
_OCCUPIED_ABOVE = 0.5


def read_npy(path: pathlib.Path) -> np.ndarray:
    """Reads the grid of a `.npy` file, `[X, Y, Z]`; its shape is held against the file's length first.

    Raises:
        UserError: it is no such file, no grid, or holds Python objects; the message does not name the file.
    """
    with open(path, "rb") as file:
        shape, fortran_order, dtype = _read_header(file)
        _refuse_several(shape)
        check_sides(shape)
        size, present = math.prod(shape) * dtype.itemsize, os.fstat(file.fileno()).st_size - file.tell()
        if present < size:
            raise UserError(
                f"the file is damaged or cut short: it promises {size} bytes of numbers and has {present}; "
                "fetch or write it again"
            )
        return _array(file.read(size), shape, fortran_order, dtype)


def read_numbered_npy(path: pathlib.Path, number: int) -> np.ndarray:
    """Reads one grid of a `.npy` file of several, such as the phases write.

    Args:
        path: of an array `[N, X, Y, Z]`, 0 and 1 or probabilities.
        number: of the grid, from 0.

    Returns:
        `[X, Y, Z]` bool, occupied above 0.5.

    Raises:
        UserError: it is no such file, holds no such grid, or other numbers; the message does not name the file.
    """
    with open(path, "rb") as file:
        shape, _, _ = _read_header(file)
    check_sides(shape[1:] if len(shape) == _DIMENSIONS_OF_SEVERAL else shape)
    if len(shape) != _DIMENSIONS_OF_SEVERAL:
        raise UserError(f"holds one shape: leave out :{number}")
    if number >= shape[0]:
        raise UserError(f"holds no shape {number}: it has {shape[0]}, counted from 0")
    grid = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False)[number])
    wrong = grid[~((grid >= 0) & (grid <= 1))]
    if wrong.size:
        raise UserError(f"shape {number} holds the value {wrong[0]}; a grid holds 0 and 1, or probabilities")
    return grid > _OCCUPIED_ABOVE


def read_npz(path: pathlib.Path) -> np.ndarray:
    """Reads the grid of a `.npz` archive: its only array, or the first of `GRID_KEYS`.

    Returns:
        `[X, Y, Z]`, of no more bytes than the array's header says, whatever the archive unpacks to.

    Raises:
        UserError: it is no such file, holds no such array, or Python objects; the message does not name the file.
    """
    with _open_array(path) as file:
        shape, fortran_order, dtype = _read_header(file)
        check_sides(shape)
        data = file.read(math.prod(shape) * dtype.itemsize)
        # At the member's end, and only there, its checksum is looked at.
        if file.read(1):
            raise UserError("holds more numbers than its shape says: fetch or write it again")
    return _array(data, shape, fortran_order, dtype)


@contextlib.contextmanager
def _open_array(path: pathlib.Path) -> Iterator[IO[bytes]]:
    """The member of an archive that holds the grid."""
    if not zipfile.is_zipfile(path):
        raise UserError("is not a NumPy archive; save the grid with numpy.savez_compressed")
    with zipfile.ZipFile(path) as archive:
        members = {name.removesuffix(".npy"): name for name in archive.namelist() if name.endswith(".npy")}
        keys = [key for key in GRID_KEYS if key in members] or list(members)
        if len(keys) != 1 and not any(key in members for key in GRID_KEYS):
            found = ", ".join(list(members)[:_LISTED_KEYS]) or "no array"
            raise UserError(f"holds {found}: save the grid as 'voxels'")
        member = archive.getinfo(members[keys[0]])
        # Of these two no more is unpacked at a time than is asked for.
        if member.compress_type not in _PACKINGS:
            raise UserError("is packed as NumPy packs no archive; save the grid with numpy.savez_compressed")
        with archive.open(member) as file:
            yield file


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
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
    shape, fortran_order, dtype = read(io.BytesIO(start + file.read(length)))
    if dtype.hasobject:
        raise UserError("holds Python objects, which are not read; save the grid as numbers")
    check_type(dtype)
    return shape, fortran_order, dtype


def _array(data: bytes, shape: tuple[int, ...], fortran_order: bool, dtype: np.dtype) -> np.ndarray:
    """The numbers of an array in its shape."""
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise UserError("is cut short: fetch or write it again")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran_order else "C")


def _refuse_several(shape: tuple[int, ...]) -> None:
    """Says how one of several grids is named."""
    if len(shape) == _DIMENSIONS_OF_SEVERAL:
        raise UserError(f"holds {counted(shape[0], 'shape')}: name one by its number, as in samples.npy:0")
