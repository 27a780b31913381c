"""Finds a data set: which of the layouts its folders have, or which files hold many shapes; explains wrong levels."""

import dataclasses
import os
import pathlib
import re
import shlex
from collections.abc import Sequence

from vae_gan3d.data.data_sets import ShapeSet, may_hold_set, name_of_split
from vae_gan3d.data.folder_layouts import (
    CLASS_FOLDERS,
    DATA_SET_FILES,
    LAYOUTS,
    MODELS_FOLDER,
    SHAPENETCORE,
    SIDE_FOLDER,
    SPLIT_FOLDERS,
    SPLITS,
    Found,
    ShapeLayout,
    list_folders,
    list_shapes,
    names_a_kind,
    natural_key,
)
from vae_gan3d.data.sandbox import describe_files
from vae_gan3d.data.shape_files import GridError, split_name
from vae_gan3d.data.synsets import SYNSETS, class_name
from vae_gan3d.errors import UserError
from vae_gan3d.text import counted, name_some, printable

_ARCHIVE_FOLDER = "volumetric_data"
_LISTED_SETS = 20
_OTHER_SPLITS = ("val", "valid", "validation")
_PATTERNS = (*(layout.pattern for layout in (*LAYOUTS, SPLIT_FOLDERS)), f"or {DATA_SET_FILES.pattern}")
EXPECTED_LAYOUTS = "expected DATA_DIR/" + ", ".join(_PATTERNS) + " (docs/SHAPES.md)"
_DEMO = "python -m vae_gan3d.demo_shapes --output_dir=DATA"
DATA_SOURCES = (
    f"get 3D ShapeNets from https://3dshapenets.cs.princeton.edu (3DShapeNetsCode.zip), or the demo shapes: {_DEMO}"
)


@dataclasses.dataclass(frozen=True)
class Source:
    """A shape without a label.

    Attributes:
        path: the file, or a shape in a file of several such as `FILE.npz:3`.
        model: the shape's name in a file of several shapes; else empty.
    """

    path: pathlib.Path
    model: str = ""


# The shapes of each class by split, under "" if nothing names a split.
Classes = dict[str, dict[str, list[Source]]]


@dataclasses.dataclass(frozen=True)
class DataSet:
    """All shapes of all classes, each class with at least one.

    Attributes:
        root: the folder that holds the class folders or the data set files.
        layout: how the folders are laid out.
        classes: the shapes of each class, by split.
        notes: lines for the user, such as what was left out.
    """

    root: pathlib.Path
    layout: ShapeLayout
    classes: Classes
    notes: tuple[str, ...]


def find_data_set(data_dir: pathlib.Path) -> DataSet:
    """Finds all shapes of a data set, in any of the layouts of `folder_layouts`.

    Args:
        data_dir: the folder of class folders or data set files, or the folder around it; or one data set file.

    Returns:
        The data set, with at least one class.

    Raises:
        UserError: the folder does not exist, cannot be listed, is the folder of one class, or holds no shapes.
    """
    data_dir = pathlib.Path(data_dir)
    try:
        found = _find_folders(data_dir) if data_dir.is_dir() else _find_file(data_dir)
    except OSError as error:
        raise UserError(
            f"cannot list {printable(error.filename or data_dir)}: {error.strerror}; check its permissions"
        ) from error
    classes = {name: by_split for name, by_split in found.classes.items() if any(by_split.values())}
    if not classes:
        raise UserError(f"{found.root} holds no shape files: {EXPECTED_LAYOUTS}; {DATA_SOURCES}")
    notes = found.notes
    if empty := [name for name in found.classes if name not in classes]:
        notes += (f"note: no shapes in {name_some(list(map(printable, empty)))}, so it is not a class",)
    return dataclasses.replace(found, classes=classes, notes=notes)


def _find_file(path: pathlib.Path) -> DataSet:
    """The data set in one file, or in one array of a file."""
    file = split_name(path).file
    if not file.exists():
        raise UserError(f"there is no folder {path}: give one of shapes (docs/SHAPES.md), or make some: {_DEMO}")
    (described,) = describe_files([path]) if may_hold_set(file) else ((),)
    if isinstance(described, GridError):
        raise described
    if not described:
        raise UserError(f"{path} holds no data set of shapes [N, X, Y, Z]: give one, or the folder of class folders")
    return _data_set_files(file.parent, [(file, described)], [])


