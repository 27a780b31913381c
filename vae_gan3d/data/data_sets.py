"""Files that hold a whole data set: the number of shapes, their classes, and a path for each shape."""

import dataclasses
import math
import pathlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from vae_gan3d.data.array_files import check_set, choose_array, list_arrays
from vae_gan3d.data.formats.registry import format_of
from vae_gan3d.data.formats.stored_arrays import GRID_DIMENSIONS, StoredArray, shape_text
from vae_gan3d.errors import UserError
from vae_gan3d.text import counted, printable

MOST_SHAPES = 10_000_000
_MOST_CLASSES = 10_000
_MOST_SMALL_BYTES = 256 << 20  # of labels and names
_LONGEST_NAME = 1000
_LABELS = ("label", "labels", "y", "target", "targets", "class", "classes", "class_id", "class_ids", "category")
_NAMES = ("name", "names", "file", "files", "filename", "filenames", "source", "sources", "model", "models", "ids")
_CLASS_NAMES = ("class_names", "label_names", "target_names", "categories", "classes", "names")
_SPLIT_WORD = re.compile(r"(?:^[xy]?|[^a-z])(train|test)(?:ing)?(?=[xy]?$|[^a-z])")
_VALIDATION_WORD = re.compile(r"(?:^[xy]?|[^a-z])val(?:id|idation)?(?=[xy]?$|[^a-z])")


class _UnclearLabelsError(UserError):
    """Labels that fit the class names in two ways, from 0 or from 1."""


@dataclasses.dataclass(frozen=True)
class ShapeSet:
    """A set of shapes in one array of a file.

    Attributes:
        array: the array's name; empty for the usual array of the file.
        split: "train" or "test" if the array's name says so, else empty.
        count: the number of shapes.
        sides: (X, Y, Z) of one shape.
        classes: class names; none if the file has no labels.
        labels: for each shape the index of its class in `classes`; empty if there are no labels.
        names: for each shape its name; empty if the file has no names.
        unclear: why the labels fit the class names in two ways, and what to do; classes are then named by their
            numbers. Empty if it is clear.
        left_out: names of other arrays of shapes in the file that belong to no split, such as `x_val`.
    """

    array: str
    split: str
    count: int
    sides: tuple[int, int, int]
    classes: tuple[str, ...] = ()
    labels: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    unclear: str = ""
    left_out: tuple[str, ...] = ()

    def paths(self, file: pathlib.Path) -> list[pathlib.Path]:
        """The path of each shape: `FILE.npz:0` and so on (`shape_files.split_name`)."""
        array = f":{self.array}" if self.array else ""
        return [file.with_name(f"{file.name}{array}:{number}") for number in range(self.count)]

    @property
    def summary(self) -> str:
        """The contents in a few words, for messages."""
        classes = f"{counted(len(self.classes), 'class', 'classes')} by its labels" if self.classes else "no labels"
        array = f" in the array {self.array}" if self.array else ""
        return f"{self.count:,} shapes of {shape_text(self.sides)}{array}, {classes}"


def name_of_split(name: str) -> str:
    """The split in a name such as `x_train`, `test.h5` or `modelnet-training`; empty if it names none or both."""
    words = {match.group(1) for match in _SPLIT_WORD.finditer(name.lower())}
    return words.pop() if len(words) == 1 else ""


def _split_word(name: str) -> str:
    """As `name_of_split`, or "val" if the name says validation."""
    return "val" if _VALIDATION_WORD.search(name.lower()) else name_of_split(name)


def may_hold_set(path: pathlib.Path) -> bool:
    """Whether a file may hold more than one shape, by its name and its first bytes, without parsing it.

    Args:
        path: the file. False if it cannot be read: reading it as a shape will say why.

    Returns:
        Whether to call `sandbox.describe_files` for it.
    """
    found = format_of(path)
    if found is None or found.list_arrays is None:
        return False
    try:
        return path.is_file() and (found.may_hold_set is None or found.may_hold_set(path))
    except (OSError, ValueError):
        return False


