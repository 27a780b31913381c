"""The shapes of a split: chosen classes of a data set, with a test split by folder, by every tenth, or by hold-out."""

import dataclasses
import fractions
import math
import pathlib
import re
from collections.abc import Iterable, Sequence

from vae_gan3d.data.data_set_folders import DATA_SOURCES, EXPECTED_LAYOUTS, DataSet, Source, find_data_set
from vae_gan3d.data.folder_layouts import SHAPENETCORE, SPLITS, SURFACE_END, ShapeLayout, is_hollow
from vae_gan3d.data.shape_files import split_name
from vae_gan3d.data.synsets import class_name
from vae_gan3d.errors import UserError
from vae_gan3d.text import counted, name_some, printable

ALL_CLASSES = ("all",)
# If no folder names a split, every tenth shape of a class is a test shape.
TEST_EVERY = 10
_DIVISION = f"no folder names a split: every {TEST_EVERY}th shape of a class, by name, is for test"
_HOLD_OUT = "hold some models out of the training shapes with --holdout=0.1, which writes both sets"
# A name whose last number counts the files of one model, as in chair_000000010_1: another number stands before it.
_COPY_OF_MODEL = re.compile(r"(.*[0-9].*)[-_. ][0-9]+", re.DOTALL)
# 3D ShapeNets has 12 rotated copies of each model. With more files than this for a model, the names are probably
# numbered series of different models.
_MOST_COPIES = 24


