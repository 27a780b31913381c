"""HDF5 files, also MATLAB 7.3 `.mat` files, which are HDF5 with reversed axes."""

import os
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from vae_gan3d.data.formats.format import Format
from vae_gan3d.data.formats.stored_arrays import StoredArray
from vae_gan3d.errors import UserError

if TYPE_CHECKING:
    import h5py

_DEEPEST_GROUP = 4
_MOST_ARRAYS = 10_000
_NUMBER_KINDS = "biuf"
# MATLAB classes that are stored as numbers and hold none.
_CLASSES_WITHOUT_NUMBERS = ("char", "cell", "struct", "function_handle", "opaque")


def hdf5_arrays(path: pathlib.Path, *, matlab: bool = False) -> Iterator[StoredArray]:
    """The arrays of an HDF5 file and its groups, in the order of their names: `b` in the group `a` is `a.b`.

    Links are not followed, and arrays that keep their numbers in other files are not read.

    Args:
        path: the file.
        matlab: whether it is a MATLAB file. Then the arrays have the axes that MATLAB shows.
    """
    # Otherwise HDF5 loads filter libraries from a folder that the environment names.
    os.environ["HDF5_PLUGIN_PRELOAD"] = "::"
    import h5py  # takes 0.1 s, only for these files

    if not h5py.is_hdf5(path):
        kind = "a MATLAB v7.3 (HDF5) file" if matlab else "an HDF5 file"
        raise UserError(f"is damaged, or is not {kind}: fetch or write it again")
    with h5py.File(path, "r") as file:
        names = list(_dataset_names(file))
        arrays = [_stored_array(path, name, file[name], matlab) for name in names]
    yield from arrays


def _dataset_names(group: "h5py.Group", depth: int = 0) -> Iterator[str]:
    """The full names of the arrays in a group and its groups, without MATLAB's own (`#refs#`)."""
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
    import h5py

    stored_shape = tuple(map(int, dataset.shape or ()))
    shape = stored_shape[::-1] if matlab else stored_shape

    def slabs(axes: tuple[int, ...], length: int) -> Iterator[np.ndarray]:
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

    is_text = h5py.check_string_dtype(dataset.dtype) is not None
    name = full_name.strip("/").replace("/", ".")
    return StoredArray(name, shape, _problem(dataset), matlab, slabs, is_text=is_text)


def _problem(dataset: "h5py.Dataset") -> str:
    """Why an array holds no numbers; empty if it does."""
    if dataset.shape is None:
        return "is empty"
    if dataset.external or dataset.is_virtual:
        return "keeps its numbers in other files, which are not read: save them in one file"
    kind = dataset.attrs.get("MATLAB_class", b"")
    kind = kind.decode("latin-1") if isinstance(kind, bytes) else str(kind)
    if kind in _CLASSES_WITHOUT_NUMBERS or dataset.dtype.kind not in _NUMBER_KINDS:
        return f"holds values of type {kind or dataset.dtype}; a grid holds the numbers 0 and 1"
    return ""


HDF5 = Format(extensions=(".h5", ".hdf5"), list_arrays=hdf5_arrays)
