"""The ways in which data sets lay out their folders, recognised by the folders alone."""

import dataclasses
import os
import pathlib
import re
from collections.abc import Callable, Sequence

from vae_gan3d.errors import UserError
from vae_gan3d.voxels.readers import EXTENSIONS
from vae_gan3d.voxels.synsets import is_synset
from vae_gan3d.wording import printable

# Text slices are read one by one: a .txt file in a data set is a list or a note.
SHAPE_EXTENSIONS = tuple(extension for extension in EXTENSIONS if extension != ".txt")
# Where folders name no split, every tenth shape of a class is a test shape.
TEST_EVERY = 10
_SIDE_FOLDER = "30"
_SPLITS = ("train", "test")
_MODELS_FOLDER = "models"
# Of the files of one ShapeNetCore model, the first of these, then the first of their extensions.
_MODEL_FILES = ("model_normalized.solid.binvox", "model_normalized.obj", "model.binvox", "model.obj")


@dataclasses.dataclass(frozen=True)
class ShapeLayout:
    """One way to lay out a data set.

    Attributes:
        name: what the log calls it.
        pattern: where its files lie.
        is_class: whether a folder is one of its class folders.
        find: the files of a class folder and a split, in natural order.
        has_splits: whether its folders name the split.
    """

    name: str
    pattern: str
    is_class: Callable[[pathlib.Path], bool]
    find: Callable[[pathlib.Path, str], list[pathlib.Path]]
    has_splits: bool


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sorting key under which the numbers in a name count as numbers: `a_2` comes before `a_10`."""
    return tuple(
        (0, int(part), part) if part.isascii() and part.isdigit() else (1, 0, part)
        for part in re.split(r"([0-9]+)", name)
        if part
    )


def list_folders(folder: pathlib.Path) -> list[pathlib.Path]:
    """The sub-folders of a folder in natural order, but hidden ones; none where it is absent.

    Raises:
        UserError: the folder cannot be listed.
    """
    return _list(folder, _is_folder)


def list_shapes(folder: pathlib.Path) -> list[pathlib.Path]:
    """What is called as shape files are in a folder, in natural order, but hidden ones; none where it is absent.

    Links to nothing, pipes and folders of such names are among them: reading them says what they are.

    Raises:
        UserError: the folder cannot be listed.
    """
    return _list(folder, lambda entry: entry.name.lower().endswith(SHAPE_EXTENSIONS))


def take_split(files: Sequence[pathlib.Path], split: str) -> list[pathlib.Path]:
    """Every tenth file for `test`, the others for `train`, none for another split."""
    if split not in _SPLITS:
        return []
    return [path for number, path in enumerate(files, 1) if (number % TEST_EVERY == 0) == (split == "test")]


def _list(folder: pathlib.Path, wanted: Callable[["os.DirEntry[str]"], bool]) -> list[pathlib.Path]:
    """The entries of a folder that are wanted and not hidden, in natural order."""
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
    """The file of one ShapeNetCore model that is read; None where there is none."""
    for place in (folder / _MODELS_FOLDER, folder):
        files = {path.name: path for path in list_shapes(place)}
        for name in _MODEL_FILES:
            if name in files:
                return files[name]
        if files:
            return min(files.values(), key=lambda path: (SHAPE_EXTENSIONS.index(path.suffix.lower()), path.name))
    return None


def _find_models(folder: pathlib.Path, split: str) -> list[pathlib.Path]:
    """One file of each model of a ShapeNetCore class."""
    found = [_model_file(model) for model in list_folders(folder)]
    return take_split([path for path in found if path], split)


def _has_models(folder: pathlib.Path) -> bool:
    """Whether a folder is called by a synset and holds folders, or holds one that has a folder `models`."""
    models = list_folders(folder)
    return (is_synset(folder.name) and bool(models)) or any((model / _MODELS_FOLDER).is_dir() for model in models[:1])


LAYOUTS = (
    ShapeLayout(
        "3D ShapeNets",
        "CLASS/30/{train,test}/*.mat",
        lambda folder: (folder / _SIDE_FOLDER).is_dir(),
        lambda folder, split: list_shapes(folder / _SIDE_FOLDER / split),
        has_splits=True,
    ),
    ShapeLayout(
        "ModelNet",
        "CLASS/{train,test}/*.off",
        lambda folder: any((folder / split).is_dir() for split in _SPLITS),
        lambda folder, split: list_shapes(folder / split),
        has_splits=True,
    ),
    ShapeLayout("ShapeNetCore", "SYNSET/MODEL/models/*.binvox", _has_models, _find_models, has_splits=False),
    ShapeLayout(
        "class folders",
        "CLASS/*.{obj,npy,...}",
        lambda folder: bool(list_shapes(folder)),
        lambda folder, split: take_split(list_shapes(folder), split),
        has_splits=False,
    ),
)
