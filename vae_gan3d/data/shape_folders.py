"""Finding the shapes of a data set, in whichever of the layouts its folders are (`shape_layouts`)."""

import dataclasses
import fractions
import math
import os
import pathlib
import re
import shlex
from collections.abc import Iterable, Sequence

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
    SURFACE_END,
    Found,
    ShapeLayout,
    is_hollow,
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

ALL_CLASSES = ("all",)
# Where nothing names a split, every tenth shape of a class is a test shape.
TEST_EVERY = 10
_ARCHIVE_FOLDER = "volumetric_data"
_LISTED_SETS = 20
_OTHER_SPLITS = ("val", "valid", "validation")
_PATTERNS = (*(layout.pattern for layout in (*LAYOUTS, SPLIT_FOLDERS)), f"or {DATA_SET_FILES.pattern}")
_EXPECTED = "expected DATA_DIR/" + ", ".join(_PATTERNS) + " (docs/SHAPES.md)"
_DEMO = "python -m vae_gan3d.demo_shapes --output_dir=DATA"
_SOURCES = (
    f"get 3D ShapeNets from https://3dshapenets.cs.princeton.edu (3DShapeNetsCode.zip), or the demo shapes: {_DEMO}"
)
_DIVISION = f"no folder names a split: every {TEST_EVERY}th shape of a class, by name, is for test"
_HOLD_OUT = "hold some models out of the training shapes with --holdout=0.1, which writes both sets"
# A name whose last number counts the files of one model, as in chair_000000010_1: there is another number before it.
_ONE_OF_MODEL = re.compile(r"(.*[0-9].*)[-_. ][0-9]+", re.DOTALL)

# 3D ShapeNets has 12 turned copies of each model. More files than this a model are rather a numbered series of models.
_MOST_COPIES = 24


@dataclasses.dataclass(frozen=True)
class ShapeFile:
    """One shape of a data set.

    Attributes:
        path: the file, or the name of a shape in a file of several (`numbered_shapes`).
        class_name: the class that its folder or the labels name.
        label: the position of that class in `ShapeListing.classes`.
        model: what a file of several calls it; empty elsewhere.
    """

    path: pathlib.Path
    class_name: str
    label: int
    model: str = ""


@dataclasses.dataclass(frozen=True)
class ShapeListing:
    """The shapes of one split, class after class, in natural order (`_2` before `_10`).

    Attributes:
        root: the folder that holds the class folders or the data set files.
        split: "train" or "test".
        classes: class names; a label is a position in it.
        files: the shapes, at least one.
        layout: how the folders are laid out.
        division: how shapes were divided where nothing names a split; empty where all was named.
        notes: lines about the whole data set, such as what files of several shapes hold.
    """

    root: pathlib.Path
    split: str
    classes: tuple[str, ...]
    files: tuple[ShapeFile, ...]
    layout: ShapeLayout
    division: str = ""
    notes: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """One line for the log: how many shapes were found, in which layout, and how they were split."""
        found = f"found {counted(len(self.files), 'shape')} of the split {self.split} in {self.root}"
        division = f"; {self.division}" if self.division else ""
        return f"{found}, laid out as {self.layout.name} ({self.layout.pattern}){division}"


@dataclasses.dataclass(frozen=True)
class _Source:
    """A shape before it has a label."""

    path: pathlib.Path
    model: str = ""


# The shapes of each class by split, and under "" where nothing names one.
_Classes = dict[str, dict[str, list[_Source]]]