def describe_sets(path: pathlib.Path, name: str | None = None) -> tuple[ShapeSet, ...]:
    """Looks for sets of shapes in a file, without loading them. Files from outside: `sandbox.describe_files`.

    A file has one set, or one for each split if its arrays are named so (`x_train` and `x_test`). Labels are the array
    of whole numbers, texts or one-hot rows, one for each shape, with a name such as `labels`. An array of another name
    counts as labels if it is the only one that counts classes: its numbers are 0 to K - 1, or 1 to K, and there are at
    least 2 K shapes.

    Args:
        path: the file.
        name: the array's name; None for the usual arrays.

    Returns:
        The sets; none if the file holds one shape or none.

    Raises:
        UserError: several arrays are possible, or the labels are not valid; the message does not name the file.
        Exception: what the format's reader raises on a damaged file.
    """
    arrays = list(list_arrays(path))
    if name is not None:
        array = choose_array(arrays, path, name)
        return (_describe(arrays, array, name_of_split(name), name),) if array.is_set else ()
    sets = [array for array in arrays if array.is_set]
    splits = [name_of_split(array.name) for array in sets]
    if len({split for split in splits if split}) == sum(map(bool, splits)) >= 2:
        found = [(split, array) for split, array in zip(splits, sets, strict=True) if split]
        left_out = tuple(printable(array.name) for split, array in zip(splits, sets, strict=True) if not split)
        described = [_describe(arrays, array, split, array.name) for split, array in found]
        return tuple(dataclasses.replace(described_set, left_out=left_out) for described_set in described)
    if not any(array.is_grid for array in arrays):
        return ()
    array = choose_array(arrays, path)
    return (_describe(arrays, array, "", ""),) if array.is_set else ()


def _describe(arrays: Sequence[StoredArray], array: StoredArray, split: str, name: str) -> ShapeSet:
    """One set with its labels and names."""
    check_set(array.grid_shape)
    count, *sides = array.grid_shape
    if not 1 <= count <= MOST_SHAPES:
        raise UserError(f"holds {count} shapes; a file holds 1 to {MOST_SHAPES}")
    if name and re.fullmatch(r"[A-Za-z_][^:/\\]*", name) is None:
        raise UserError(f"has an array named {printable(name)!r}: give it a name of letters, digits and '_'")
    beside = [other for other in arrays if other is not array and _split_word(other.name) in ("", split)]
    lists = [other for other in beside if _list_length(other) == count]
    tables = [other for other in beside if not other.problem and _is_table(other, count)]
    label_array = _label_array(arrays, lists, tables)
    names = next((other for other in lists if other.is_text and _plain(other.name) in _NAMES), None)
    if label_array is None:
        _refuse_labels_of_other_length(beside, count)
    classes, labels, unclear = _labels(arrays, label_array, count) if label_array else ((), (), "")
    called = tuple(map(_text, _small(names))) if names and names is not label_array else ()
    return ShapeSet(name, split, count, (sides[0], sides[1], sides[2]), classes, labels, called, unclear)


def _list_length(array: StoredArray) -> int:
    """The length of an array with one axis, not counting axes of length 1; -1 for other arrays."""
    long = [side for side in array.shape if side != 1]
    return -1 if len(long) > 1 else long[0] if long else 1


def _is_table(array: StoredArray, count: int) -> bool:
    """Whether an array has two long axes and one row for each shape, like one-hot labels."""
    long = [side for side in array.shape if side != 1]
    return len(long) == 2 and long[0] == count


def _plain(name: str) -> str:
    """A name without the words for the split and without its group."""
    split = r"[^a-z]*(training|train|testing|test|(validation|valid|val)(?![a-z]))[^a-z]*"
    return re.sub(split, "", name.lower().rpartition(".")[2])


def _label_array(
    arrays: Sequence[StoredArray], lists: Sequence[StoredArray], tables: Sequence[StoredArray]
) -> StoredArray | None:
    """The labels among arrays with one entry or one row for each shape; None if there are none."""
    for group in (lists, tables):
        called = [array for array in group if _plain(array.name) in _LABELS and (array.is_text or not array.problem)]
        if called:
            return min(called, key=lambda array: _LABELS.index(_plain(array.name)))
    counting = [array for array in lists if not array.problem and _counts_classes(arrays, array)]
    return counting[0] if len(counting) == 1 else None


