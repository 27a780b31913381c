"""`.npy` and `.npz` files: what they hold is checked by its header before any of it is unpacked. Never pickles."""

import contextlib
import pathlib
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
_NPY_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_LISTED_KEYS = 10
_DIMENSIONS_OF_SEVERAL = 4
_OCCUPIED_ABOVE = 0.5


def read_npy(path: pathlib.Path) -> np.ndarray:
    """Reads the grid of a `.npy` file, `[X, Y, Z]`; mapping it holds the shape against the file's length.

    Raises:
        UserError: it is no such file, no grid, or holds Python objects; the message does not name the file.
    """
    with open(path, "rb") as file:
        shape, _, _ = _read_header(file)
    _refuse_several(shape)
    check_sides(shape)
    return np.load(path, mmap_mode="r", allow_pickle=False)


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
        size = int(np.prod(shape)) * dtype.itemsize
        data = file.read(size)
    if len(data) != size:
        raise UserError("is cut short: fetch or write it again")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran_order else "C")


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
        with archive.open(members[keys[0]]) as file:
            yield file


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, order and type of an array, the file then standing at its data."""
    if file.read(len(_NPY_MARK)) != _NPY_MARK:
        raise UserError("is not a NumPy file; save the grid with numpy.save")
    version = file.read(2)
    shape, fortran_order, dtype = _NPY_HEADERS[version[0], version[1]](file)
    if dtype.hasobject:
        raise UserError("holds Python objects, which are not read; save the grid as numbers")
    check_type(dtype)
    return shape, fortran_order, dtype


def _refuse_several(shape: tuple[int, ...]) -> None:
    """Says how one of several grids is named."""
    if len(shape) == _DIMENSIONS_OF_SEVERAL:
        raise UserError(f"holds {counted(shape[0], 'shape')}: name one by its number, as in samples.npy:0")