def _find_folders(data_dir: pathlib.Path) -> DataSet:
    """The data set in a folder, or in its only folder: archives unpack to a folder such as ModelNet10/."""
    inner = data_dir / _ARCHIVE_FOLDER
    if inner.is_dir():
        if found := _recognise(inner):
            return found
    else:
        if found := _find_split_files(data_dir):
            return found
        _refuse_folder_of_class(data_dir)
        if found := _recognise(data_dir) or _find_data_set_files(data_dir):
            return found
    several = [found for place in list_folders(data_dir) if (found := _recognise(place))]
    _refuse_inner_classes(data_dir, several)
    if len(several) > 1:
        names = name_some([found.root.name for found in several], 20)
        raise UserError(f"{data_dir} holds several data sets ({names}): give one of these folders")
    if several:
        return several[0]
    if list_shapes(data_dir):
        level = _level(data_dir, 1, data_dir.absolute().name)
        raise UserError(
            f"{data_dir} holds shapes in no class folder: if they are one class, {level}; "
            f"else put them into {data_dir / 'CLASS'}"
        )
    raise UserError(f"{data_dir} holds no class folders: {EXPECTED_LAYOUTS}; {DATA_SOURCES}")


def _recognise(root: pathlib.Path) -> DataSet | None:
    """The data set of a folder of class folders, in the first layout that fits; None if none fits."""
    folders = list_folders(root)
    for layout in LAYOUTS:
        present = {class_name(folder.name): folder for folder in folders if layout.is_class(folder)}
        if present:
            if layout.name != SHAPENETCORE:
                _refuse_kinds(root, list(present))
            data_set = _expanded(root, layout, {name: layout.find(folder) for name, folder in present.items()})
            others = [folder for folder in folders if folder not in present.values() and _holds_shapes(folder)]
            notes = [
                f"warning: {printable(folder.name)} left out: its shapes are not at {layout.pattern}"
                for folder in others
            ]
            if beside := list_shapes(root):
                first = printable(beside[0].name)
                notes.append(
                    f"warning: {counted(len(beside), 'file')} beside the class folders left out (first {first})"
                )
            return dataclasses.replace(data_set, notes=(*data_set.notes, *notes))
    if _is_split_folders(root):
        names = {class_name(folder.name): folder.name for split in SPLITS for folder in list_folders(root / split)}
        ordered = sorted(names, key=natural_key)
        _refuse_kinds(root, ordered, next(split for split in SPLITS if list_folders(root / split)))
        found = {name: {split: list_shapes(root / split / names[name]) for split in SPLITS} for name in ordered}
        if any(any(by_split.values()) for by_split in found.values()):
            return _expanded(root, SPLIT_FOLDERS, found)
    return None


def _holds_shapes(folder: pathlib.Path) -> bool:
    """Whether a folder or one of its folders holds shapes."""
    return any(map(list_shapes, (folder, *list_folders(folder))))


def _refuse_kinds(root: pathlib.Path, classes: Sequence[str], split: str = "") -> None:
    """Refuses class folders that are all named after kinds of files, such as `obj` if the root is `chair`.

    With a split they are in its folder, as in `chair/train/obj`.
    """
    if classes and all(map(names_a_kind, classes)):
        right, above = root / split, shlex.quote(str(_above(root, 1)))
        raise UserError(
            f"{right / classes[0]} names a kind of file, not a class, so its shapes are one level too deep: move them "
            f"up to {right} and give --data_dir={above}; or rename the folder to its class"
        )


def _refuse_inner_classes(data_dir: pathlib.Path, several: Sequence[DataSet]) -> None:
    """Refuses shapes two folders down if the outer folders are probably the classes.

    They are with several outer folders, with one inner folder, or with inner folders of one shape each.
    """
    if not several or any(found.layout.name != CLASS_FOLDERS for found in several):
        return
    counts = [sum(map(len, by_split.values())) for found in several for by_split in found.classes.values()]
    if len(several) == 1 and len(counts) > 1 and max(counts) > 1:
        return
    root, inner = several[0].root, next(iter(several[0].classes))
    outer = name_some([printable(found.root.name) for found in several], 20)
    raise UserError(
        f"{data_dir} holds shapes one level too deep ({printable(root.name)}/{inner}/*): for the classes {outer} move "
        f"the shapes of each up to CLASS/*; for the classes in {printable(root.name)}, such as {inner}, give "
        f"--data_dir={shlex.quote(str(root))}"
    )


def _is_split_folders(root: pathlib.Path) -> bool:
    """Whether a folder holds the folders of splits, and these hold the class folders."""
    return any(list_folders(root / split) and not list_shapes(root / split) for split in SPLITS)