def _refuse_labels_of_other_length(arrays: Sequence[StoredArray], count: int) -> None:
    """Refuses more or fewer labels than shapes. Ignoring them would put all shapes into one class."""
    for array in arrays:
        length = _list_length(array)
        if _plain(array.name) in _LABELS and not array.problem and length > 1 and _whole_numbers(array) is not None:
            raise UserError(
                f"has {length} labels ({printable(array.name)!r}) for {count} shapes: give each shape one label, and "
                "name the labels of a split like its shapes (x_train, y_train)"
            )


def _counts_classes(arrays: Sequence[StoredArray], array: StoredArray) -> bool:
    """Whether a list that is not named like labels holds 0 to K - 1 or 1 to K, with K over 1 and at least 2 K shapes.

    If there are class names, some numbers may be missing. Angles, volumes and the indices of shapes are no such lists.
    """
    numbers = _numbers_of_all_splits(arrays, array)
    if numbers is None:
        return False
    present = np.unique(numbers)
    consecutive = present[0] in (0, 1) and present[-1] - present[0] == len(present) - 1
    names = _class_names(arrays, array, len(present), _list_length(array))
    consecutive = consecutive or (present[0] >= 0 and present[-1] <= len(names))
    return bool(consecutive and 1 < len(present) <= len(numbers) // 2)


def _numbers_of_all_splits(arrays: Sequence[StoredArray], array: StoredArray) -> np.ndarray | None:
    """The whole numbers of a list and of the same list for other splits (`y_train`, `y_test`); None if not whole."""
    own = _whole_numbers(array)
    if own is None:
        return None
    plain = _plain(array.name)
    alike = [other for other in arrays if other is not array and not other.problem and _plain(other.name) == plain]
    others = [_whole_numbers(other) for other in alike if _list_length(other) > 0]
    return np.concatenate([own, *(other for other in others if other is not None)])


def _labels(
    arrays: Sequence[StoredArray], label_array: StoredArray, count: int
) -> tuple[tuple[str, ...], tuple[int, ...], str]:
    """Class names, the index of each shape's class, and `ShapeSet.unclear`."""
    if label_array.is_text:
        values = list(map(_text, _small(label_array)))
        classes = tuple(sorted(set(values)))
        places = {name: place for place, name in enumerate(classes)}
        return _checked(classes), tuple(places[value] for value in values), ""
    one_hot = _is_table(label_array, count)
    numbers = _one_hot_numbers(label_array, count) if one_hot else _whole_numbers(label_array)
    if numbers is None:
        raise UserError(
            f"has labels ({printable(label_array.name)!r}) that are not whole numbers: save them as integers"
        )
    present = np.unique(numbers)
    names = _class_names(arrays, label_array, len(present), count)
    if not names:
        return _checked(tuple(map(str, present))), tuple(np.searchsorted(present, numbers).tolist()), ""
    everywhere = None if one_hot else _numbers_of_all_splits(arrays, label_array)
    try:
        first = 0 if everywhere is None else _first_label(everywhere, len(names))
    except _UnclearLabelsError as error:
        return *_labels([label_array], label_array, count)[:2], str(error)
    if one_hot and present[-1] >= len(names):
        raise UserError(f"has one-hot labels with a 1 in column {present[-1]} (from 0) and {len(names)} class names")
    return _checked(names), tuple((numbers - first).tolist()), ""


def _one_hot_numbers(array: StoredArray, count: int) -> np.ndarray:
    """The column of the 1 in each row, `[N]` int64."""
    rows = _small(array, count)
    if not np.isin(rows, (0, 1)).all() or not (rows.astype(bool).sum(axis=1) == 1).all():
        raise UserError(
            f"has labels ({printable(array.name)!r}) of the shape {shape_text(array.shape)} that are not one-hot "
            "(a row of 0s and one 1 for each shape): save a whole number for each shape"
        )
    return rows.argmax(axis=1).astype(np.int64)


def _class_names(arrays: Sequence[StoredArray], label_array: StoredArray, least: int, count: int) -> tuple[str, ...]:
    """The list of at least `least` class names; empty if there is none."""
    texts = [array for array in arrays if array.is_text and _plain(array.name) in _CLASS_NAMES]
    texts = [array for array in texts if array is not label_array and _list_length(array) >= least]
    texts = [array for array in texts if _list_length(array) != count or _plain(array.name) not in _NAMES]
    if not texts:
        return ()
    return tuple(map(_text, _small(min(texts, key=lambda array: _CLASS_NAMES.index(_plain(array.name))))))


def _first_label(numbers: np.ndarray, classes: int) -> int:
    """The label of the first class name, from the labels of all splits: 0, or 1 as MATLAB counts.

    Raises:
        UserError: the labels do not fit the class names.
        _UnclearLabelsError: they fit in both ways.
    """
    low, high = int(numbers.min()), int(numbers.max())
    first = 0 if low <= 0 else 1
    if low < 0 or high >= classes + first:
        raise UserError(
            f"has labels from {low} to {high} and {classes} class names: a label is an index of a name, from 0 or 1"
        )
    if low > 0 and high < classes:
        raise _UnclearLabelsError(
            f"has labels from {low} to {high} and {classes} class names, so they may count from 0 or from 1: save each "
            "shape's class name as its label (a text, not a number)"
        )
    return first


def _checked(classes: tuple[str, ...]) -> tuple[str, ...]:
    """Refuses class names that are too many, empty or not unique."""
    if len(classes) > _MOST_CLASSES:
        raise UserError(f"has {len(classes)} classes, more than {_MOST_CLASSES}: are these labels?")
    if len(set(classes)) != len(classes) or not all(classes):
        raise UserError("has an empty class name or names a class twice: give each class its own name")
    return classes


def _whole_numbers(array: StoredArray) -> np.ndarray | None:
    """The entries of a list as int64; None if they are not whole numbers. MATLAB stores whole numbers as doubles."""
    values = _small(array)
    if values.dtype.kind == "f" and np.isfinite(values).all() and (values == np.round(values)).all():
        values = values.astype(np.int64)
    return values.astype(np.int64) if values.dtype.kind in "iu" else None


def _small(array: StoredArray, rows: int = -1) -> np.ndarray:
    """The entries of a list, `[N]`, or with `rows` of a table, `[N, C]`."""
    if math.prod(array.shape) * 8 > _MOST_SMALL_BYTES:
        raise UserError(f"has a list ({printable(array.name)!r}) that is too long")
    loaded = array.load()
    return loaded.reshape(-1) if rows < 0 else loaded.reshape(rows, -1)


def _text(value: object) -> str:
    """An entry of a list of texts, printable."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return printable(text.strip())[:_LONGEST_NAME]


def set_from_fields(fields: Any) -> ShapeSet:  # noqa: ANN401 (parsed JSON)
    """The set in JSON from a child process, which is not trusted: checks every field.

    Raises:
        ValueError, TypeError, KeyError: it is not a valid set.
    """
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    found = ShapeSet(**values)
    texts = (found.array, found.split, found.unclear, *found.classes, *found.names, *found.left_out)
    numbers = (found.count, *found.sides, *found.labels)
    if not all(isinstance(text, str) and text.isprintable() for text in texts):
        raise ValueError("a name is not printable text")
    if not all(type(number) is int for number in numbers):
        raise ValueError("a number is not an integer")
    fits = (
        1 <= found.count <= MOST_SHAPES
        and len(found.sides) == GRID_DIMENSIONS
        and found.split in ("", "train", "test")
        and len(found.labels) in ((found.count,) if found.classes else (0,))
        and len(found.names) in (0, found.count)
        and all(0 <= label < len(found.classes) for label in found.labels)
        and len(set(found.classes)) == len(found.classes)
        and re.fullmatch(r"([A-Za-z_][^:/\\]*)?", found.array) is not None
    )
    if not fits:
        raise ValueError("the parts of a set do not fit each other")
    return found