@dataclasses.dataclass(frozen=True)
class ShapeFile:
    """One shape of a data set.

    Attributes:
        path: the file, or a shape in a file of several such as `FILE.npz:3` (`shape_files.split_name`).
        class_name: the class, from its folder or its label.
        label: the index of that class in `ShapeListing.classes`.
        model: the shape's name in a file of several shapes; else empty.
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
        classes: class names; a label is an index into it.
        files: the shapes, at least one.
        layout: how the folders are laid out.
        division: how shapes were divided if folders do not name the splits; else empty.
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
        """One line for the log: the number of shapes, the layout and the division into splits."""
        found = f"found {counted(len(self.files), 'shape')} of the split {self.split} in {self.root}"
        division = f"; {self.division}" if self.division else ""
        return f"{found}, laid out as {self.layout.name} ({self.layout.pattern}){division}"


def find_shapes(data_dir: pathlib.Path, classes: tuple[str, ...], split: str) -> ShapeListing:
    """Lists the shapes of some classes and one split. Opens only files that may hold several shapes.

    Args:
        data_dir: the folder of class folders or data set files, or the folder around it, such as the one that holds
            `volumetric_data/`; or one data set file.
        classes: class names in the order of their labels, or `("all",)` for every class that has shapes, sorted. With
            "all" a class has the same label in both splits, even if one split lacks it. ShapeNetCore's classes have
            English names or numbers (`synsets`).
        split: "train" or "test".

    Returns:
        The listing, with at least one shape.

    Raises:
        UserError: the folder does not exist, cannot be listed, or is the folder of one class; a class does not exist or
            is given twice; or there is no shape.
    """
    found = find_data_set(data_dir)
    chosen = _choose_classes(found, classes)
    picked = {name: _take_split(found.classes[name], split) for name in chosen}
    unnamed = any(found.classes[name].get("") for name in chosen)
    division = _DIVISION if unnamed else ""
    missing = [name for name in chosen if not picked[name]]
    if missing and (classes != ALL_CLASSES or len(missing) == len(chosen)):
        what = f"{found.root} (class {missing[0]})" if classes != ALL_CLASSES else str(found.root)
        raise UserError(_nothing_found(what, [found.classes[name] for name in missing], split))
    return _listing(found, split, chosen, picked, division)


def hold_out(data_dir: pathlib.Path, classes: tuple[str, ...], fraction: float) -> tuple[ShapeListing, ShapeListing]:
    """Divides the training shapes into a training set and a test set, by model.

    Files that differ only in their last number are one model, if another number stands before it (`chair_000000010_1`
    to `_12`). Of the models of a class in natural order, the first of every 1 / fraction is held out. A class of one
    model keeps it. A note or a warning names a class if its held-out share of files is over twice the fraction, or
    under half of it. If a class has few models with over 24 files each, such as the two series `set1_000` to
    `set2_049`, each file counts as a model.

    Args:
        data_dir: as in `find_shapes`.
        classes: as in `find_shapes`.
        fraction: held-out share of the models of a class, above 0 and below 1.

    Returns:
        The training shapes and the held-out shapes; both have the same classes.

    Raises:
        UserError: as in `find_shapes`, or no class has two models.
    """
    found = find_data_set(data_dir)
    chosen = _choose_classes(found, classes)
    kept: dict[str, list[Source]] = {}
    held: dict[str, list[Source]] = {}
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


def _choose_classes(found: DataSet, names: tuple[str, ...]) -> tuple[str, ...]:
    """The classes that the user asks for, in the order of their labels."""
    chosen = tuple(found.classes) if names == ALL_CLASSES else tuple(map(class_name, names))
    if not chosen or len(set(chosen)) != len(chosen):
        raise UserError(f"classes {','.join(names)!r}: give each class once, or 'all'")
    for name in chosen:
        if name not in found.classes:
            present = name_some(tuple(found.classes), 20)
            raise UserError(f"there is no class {name!r} in {found.root}: choose from {present}, or 'all'")
    return chosen


def _listing(
    found: DataSet, split: str, chosen: tuple[str, ...], picked: dict[str, list[Source]], division: str
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
            f"warning: {len(hollow)} of {counted(len(files), 'shape')} hold only the surface (first {first}) and are "
            "empty inside: the model learns hollow shapes from them; give .solid.binvox files or meshes",
        )
    return ShapeListing(found.root, split, chosen, files, found.layout, division, notes)


def _take_split(by_split: dict[str, list[Source]], split: str) -> list[Source]:
    """The shapes of a class that belong to a split. Of shapes without a split every tenth belongs to `test`."""
    unnamed = by_split.get("", []) if split in SPLITS else []
    taken = [source for number, source in enumerate(unnamed, 1) if (number % TEST_EVERY == 0) == (split == "test")]
    return [*by_split.get(split, []), *taken]


def _models(sources: Iterable[Source]) -> list[list[Source]]:
    """Shapes grouped by model, in the order of their first shapes."""
    sources = list(sources)
    models: dict[tuple[pathlib.Path, str], list[Source]] = {}
    for source in sources:
        file, _, number = split_name(source.path)
        name = source.model or (source.path.stem if number is None else str(number))
        if match := _COPY_OF_MODEL.fullmatch(name):
            name = match.group(1)
        models.setdefault((source.path.parent if number is None else file, name), []).append(source)
    # If all are one model, they share the number before the last, as in `set2_017`, and each shape is a model.
    return list(models.values()) if len(models) > 1 else [[source] for source in sources]


def _held_models(
    sources: Sequence[Source], fraction: float
) -> tuple[list[list[Source]], set[int], tuple[str, str] | None]:
    """The models of a class, the held-out ones by index, and a note or warning if their share is far off."""
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
        "each file counts as a model, because these look like "
        f"{counted(len(models), 'numbered series', 'numbered series')}; if {rule} here too, put them into CLASS/train "
        "and CLASS/test"
    )
    return [[source] for source in sources], singles, ("note", note)


def _held_places(count: int, fraction: float) -> set[int]:
    """Indices of held-out models: for a tenth the first, the 11th, the 21st."""
    if count < 2:
        return set()
    share = fractions.Fraction(str(fraction))
    places = {place for place in range(count) if math.ceil((place + 1) * share) > math.ceil(place * share)}
    return places if len(places) < count else places - {count - 1}


def _nothing_found(what: str, classes: Sequence[dict[str, list[Source]]], split: str) -> str:
    """The message if a class or a whole data set has no shape of a split."""
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
    return f"{what} holds no shape files of the split {split!r}: {EXPECTED_LAYOUTS}; {DATA_SOURCES}"
