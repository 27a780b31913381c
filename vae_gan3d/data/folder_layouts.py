"""Folder layouts of data sets: 3D ShapeNets, ModelNet, ShapeNetCore, class folders."""

import dataclasses
import os
import pathlib
import re
from collections.abc import Callable

from vae_gan3d.data.formats.registry import EXTENSIONS, FOLDER_EXTENSIONS
from vae_gan3d.data.synsets import is_synset
from vae_gan3d.errors import UserError
from vae_gan3d.text import printable

SPLITS = ("train", "test")
SIDE_FOLDER = "30"
MODELS_FOLDER = "models"
# Ends of the file names of a ShapeNetCore model, the preferred ones first: solid grids, then meshes, which become
# solid, then grids of the surface. Other files come after these, in the order of the table of formats.
_MODEL_FILES = (".solid.binvox", ".presolid.binvox", "model_normalized.obj", "model.obj", "model.binvox")
# The end of ShapeNet's grids of the surface alone; most folders hold a solid grid too.
SURFACE_END = ".surface.binvox"
SHAPENETCORE = "ShapeNetCore"
CLASS_FOLDERS = "class folders"
# Names of folders in a class folder that name a kind of file, never a class.
_KINDS = {*(extension[1:] for extension in EXTENSIONS), "mesh", "meshes", "model", MODELS_FOLDER, "voxels", "grids"}

# The files of a class folder by split, under "" if no folder names a split.
Found = dict[str, list[pathlib.Path]]


@dataclasses.dataclass(frozen=True)
class ShapeLayout:
    """One way to lay out a data set.

    Attributes:
        name: its name in messages.
        pattern: the paths of its files.
        is_class: whether a folder is a class folder of this layout.
        find: the files of a class folder, in natural order.
    """

    name: str
    pattern: str
    is_class: Callable[[pathlib.Path], bool]
    find: Callable[[pathlib.Path], Found]


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sorting key that compares numbers in names as numbers: `a_2` comes before `a_10`."""
    return tuple(
        (0, int(part), part) if part.isascii() and part.isdigit() else (1, 0, part)
        for part in re.split(r"([0-9]+)", name)
        if part
    )


def list_folders(folder: pathlib.Path) -> list[pathlib.Path]:
    """The folders in a folder in natural order, without hidden ones; none if the folder does not exist.

    Raises:
        UserError: the folder cannot be listed.
    """
    return _list(folder, _is_folder)


def list_shapes(folder: pathlib.Path) -> list[pathlib.Path]:
    """The entries of a folder that are named like shape files, in natural order, without hidden ones.

    None if the folder does not exist. Broken links, pipes and folders with such names are listed: reading them says
    what they are.

    Raises:
        UserError: the folder cannot be listed.
    """
    return _list(folder, lambda entry: entry.name.lower().endswith(FOLDER_EXTENSIONS))


def names_a_kind(folder: str) -> bool:
    """Whether a folder's name is a kind of file, such as `obj` or `meshes`, and not a class."""
    return folder.lower() in _KINDS


def is_hollow(path: pathlib.Path) -> bool:
    """Whether the name of a ShapeNetCore file says that the grid holds only the surface."""
    name = path.name.lower()
    return name == "model.binvox" or name.endswith(SURFACE_END)


def _list(folder: pathlib.Path, wanted: Callable[["os.DirEntry[str]"], bool]) -> list[pathlib.Path]:
    """The wanted entries of a folder that are not hidden, in natural order."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".") and wanted(entry)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UserError(f"cannot list {printable(folder)}: {error.strerror}; check its permissions") from error
    return [folder / name for name in sorted(names, key=natural_key)]


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _model_file(folder: pathlib.Path) -> pathlib.Path | None:
    """The best file of a ShapeNetCore model; None if it has none."""
    for place in (folder / MODELS_FOLDER, folder):
        if files := list_shapes(place):
            return min(files, key=_preference)
    return None


def _preference(path: pathlib.Path) -> tuple[int, bool, int, str]:
    """A sorting key for a model's files, the best first."""
    name = path.name.lower()
    place = next((place for place, end in enumerate(_MODEL_FILES) if name.endswith(end)), len(_MODEL_FILES))
    return place, is_hollow(path), FOLDER_EXTENSIONS.index(path.suffix.lower()), path.name


def _find_models(folder: pathlib.Path) -> Found:
    """One file of each model of a ShapeNetCore class."""
    return {"": [path for model in list_folders(folder) if (path := _model_file(model))]}


def _has_models(folder: pathlib.Path) -> bool:
    """Whether a folder's name is a synset and it holds folders, or its first folder has a folder `models`."""
    models = list_folders(folder)
    return (is_synset(folder.name) and bool(models)) or any((model / MODELS_FOLDER).is_dir() for model in models[:1])


LAYOUTS = (
    ShapeLayout(
        "3D ShapeNets",
        "CLASS/30/{train,test}/*.mat",
        lambda folder: (folder / SIDE_FOLDER).is_dir(),
        lambda folder: {split: list_shapes(folder / SIDE_FOLDER / split) for split in SPLITS},
    ),
    ShapeLayout(
        "ModelNet",
        "CLASS/{train,test}/*.off",
        lambda folder: any((folder / split).is_dir() for split in SPLITS),
        lambda folder: {split: list_shapes(folder / split) for split in SPLITS},
    ),
    ShapeLayout(SHAPENETCORE, "SYNSET/MODEL/models/*.binvox", _has_models, _find_models),
    ShapeLayout(
        CLASS_FOLDERS,
        "CLASS/*.{obj,npy,...}",
        lambda folder: bool(list_shapes(folder)),
        lambda folder: {"": list_shapes(folder)},
    ),
)
# These two are found by the folder around class folders, and by files in place of class folders.
SPLIT_FOLDERS = ShapeLayout("folders of splits", "{train,test}/CLASS/*", lambda folder: False, lambda folder: {})
DATA_SET_FILES = ShapeLayout(
    "data set files", "[{train,test}/]*.{npz,npy,h5,mat}", lambda folder: False, lambda folder: {}
)
