"""Voxel files read in this process. Files from outside go through `reader_process`, because a parser can crash."""

import pathlib
import warnings
from collections.abc import Callable

import numpy as np
import scipy.io

from vae_gan3d.errors import UserError
from vae_gan3d.voxels.grids import check_grid, check_shape
from vae_gan3d.voxels.text_slices import parse_text_slices

# 128³ doubles take 16 MiB; a .mat file may hold other variables beside the grid.
MAX_FILE_BYTES = 256 << 20
_NUMBER_CLASSES = frozenset(
    "double single int8 uint8 int16 uint16 int32 uint32 int64 uint64 logical".split()  # noqa: SIM905
)
_HDF5_MARK = b"\x89HDF"
_MAT73_MARK = b"MATLAB 7.3"
_NPY_MARK = b"\x93NUMPY"
_NPY_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class GridError(UserError):
    """A voxel file that cannot be used: one line that names the file, the reason and the remedy."""


def read_grid(path: pathlib.Path, variable: str = "instance") -> np.ndarray:
    """Reads one voxel file, chosen by its extension.

    Args:
        path: a MATLAB `.mat` file (up to -v7), a NumPy `.npy` file, or a `.txt` file of text slices.
        variable: the variable of a `.mat` file that holds the grid.

    Returns:
        voxels: `[N, N, N]` uint8 in {0, 1}, N from 1 to 128, as stored (not padded).

    Raises:
        GridError: no such file, an extension that is not read, a damaged or too large file, or no good grid in it.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise GridError(f"{path}: files of type {path.suffix!r} are not read; give one of {', '.join(EXTENSIONS)}")
    _check_file(path)
    try:
        return check_grid(reader(path, variable))
    except GridError:
        raise
    except UserError as error:
        raise GridError(f"{path}: {error}") from error
    except MemoryError as error:
        raise GridError(f"{path}: reading it takes too much memory: the file is damaged or too large") from error
    except Exception as error:
        # The parsers answer damage with every kind of exception: struct.error, zlib.error, TypeError, KeyError...
        reason = _printable(str(error)) or type(error).__name__
        raise GridError(f"{path}: the file is damaged or cut short ({reason}): fetch or write it again") from error


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
        raise GridError(f"{path}: is too large for one grid ({size} bytes); save the grid alone")


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
    check_shape(tuple(shape))


def _read_npy(path: pathlib.Path, variable: str) -> np.ndarray:
    """Reads a `.npy` file, its header checked before any data; mapping it holds the shape against the file's length."""
    del variable
    with open(path, "rb") as file:
        if file.read(len(_NPY_MARK)) != _NPY_MARK:
            raise GridError(f"{path}: is not a NumPy file; save the grid with numpy.save")
        file.seek(0)
        read_header = _NPY_HEADERS[np.lib.format.read_magic(file)]
        shape, _, dtype = read_header(file)
    if dtype.hasobject:
        raise GridError(f"{path}: holds Python objects, which are not read; save the grid as numbers")
    check_shape(shape)
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _read_text(path: pathlib.Path, variable: str) -> np.ndarray:
    """Reads a `.txt` file of text slices."""
    del variable
    return parse_text_slices(path.read_text(encoding="utf-8-sig", errors="replace"))


_READERS: dict[str, Callable[[pathlib.Path, str], np.ndarray]] = {
    ".mat": _read_mat,
    ".npy": _read_npy,
    ".txt": _read_text,
}
EXTENSIONS = tuple(_READERS)