@dataclasses.dataclass(frozen=True)
class _DataSet:
    """All shapes of all classes, at least one of each."""

    root: pathlib.Path
    layout: ShapeLayout
    classes: _Classes
    notes: tuple[str, ...]

    def choose(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The classes that are asked for, in the order of their labels."""
        chosen = tuple(self.classes) if names == ALL_CLASSES else tuple(map(class_name, names))
        if not chosen or len(set(chosen)) != len(chosen):
            raise UserError(f"classes {','.join(names)!r}: give each class once, or 'all'")
        for name in chosen:
            if name not in self.classes:
                present = name_some(tuple(self.classes), 20)
                raise UserError(f"there is no class {name!r} in {self.root}: choose from {present}, or 'all'")
        return chosen


def find_shapes(data_dir: pathlib.Path, classes: tuple[str, ...], split: str) -> ShapeListing:
    """Lists the shapes of some classes and one split. Only files that may hold several shapes are looked into.

    Args:
        data_dir: the folder of class folders or data set files, or a folder that holds it, such as that of
            `volumetric_data/`; or one data set file.
        classes: class names in the order of their labels, or `("all",)` for every class that has shapes, sorted. "all"
            gives a class the same label in both splits, even where one split lacks it. ShapeNetCore's classes are named
            as people do, or by their numbers (`synsets`).
        split: "train" or "test".

    Returns:
        The listing, with at least one shape.

    Raises:
        UserError: no such folder, one that may not be looked into, one of a single class, a class that is not there or
            is given twice, or no shape.
    """
    found = _find(data_dir)
    chosen = found.choose(classes)
    picked = {name: _take_split(found.classes[name], split) for name in chosen}
    unnamed = any(found.classes[name].get("") for name in chosen)
    division = _DIVISION if unnamed else ""
    missing = [name for name in chosen if not picked[name]]
    if missing and (classes != ALL_CLASSES or len(missing) == len(chosen)):
        what = f"{found.root} (class {missing[0]})" if classes != ALL_CLASSES else str(found.root)
        raise UserError(_nothing_found(what, [found.classes[name] for name in missing], split))
    return _listing(found, split, chosen, picked, division)


def hold_out(data_dir: pathlib.Path, classes: tuple[str, ...], fraction: float) -> tuple[ShapeListing, ShapeListing]:
    """Divides the training shapes into those to train and those to test on, by model.

    Files that differ only in their last number are one model, where another number stands before it
    (`chair_000000010_1` to `_12`). Of the models of a class in natural order the first of every 1 / fraction is held
    out; a class of one model keeps it. A note or a warning tells of a class whose held-out share of files is more than
    twice the fraction, or less than half of it. If these models are few and have over 24 files each, as in two series
    `set1_000` to `set2_049`, each file is taken as a model.

    Args:
        data_dir: as in `find_shapes`.
        classes: as in `find_shapes`.
        fraction: of the models of a class, above 0 and below 1.

    Returns:
        The shapes to train on, and those that are held out; both have the same classes.

    Raises:
        UserError: as in `find_shapes`, or no class has two models.
    """
    found = _find(data_dir)
    chosen = found.choose(classes)
    kept: dict[str, list[_Source]] = {}
    held: dict[str, list[_Source]] = {}
    all_models = held_models = 0
    notes = list(found.notes)
    for name in chosen:
        by_split = found.classes[name]
        models, places, note = _held_models([*by_split.get("train", []), *by_split.get("", [])], fraction)
        notes += [f"{note[0]}: class {name}: {note[1]}"] if note else []
        kept[name] = [source for place, model in enumerate(models) if place not in places for source in model]
        held[name] = [source for place, model in enumerate(models) if place in places for source in model]
        all_models, held_models = all_models + len(models), held_models + len(places)
        if not models and classes != ALL_CLASSES:
            raise UserError(_nothing_found(f"{found.root} (class {name})", [by_split], "train"))
    if not any(kept.values()):
        raise UserError(_nothing_found(str(found.root), list(found.classes.values()), "train"))
    if not held_models:
        raise UserError(
            f"--holdout={fraction:g}: no class in {found.root} has two models, so none can be held out; give more "
            "shapes, or files whose names do not differ only in their last number"
        )
    division = f"held out by model: {held_models} of {counted(all_models, 'model')}"
    if any(found.classes[name].get("test") for name in chosen):
        notes.append("note: --holdout divides the training shapes; the data set's own test shapes are not read")
    found = dataclasses.replace(found, notes=tuple(notes))
    return _listing(found, "train", chosen, kept, division), _listing(found, "test", chosen, held, division)


def _listing(
    found: _DataSet, split: str, chosen: tuple[str, ...], picked: dict[str, list[_Source]], division: str
) -> ShapeListing:
    files = tuple(
        ShapeFile(source.path, name, label, source.model)
        for label, name in enumerate(chosen)
        for source in picked[name]
    )
    notes = found.notes
    if found.layout.name == SHAPENETCORE:
        hollow = [file.path for file in files if is_hollow(file.path)]
    else:
        hollow = [file.path for file in files if file.path.name.lower().endswith(SURFACE_END)]
    if hollow:
        first = printable(hollow[0].relative_to(found.root))
        notes += (
            f"warning: {len(hollow)} of {counted(len(files), 'shape')} hold the surface alone (first {first}), "
            "with nothing inside: the model learns hollow shapes of them; give .solid.binvox files or meshes",
        )
    return ShapeListing(found.root, split, chosen, files, found.layout, division, notes)


def _take_split(by_split: dict[str, list[_Source]], split: str) -> list[_Source]:
    """The shapes of a class that are of a split: those that say so, and of the others every tenth for `test`."""
    unnamed = by_split.get("", []) if split in SPLITS else []
    taken = [source for number, source in enumerate(unnamed, 1) if (number % TEST_EVERY == 0) == (split == "test")]
    return [*by_split.get(split, []), *taken]


def _models(sources: Iterable[_Source]) -> list[list[_Source]]:
    """Shapes by model, in the order of their first ones."""
    sources = list(sources)
    models: dict[tuple[pathlib.Path, str], list[_Source]] = {}
    for source in sources:
        file, _, number = split_name(source.path)
        name = source.model or (source.path.stem if number is None else str(number))
        if match := _ONE_OF_MODEL.fullmatch(name):
            name = match.group(1)
        models.setdefault((source.path.parent if number is None else file, name), []).append(source)
    # Then the number before the last is one that all names have, as in `set2_017`.
    return list(models.values()) if len(models) > 1 else [[source] for source in sources]


def _held_models(
    sources: Sequence[_Source], fraction: float
) -> tuple[list[list[_Source]], set[int], tuple[str, str] | None]:
    """The models of a class, which of them are held out, and a note or warning where the names fit the share badly."""
    models = _models(sources)
    places = _held_places(len(models), fraction)
    singles = _held_places(len(sources), fraction)
    held = sum(len(models[place]) for place in places)
    if len(singles) <= 2 * held and held <= 2 * len(singles):
        return models, places, None
    share = f"{held} of {len(sources)} shapes"
    rule = "files that differ only in their last number are one model (docs/SHAPES.md)"
    if len(models) * fraction >= 1 or len(sources) <= _MOST_COPIES * len(models):
        warning = f"--holdout={fraction:g} takes {share}, as {rule}; give it more models, or name these files otherwise"
        return models, places, ("warning", warning)
    note = (
        f"each file counts as a model, as these seem to be {counted(len(models), 'numbered series', 'numbered series')}"
        f"; if {rule} here too, put them into CLASS/train and CLASS/test"
    )
    return [[source] for source in sources], singles, ("note", note)


def _held_places(count: int, fraction: float) -> set[int]:
    """Which of so many models are held out: for a tenth the first, the 11th, the 21st."""
    if count < 2:
        return set()
    share = fractions.Fraction(str(fraction))
    places = {place for place in range(count) if math.ceil((place + 1) * share) > math.ceil(place * share)}
    return places if len(places) < count else places - {count - 1}


def _nothing_found(what: str, classes: Sequence[dict[str, list[_Source]]], split: str) -> str:
    """Why a class or a whole data set gives no shape of a split."""
    counts = {name: sum(len(by_split.get(name, [])) for by_split in classes) for name in ("", *SPLITS)}
    if split == "test" and counts["train"]:
        return f"{what} has {counted(counts['train'], 'training shape')} and no test shapes: {_HOLD_OUT}"
    if split == "train" and counts["test"]:
        return f"{what} has {counted(counts['test'], 'test shape')} and no training shapes: give --if_train=false"
    if counts[""]:
        return (
            f"{what} gives no shapes for the split {split!r}: its folders name no split, and every {TEST_EVERY}th "
            f"shape of a class is for the test set; put the shapes into CLASS/train and CLASS/test, or {_HOLD_OUT}"
        )
    return f"{what} holds no shape files of the split {split!r}: {_EXPECTED}; {_SOURCES}"


def _find(data_dir: pathlib.Path) -> _DataSet:
    """All shapes of a data set.

    Raises:
        UserError: as in `find_shapes`.
    """
    data_dir = pathlib.Path(data_dir)
    try:
        found = _find_folders(data_dir) if data_dir.is_dir() else _find_file(data_dir)
    except OSError as error:
        raise UserError(
            f"cannot look into {printable(error.filename or data_dir)}: {error.strerror}; check its permissions"
        ) from error
    classes = {name: by_split for name, by_split in found.classes.items() if any(by_split.values())}
    if not classes:
        raise UserError(f"{found.root} holds no shape files: {_EXPECTED}; {_SOURCES}")
    notes = found.notes
    if empty := [name for name in found.classes if name not in classes]:
        notes += (f"note: no shapes in {name_some(list(map(printable, empty)))}, so no class is made of it",)
    return dataclasses.replace(found, classes=classes, notes=notes)


def _find_file(path: pathlib.Path) -> _DataSet:
    """The data set in one file, or in one array of it."""
    file = split_name(path).file
    if not file.exists():
        raise UserError(f"there is no folder {path}: give one of shapes (docs/SHAPES.md), or make some: {_DEMO}")
    (described,) = describe_files([path]) if may_hold_set(file) else ((),)
    if isinstance(described, GridError):
        raise described
    if not described:
        raise UserError(f"{path} holds no data set of shapes [N, X, Y, Z]: give one, or the folder of class folders")
    return _data_set_files(file.parent, [(file, described)], [])


def _find_folders(data_dir: pathlib.Path) -> _DataSet:
    """The data set of a folder, or of a folder in it: archives unpack to one of their own, such as ModelNet10/."""
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
    raise UserError(f"{data_dir} holds no class folders: {_EXPECTED}; {_SOURCES}")


def _recognise(root: pathlib.Path) -> _DataSet | None:
    """The data set of a folder of class folders, in the first layout that it has; None where it has none."""
    folders = list_folders(root)
    for layout in LAYOUTS:
        present = {class_name(folder.name): folder for folder in folders if layout.is_class(folder)}
        if present:
            if layout.name != SHAPENETCORE:
                _refuse_kinds(root, list(present))
            data_set = _expanded(root, layout, {name: layout.find(folder) for name, folder in present.items()})
            others = [folder for folder in folders if folder not in present.values() and _holds_shapes(folder)]
            notes = [
                f"warning: {printable(folder.name)} left out: its shapes do not lie as {layout.pattern}"
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
    """Whether shapes lie in a folder or in one of its folders."""
    return any(map(list_shapes, (folder, *list_folders(folder))))


def _refuse_kinds(root: pathlib.Path, classes: Sequence[str], split: str = "") -> None:
    """Refuses class folders that are all called by kinds of files, as `chair/obj` with chair for the root is.

    With a split they lie in its folder, as `chair/train/obj`.

    Raises:
        UserError: it says where the shapes belong.
    """
    if classes and all(map(names_a_kind, classes)):
        right, above = root / split, shlex.quote(str(_above(root, 1)))
        raise UserError(
            f"{right / classes[0]} names a kind of file and no class, so its shapes lie one level too deep: move them "
            f"up to {right} and give --data_dir={above}; or call the folder by the name of its class"
        )


def _refuse_inner_classes(data_dir: pathlib.Path, several: Sequence[_DataSet]) -> None:
    """Refuses shapes two folders down where the outer folders rather are the classes.

    So it is with several outer folders, with one inner folder, and with inner folders of one shape each.

    Raises:
        UserError: it says what to do in either case.
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
    """Whether a folder's folders are the splits, and those of the splits the classes."""
    return any(list_folders(root / split) and not list_shapes(root / split) for split in SPLITS)


def _refuse_folder_of_class(data_dir: pathlib.Path) -> None:
    """Refuses a folder that lies too deep: one of a single class, or within one.

    Raises:
        UserError: it names the right one.
    """
    here = pathlib.Path(os.path.normpath(data_dir.absolute()))  # links are taken as the user wrote them
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
    """Whether a folder's shapes lie in `train` and `test`, and these are not two classes among others."""
    holders = [inner.name for inner in list_folders(folder) if list_shapes(inner)]
    return bool(set(holders).intersection(SPLITS)) and set(holders).issubset((*SPLITS, *_OTHER_SPLITS))


def _level(data_dir: pathlib.Path, depth: int, name: str) -> str:
    """How the data folder so many levels above is given."""
    return f"give --data_dir={shlex.quote(str(_above(data_dir, depth)))} --classes={shlex.quote(name)}"


def _above(folder: pathlib.Path, depth: int) -> pathlib.Path:
    """The folder so many levels above, relative where the given one is and reaches so far."""
    if ".." not in folder.parts and len(folder.parts) > depth - folder.is_absolute():
        return folder.parents[depth - 1]
    return pathlib.Path(os.path.normpath(folder.absolute())).parents[depth - 1]


def _expanded(root: pathlib.Path, layout: ShapeLayout, found: dict[str, Found]) -> _DataSet:
    """The shapes of class folders, those in files of several one by one."""
    candidates = [
        path for by_split in found.values() for paths in by_split.values() for path in paths if may_hold_set(path)
    ]
    # What cannot be described is read as one shape, and reading says what is wrong.
    sets = {
        path: described
        for path, described in zip(candidates, describe_files(candidates), strict=True)
        if not isinstance(described, GridError) and described
    }
    classes: _Classes = {}
    for name, by_split in found.items():
        classes[name] = {}
        for split, paths in by_split.items():
            for path in paths:
                if path in sets:
                    _add_set_of_class(classes[name], name, split, path, sets[path])
                else:
                    classes[name].setdefault(split, []).append(_Source(path))
    described = [f"{printable(path.relative_to(root))}: {found.summary}" for path in sets for found in sets[path]]
    more = [f"and {len(described) - _LISTED_SETS} files more"] if len(described) > _LISTED_SETS else []
    return _DataSet(root, layout, classes, (*described[:_LISTED_SETS], *more))


def _add_set_of_class(
    by_split: dict[str, list[_Source]], name: str, split: str, path: pathlib.Path, sets: Sequence[ShapeSet]
) -> None:
    """Adds the shapes of a file in a class folder, whose labels must not say otherwise."""
    for found in sets:
        if len(set(found.labels)) > 1:
            several = counted(len(set(found.labels)), "class", "classes")
            whole = path.parent.parent if path.parent.name in SPLITS else path
            raise UserError(
                f"{path} holds shapes of {several} by its labels, and lies in the folder of the class {name}: give it "
                f"alone, --data_dir={shlex.quote(str(whole))}, or take it out"
            )
        by_split.setdefault(_split_of(path, split, found), []).extend(_sources(path, found))


def _split_of(path: pathlib.Path, folder: str, found: ShapeSet) -> str:
    """The split of a set by its folder, its array's name or its file's name, which must not say different ones."""
    named = found.split or name_of_split(path.stem)
    if folder and named and named != folder:
        raise UserError(f"{path} lies in a folder of the split {folder} and says {named} by its name: take it out")
    return folder or named


def _sources(path: pathlib.Path, found: ShapeSet) -> list[_Source]:
    names = found.names or ("",) * found.count
    return [_Source(shape, name) for shape, name in zip(found.paths(path), names, strict=True)]


def _find_data_set_files(folder: pathlib.Path) -> _DataSet | None:
    """The data set in files of a folder without class folders; None where no file holds several shapes."""
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


def _find_split_files(folder: pathlib.Path) -> _DataSet | None:
    """The data set in files of several shapes in `train` and `test`, whose labels give the classes.

    None where they have no labels: then the folder is one of a class.
    """
    if not _has_split_shapes(folder):
        return None
    splits = {path: split for split in SPLITS for path in list_shapes(folder / split)}
    paths = list(splits)
    if not all(map(may_hold_set, paths)):
        return None
    (first,) = describe_files(paths[:1])  # before thousands of single shapes are looked into
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
) -> _DataSet:
    """The data set that files of several shapes make: their labels give the classes, or else their names."""
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
    classes: _Classes = {name: {} for name in names}
    for path, found, split in sets:
        labels = found.labels or (0,) * found.count
        own = found.classes or (_class_of_file(path),)
        for source, label in zip(_sources(path, found), labels, strict=True):
            classes[own[label]].setdefault(split, []).append(source)
        class_text = "" if found.classes else f": the class is {own[0]}, by the file's name"
        split_text = f", split {split}" if split else ""
        notes.append(f"{printable(path.relative_to(root))}: {found.summary}{class_text}{split_text}")
    return _DataSet(root, DATA_SET_FILES, classes, tuple(notes))


def _class_of_file(path: pathlib.Path) -> str:
    """The class of a file without labels: its name without the split, or where that is all, its folder's."""
    words = [word for word in re.split(r"[-_. ]+", path.stem) if word and not name_of_split(word)]
    return printable("_".join(words) if name_of_split(path.stem) else path.stem) or printable(
        path.absolute().parent.name
    )
