"""Shape files read in this process. Files from outside go through `reader_process`, because a parser can crash."""

import pathlib
import warnings
from collections.abc import Callable

import numpy as np
import scipy.io

from vae_gan3d.errors import UserError
from vae_gan3d.voxels.binvox import parse_binvox
from vae_gan3d.voxels.cubes import as_cube, check_sides
from vae_gan3d.voxels.grids import EMPTY_REASON, check_type, check_values
from vae_gan3d.voxels.mesh_reader import MESH_EXTENSIONS, is_mesh, read_mesh
from vae_gan3d.voxels.numbered_shapes import split_number
from vae_gan3d.voxels.numpy_files import read_npy, read_npz, read_numbered_npy
from vae_gan3d.voxels.orientation import turn_grid, turn_points, usual_up_axis
from vae_gan3d.voxels.read_options import DEFAULT_READING, ReadOptions
from vae_gan3d.voxels.text_slices import parse_text_slices

# 128³ doubles take 16 MiB; a .mat file may hold other variables beside the grid.
MAX_FILE_BYTES = 256 << 20
_NUMBER_CLASSES = frozenset(
    "double single int8 uint8 int16 uint16 int32 uint32 int64 uint64 logical".split()  # noqa: SIM905
)
_HDF5_MARK = b"\x89HDF"
_MAT73_MARK = b"MATLAB 7.3"


class GridError(UserError):
    """A shape file that cannot be used: one line that names the file, the reason and the remedy."""


def read_grid(path: pathlib.Path, variable: str = "instance", options: ReadOptions = DEFAULT_READING) -> np.ndarray:
    """Reads one shape file, chosen by its extension.

    Args:
        path: a MATLAB `.mat` file (up to -v7), a NumPy `.npy` or `.npz` file, a `.binvox` file, a `.txt` file of text
            slices, or a mesh (`mesh_reader.MESH_EXTENSIONS`); `FILE.npy:3` is one of the shapes that such a file holds.
        variable: the variable of a `.mat` file that holds the grid.
        options: how meshes become grids, and which way is up in meshes and `.binvox` files.

    Returns:
        voxels: `[N, N, N]` uint8 in {0, 1}, the last axis up; N of a mesh that of the options, else from 1 to 128, as
        stored (not padded to one of `grids.RESOLUTIONS`; see `cubes.as_cube` for unequal and larger sides).

    Raises:
        GridError: no such file, an extension that is not read, a damaged or too large file, or no good shape in it.
    """
    path, number = split_number(path)
    if path.suffix.lower() not in EXTENSIONS:
        raise GridError(f"{path}: files of type {path.suffix!r} are not read; give one of {', '.join(EXTENSIONS)}")
    _check_file(path)
    try:
        if is_mesh(path):
            return _read_mesh_grid(path, options)
        return _as_grid(_read_values(path, variable, options) if number is None else read_numbered_npy(path, number))
    except GridError:
        raise
    except UserError as error:
        raise GridError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from error
    except MemoryError as error:
        raise GridError(f"{path}: reading it takes too much memory: the file is damaged or too large") from error
    except Exception as error:
        # The parsers answer damage with every kind of exception: struct.error, zlib.error, TypeError, KeyError...
        reason = _printable(str(error)) or type(error).__name__
        raise GridError(f"{path}: the file is damaged or cut short ({reason}): fetch or write it again") from error


def _read_mesh_grid(path: pathlib.Path, options: ReadOptions) -> np.ndarray:
    """Reads a mesh as a grid."""
    from vae_gan3d.voxels.voxelize import voxelize  # its part of SciPy is a fifth of a reading process's start

    vertices, triangles = read_mesh(path)
    vertices = turn_points(vertices, options.up_axis or usual_up_axis(path))
    return voxelize(vertices, triangles, options.resolution, options.fill, options.margin)


def _read_values(path: pathlib.Path, variable: str, options: ReadOptions) -> np.ndarray:
    """Reads a file that holds a grid."""
    suffix = path.suffix.lower()
    values = np.asarray(_READERS[suffix](path, variable))
    if suffix == ".binvox":
        return turn_grid(values, options.up_axis or usual_up_axis(path))
    return values


def _as_grid(values: np.ndarray) -> np.ndarray:
    """What a file holds as a cube with something in it."""
    check_type(values.dtype)
    grid = as_cube(check_values(values))
    if not grid.any():
        raise UserError(EMPTY_REASON)
    return grid


def _check_file(path: pathlib.Path) -> None:
    """Refuses what is absent, is no file, cannot be opened, or is empty or too large to be one grid."""
    try:
        if not path.is_file():
            what = "is not a file" if path.exists() else "there is no such file"
            raise GridError(f"{path}: {what}; check the path")
        size = path.stat().st_size
    except OSError as error:
        raise GridError(f"{path}: cannot be opened ({error.strerror}); check the path and its permissions") from error
    if size == 0:
        raise GridError(f"{path}: the file is empty: fetch or write it again")
    if size > MAX_FILE_BYTES:
        raise GridError(f"{path}: is too large for one shape ({size} bytes); save the shape alone")


def _printable(text: str) -> str:
    """One line without control characters: damaged files hold any bytes, and a terminal obeys some of them."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _read_mat(path: pathlib.Path, variable: str) -> np.ndarray:
    """Reads one variable of a `.mat` file, its shape checked before its data is unpacked."""
    with open(path, "rb") as file:
        start = file.read(512)
        if start.startswith(_MAT73_MARK) or _HDF5_MARK in start:
            raise GridError(f"{path}: is a MATLAB v7.3 (HDF5) file, which is not read: save it with -v7")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file.seek(0)
            variables = scipy.io.whosmat(file)
            _check_variable(path, variables, variable)
            file.seek(0)
            return np.asarray(scipy.io.loadmat(file, variable_names=[variable])[variable])


def _check_variable(path: pathlib.Path, variables: list[tuple[str, tuple[int, ...], str]], variable: str) -> None:
    """Refuses a variable that is absent, no number array, or of a wrong shape."""
    found = {name: (shape, kind) for name, shape, kind in reversed(variables)}
    if variable not in found:
        names = _printable(", ".join(sorted(found)[:10])) or "no variable"
        raise GridError(f"{path}: has no variable {variable!r} (it holds {names}); save the grid as {variable!r}")
    shape, kind = found[variable]
    if kind not in _NUMBER_CLASSES:
        raise GridError(f"{path}: the variable {variable!r} is a {kind} array; a grid holds the numbers 0 and 1")
    check_sides(tuple(shape))


def _read_npy(path: pathlib.Path, variable: str) -> np.ndarray:
    """Reads a `.npy` file."""
    del variable
    return read_npy(path)


def _read_npz(path: pathlib.Path, variable: str) -> np.ndarray:
    """Reads a `.npz` file."""
    del variable
    return read_npz(path)


def _read_binvox(path: pathlib.Path, variable: str) -> np.ndarray:
    """Reads a `.binvox` file."""
    del variable
    return parse_binvox(path.read_bytes())


def _read_text(path: pathlib.Path, variable: str) -> np.ndarray:
    """Reads a `.txt` file of text slices."""
    del variable
    return parse_text_slices(path.read_text(encoding="utf-8-sig", errors="replace"))


_READERS: dict[str, Callable[[pathlib.Path, str], np.ndarray]] = {
    ".mat": _read_mat,
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".binvox": _read_binvox,
    ".txt": _read_text,
}
EXTENSIONS = (*_READERS, *MESH_EXTENSIONS)