def _refuse_folder_of_class(data_dir: pathlib.Path) -> None:
    """Refuses the folder of one class, or a folder in it, and names the right one."""
    here = pathlib.Path(os.path.normpath(data_dir.absolute()))  # keeps links as the user wrote them
    depth = None
    if any((here / SIDE_FOLDER / split).is_dir() for split in SPLITS):
        depth = 1
    elif _has_split_shapes(here):
        depth = 2 if here.name == SIDE_FOLDER else 1
    elif here.name in SPLITS and _has_split_shapes(here.parent) and not all(map(may_hold_set, list_shapes(here))):
        depth = 3 if here.parent.name == SIDE_FOLDER else 2
    elif any(here.name in SYNSETS or (model / MODELS_FOLDER).is_dir() for model in list_folders(here)[:1]):
        depth = 1
    elif here.parent.name in SYNSETS and (list_shapes(here) or list_shapes(here / MODELS_FOLDER)):
        depth = 2
    elif here.name == MODELS_FOLDER and here.parent.parent.name in SYNSETS:
        depth = 3
    if depth is not None and depth < len(here.parts):
        name = class_name(here.parts[-depth])
        where = "" if depth == 1 else "within "
        raise UserError(f"{data_dir} is {where}the folder of one class ({name}): {_level(data_dir, depth, name)}")


def _has_split_shapes(folder: pathlib.Path) -> bool:
    """Whether a folder's shapes are in `train` and `test`, and these are not two classes among others."""
    holders = [inner.name for inner in list_folders(folder) if list_shapes(inner)]
    return bool(set(holders).intersection(SPLITS)) and set(holders).issubset((*SPLITS, *_OTHER_SPLITS))


def _level(data_dir: pathlib.Path, depth: int, name: str) -> str:
    """The flags that name the folder `depth` levels above as the data folder."""
    return f"give --data_dir={shlex.quote(str(_above(data_dir, depth)))} --classes={shlex.quote(name)}"


def _above(folder: pathlib.Path, depth: int) -> pathlib.Path:
    """The folder `depth` levels above; a relative path if the given one is relative and deep enough."""
    if ".." not in folder.parts and len(folder.parts) > depth - folder.is_absolute():
        return folder.parents[depth - 1]
    return pathlib.Path(os.path.normpath(folder.absolute())).parents[depth - 1]


def _expanded(root: pathlib.Path, layout: ShapeLayout, found: dict[str, Found]) -> DataSet:
    """The shapes of class folders; a file of several shapes becomes its single shapes."""
    candidates = [
        path for by_split in found.values() for paths in by_split.values() for path in paths if may_hold_set(path)
    ]
    # A file that cannot be described is listed as one shape: reading it says what is wrong.
    sets = {
        path: described
        for path, described in zip(candidates, describe_files(candidates), strict=True)
        if not isinstance(described, GridError) and described
    }
    classes: Classes = {}
    for name, by_split in found.items():
        classes[name] = {}
        for split, paths in by_split.items():
            for path in paths:
                if path in sets:
                    _add_set_of_class(classes[name], name, split, path, sets[path])
                else:
                    classes[name].setdefault(split, []).append(Source(path))
    described = [f"{printable(path.relative_to(root))}: {found.summary}" for path in sets for found in sets[path]]
    more = [f"and {len(described) - _LISTED_SETS} files more"] if len(described) > _LISTED_SETS else []
    return DataSet(root, layout, classes, (*described[:_LISTED_SETS], *more))


def _add_set_of_class(
    by_split: dict[str, list[Source]], name: str, split: str, path: pathlib.Path, sets: Sequence[ShapeSet]
) -> None:
    """Adds the shapes of a file in a class folder; its labels must not name several classes."""
    for found in sets:
        if len(set(found.labels)) > 1:
            several = counted(len(set(found.labels)), "class", "classes")
            whole = path.parent.parent if path.parent.name in SPLITS else path
            raise UserError(
                f"{path} holds shapes of {several} by its labels, and is in the folder of the class {name}: give it "
                f"alone, --data_dir={shlex.quote(str(whole))}, or take it out"
            )
        by_split.setdefault(_split_of(path, split, found), []).extend(_sources(path, found))


def _split_of(path: pathlib.Path, folder: str, found: ShapeSet) -> str:
    """The split of a set, from its folder, its array's name or its file's name; these must agree."""
    named = found.split or name_of_split(path.stem)
    if folder and named and named != folder:
        raise UserError(f"{path} is in a folder of the split {folder}, but its name says {named}: take it out")
    return folder or named


