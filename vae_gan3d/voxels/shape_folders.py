"""Finding the shapes of a data set laid out as 3D ShapeNets: DATA_DIR/CLASS/30/{train,test}/*.mat."""

import dataclasses
import os
import pathlib
import re

from vae_gan3d.errors import UserError

ALL_CLASSES = ("all",)
_SIDE_FOLDER = "30"
# Text slices are read one by one: a .txt file in a data set is a list or a note.
_EXTENSIONS = (".mat", ".npy")
_ARCHIVE_FOLDER = "volumetric_data"
_LAYOUT = "expected DATA_DIR/CLASS/30/{train,test}/*.mat (or .npy)"
_SOURCES = (
    "get 3D ShapeNets from https://3dshapenets.cs.princeton.edu (3DShapeNetsCode.zip), "
    "or the demo shapes: python -m vae_gan3d.voxels.demo_shapes --output_dir=DATA"
)


@dataclasses.dataclass(frozen=True)
class ShapeFile:
    """One file of a data set.

    Attributes:
        path: the file.
        class_name: the class that its folder names.
        label: the position of that class in `ShapeListing.classes`.
    """

    path: pathlib.Path
    class_name: str
    label: int


@dataclasses.dataclass(frozen=True)
class ShapeListing:
    """The files of one split, class after class, in natural order (`_2` before `_10`).

    Attributes:
        root: the folder that holds the class folders.
        split: "train" or "test", the name of the split's folder.
        classes: class names; a label is a position in it.
        files: the files, at least one.
    """

    root: pathlib.Path
    split: str
    classes: tuple[str, ...]
    files: tuple[ShapeFile, ...]


def find_shapes(data_dir: pathlib.Path, classes: tuple[str, ...], split: str) -> ShapeListing:
    """Lists the voxel files of some classes and one split, without opening any.

    Args:
        data_dir: the folder of class folders, or the folder that holds `volumetric_data/`.
        classes: class names in the order of their labels, or `("all",)` for every class folder, sorted. "all" gives
            a class the same label in both splits, even where one split lacks it.
        split: "train" or "test".

    Returns:
        The listing, with at least one file.

    Raises:
        UserError: no such folder, a class that is not there or is given twice, or no voxel file.
    """
    root = _find_root(pathlib.Path(data_dir))
    present = _class_folders(root)
    if not classes or len(set(classes)) != len(classes):
        raise UserError(f"classes {','.join(classes)!r}: give each class once, or 'all'")
    if not present:
        raise UserError(f"{root} holds no class folders: {_LAYOUT}; {_SOURCES}")
    chosen = present if classes == ALL_CLASSES else classes
    files: list[ShapeFile] = []
    for label, name in enumerate(chosen):
        if name not in present:
            raise UserError(f"there is no class {name!r} in {root}: choose from {_shorten(present)}, or 'all'")
        folder = root / name / _SIDE_FOLDER / split
        found = _voxel_files(folder)
        if not found and classes != ALL_CLASSES:
            raise UserError(f"{folder} holds no .mat or .npy files: {_LAYOUT}; {_SOURCES}")
        files += [ShapeFile(path, name, label) for path in found]
    if not files:
        raise UserError(f"{root} holds no .mat or .npy files of the split {split!r}: {_LAYOUT}; {_SOURCES}")
    return ShapeListing(root, split, tuple(chosen), tuple(files))


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sorting key under which the numbers in a name count as numbers: `a_2` comes before `a_10`."""
    return tuple(
        (0, int(part), part) if part.isascii() and part.isdigit() else (1, 0, part)
        for part in re.split(r"([0-9]+)", name)
        if part
    )


def _find_root(data_dir: pathlib.Path) -> pathlib.Path:
    """The folder that holds the class folders."""
    if not data_dir.is_dir():
        raise UserError(f"there is no folder {data_dir}: {_LAYOUT}; {_SOURCES}")
    inner = data_dir / _ARCHIVE_FOLDER
    return inner if inner.is_dir() else data_dir


def _class_folders(root: pathlib.Path) -> tuple[str, ...]:
    """The sub-folders that hold a folder `30`, in natural order."""
    try:
        names = [entry.name for entry in os.scandir(root) if pathlib.Path(entry.path, _SIDE_FOLDER).is_dir()]
    except OSError as error:
        raise UserError(f"cannot list {root}: {error.strerror}; check its permissions") from error
    return tuple(sorted(names, key=natural_key))


def _voxel_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """The voxel files of a folder in natural order; none where the folder is absent."""
    try:
        with os.scandir(folder) as entries:
            names = [
                entry.name
                for entry in entries
                if entry.name.lower().endswith(_EXTENSIONS) and not entry.name.startswith(".") and entry.is_file()
            ]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(f"cannot list {folder}: {error.strerror}; check its permissions") from error
    return [folder / name for name in sorted(names, key=natural_key)]


def _shorten(names: tuple[str, ...], limit: int = 20) -> str:
    """A comma list that stays readable when there are many names."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
