"""HDF5 files: `.h5`, `.hdf5`, and `.mat` of MATLAB 7.3, whose axes lie in the file in reversed order."""

import os
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from vae_gan3d.errors import UserError
from vae_gan3d.voxels.stored_arrays import StoredArray

if TYPE_CHECKING:
    import h5py

_DEEPEST_GROUP = 4
_MOST_ARRAYS = 10_000
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
    return StoredArray(name, shape, _problem(dataset), matlab, slabs, is_text=text)


def _is_text(dataset: "h5py.Dataset") -> bool:
    import h5py

    return h5py.check_string_dtype(dataset.dtype) is not None


def _problem(dataset: "h5py.Dataset") -> str:
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