def _sources(path: pathlib.Path, found: ShapeSet) -> list[Source]:
    names = found.names or ("",) * found.count
    return [Source(shape, name) for shape, name in zip(found.paths(path), names, strict=True)]


def _find_data_set_files(folder: pathlib.Path) -> DataSet | None:
    """The data set in the files of a folder without class folders; None if no file holds several shapes."""
    shapes = list_shapes(folder)
    candidates = [path for path in shapes if may_hold_set(path)]
    answers = list(zip(candidates, describe_files(candidates), strict=True))
    sets = [(path, described) for path, described in answers if not isinstance(described, GridError) and described]
    wrong = [described for _, described in answers if isinstance(described, GridError)]
    if wrong and (sets or len(wrong) == len(shapes)):
        raise wrong[0]
    if sets and len(sets) < len(shapes):
        singles, first = counted(len(shapes) - len(sets), "file"), sets[0][0]
        level = _level(folder, 1, folder.absolute().name)
        raise UserError(
            f"{folder} holds {singles} of one shape beside the data set {printable(first.name)}: give that alone "
            f"(--data_dir={shlex.quote(str(first))}), or if all are one class, {level}"
        )
    return _data_set_files(folder, sets, []) if sets else None


def _find_split_files(folder: pathlib.Path) -> DataSet | None:
    """The data set in files of several shapes in `train` and `test`, with classes from their labels.

    None if they have no labels: then the folder is the folder of one class.
    """
    if not _has_split_shapes(folder):
        return None
    splits = {path: split for split in SPLITS for path in list_shapes(folder / split)}
    paths = list(splits)
    if not all(map(may_hold_set, paths)):
        return None
    (first,) = describe_files(paths[:1])  # before opening thousands of single shapes
    if isinstance(first, GridError):
        raise first
    if not any(found.classes for found in first):
        return None
    files = []
    for path, described in zip(paths, describe_files(paths), strict=True):
        if isinstance(described, GridError):
            raise described
        if not described:
            raise UserError(f"{path} holds one shape, beside files of several with labels: take it out")
        files.append((path, tuple(dataclasses.replace(f, split=_split_of(path, splits[path], f)) for f in described)))
    others = [place for place in list_folders(folder) if place.name not in SPLITS and list_shapes(place)]
    notes = [f"note: {printable(place.name)} left out: its name says neither train nor test" for place in others]
    return _data_set_files(folder, files, notes)


def _data_set_files(
    root: pathlib.Path, files: Sequence[tuple[pathlib.Path, tuple[ShapeSet, ...]]], notes: list[str]
) -> DataSet:
    """The data set in files of several shapes. Classes come from their labels, or else from their names."""
    sets = [(path, found, found.split or name_of_split(path.stem)) for path, several in files for found in several]
    if any(split for _, _, split in sets):
        for path in dict.fromkeys(path for path, _, split in sets if not split):
            notes.append(f"note: {printable(path.relative_to(root))} left out: its name says neither train nor test")
        sets = [item for item in sets if item[2]]
    for path, found, _ in sets:
        if found.unclear:
            raise UserError(f"{path} {found.unclear}")
    for path, left_out in dict.fromkeys((path, found.left_out) for path, found, _ in sets if found.left_out):
        notes.append(
            f"note: {name_some(left_out)} in {printable(path.relative_to(root))} left out: no split by the array's name"
        )
    orders = list(dict.fromkeys(found.classes or (_class_of_file(path),) for path, found, _ in sets))
    names = orders[0] if len(orders) == 1 else sorted({name for order in orders for name in order}, key=natural_key)
    classes: Classes = {name: {} for name in names}
    for path, found, split in sets:
        labels = found.labels or (0,) * found.count
        own = found.classes or (_class_of_file(path),)
        for source, label in zip(_sources(path, found), labels, strict=True):
            classes[own[label]].setdefault(split, []).append(source)
        class_text = "" if found.classes else f": the class is {own[0]}, by the file's name"
        split_text = f", split {split}" if split else ""
        notes.append(f"{printable(path.relative_to(root))}: {found.summary}{class_text}{split_text}")
    return DataSet(root, DATA_SET_FILES, classes, tuple(notes))


def _class_of_file(path: pathlib.Path) -> str:
    """The class of a file without labels: its name without the split, or if nothing is left, its folder's name."""
    words = [word for word in re.split(r"[-_. ]+", path.stem) if word and not name_of_split(word)]
    return printable("_".join(words) if name_of_split(path.stem) else path.stem) or printable(
        path.absolute().parent.name
    )
