"""Shapes given on the command line: files, indices of records, classes. Imports TensorFlow only to load a record."""

import dataclasses
import pathlib
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vae_gan3d.config import EvaluateConfig, ModelConfig
from vae_gan3d.config.shapes import DEFAULT_READING, ReadOptions
from vae_gan3d.data.formats.registry import is_mesh
from vae_gan3d.data.grids import pad_grid, resize_grid
from vae_gan3d.data.manifest import RECORD_SUFFIX, set_name
from vae_gan3d.data.orientation import has_up_axis, up_axis_line
from vae_gan3d.data.record_set import RecordSet, find_records
from vae_gan3d.data.sandbox import read_one
from vae_gan3d.data.shape_files import shape_stem
from vae_gan3d.errors import UserError
from vae_gan3d.models.prior_choice import require_known_classes
from vae_gan3d.text import counted, name_some, printable

if TYPE_CHECKING:
    from vae_gan3d.models.model import Model

CLASS_PREFIX = "class:"
POOR_IOU = 0.5


@dataclasses.dataclass(frozen=True)
class ShapeChoice:
    """A shape of the command line: a file (already read) or a record (read by `load`).

    Attributes:
        name: for pictures and messages.
        grid: `[N, N, N]` uint8, the contents of the file; None for a record.
        records: the records of `index`; None for a file.
        index: of the record.
        class_name: the given class of a file, or empty.
    """

    name: str
    grid: np.ndarray | None
    records: RecordSet | None = None
    index: int = 0
    class_name: str = ""

    def load(self, resolution: int) -> np.ndarray:
        """The shape at the model's resolution, as `[R, R, R]` uint8 in {0, 1}.

        Raises:
            UserError: the record cannot be read.
        """
        if self.grid is not None:
            return resize_grid(pad_grid(self.grid), resolution)
        from vae_gan3d.data.pipeline import read_record

        assert self.records is not None
        return read_record(self.records, self.index, resolution)

    def load_class(self) -> str:
        """The name of the shape's class: as stored in the record, or as given for the file.

        Raises:
            UserError: the record cannot be read.
        """
        if self.records is None:
            return self.class_name
        from vae_gan3d.data.pipeline import read_labeled_record

        _, label = read_labeled_record(self.records, self.index, self.records.resolution)
        return self.records.classes[label]


def choose_shape(
    text: str, records: RecordSet | None, class_name: str = "", reading: ReadOptions = DEFAULT_READING
) -> ShapeChoice:
    """Finds the shape given by a flag such as `--shape1`, and reads it if it is a file.

    Args:
        text: a path, with an index if the file has several shapes (`samples.npy:3`); or the index of a record.
        records: the records, or None.
        class_name: the given class of a file, or empty.
        reading: options of the reader.

    Raises:
        UserError: the file cannot be read, or there is no such record.
    """
    if not text.isdecimal():
        return ShapeChoice(shape_name(text), read_one(pathlib.Path(text), options=reading), class_name=class_name)
    if records is None:
        raise UserError(f"shape {text} is the index of a record: give the records with --records, or give a file")
    if int(text) >= records.count:
        raise UserError(f"there is no record {text}: the set holds {records.count}, counted from 0")
    return ShapeChoice(shape_name(text), None, records, int(text))


def say_which_axis_is_up(shapes: Iterable[str], up_axis: str | None) -> None:
    """Prints which axis is up in the meshes among the shapes; nothing if there is no mesh.

    Args:
        shapes: paths or indices of records.
        up_axis: the value of `--up_axis`, or None.
    """
    line = up_axis_line(map(pathlib.Path, shapes), up_axis)
    if line:
        print(line)


def shape_name(text: str) -> str:
    """The name of a shape in pictures and messages, from its path or its index."""
    return f"record {text}" if text.isdecimal() else printable(shape_stem(pathlib.Path(text)))


@dataclasses.dataclass(frozen=True)
class LatentTerm:
    """A term of latent arithmetic: the mean of the latents of its shapes and of the mean latents of its classes.

    Attributes:
        shapes: single shapes.
        classes: names of classes.
    """

    shapes: tuple[ShapeChoice, ...]
    classes: tuple[str, ...]

    @property
    def is_one_shape(self) -> bool:
        """Whether the term is one shape, not a mean."""
        return len(self.shapes) == 1 and not self.classes

    @property
    def name(self) -> str:
        """For pictures."""
        names = [*(shape.name for shape in self.shapes), *(f"mean of class {name}" for name in self.classes)]
        return names[0] if len(names) == 1 else f"mean of {len(names)} latents"


def choose_term(texts: Sequence[str], records: RecordSet | None, reading: ReadOptions = DEFAULT_READING) -> LatentTerm:
    """Finds the term given by `--shape1`, `--minus` or `--plus` of latent arithmetic, and reads its files.

    Args:
        texts: paths, indices of records, and `class:NAME`; one or more.
        records: the records of the indices and classes, or None.
        reading: options of the reader.

    Raises:
        UserError: a file cannot be read, or there is no such record or class.
    """
    classes = tuple(text.removeprefix(CLASS_PREFIX) for text in texts if text.startswith(CLASS_PREFIX))
    for name in classes:
        if records is None:
            raise UserError(f"{CLASS_PREFIX}{name} is a class of records: give the records with --records")
        if name not in records.classes:
            raise UserError(f"{CLASS_PREFIX}{name}: the records hold {', '.join(records.classes)}: give one of these")
    shapes = tuple(choose_shape(text, records, reading=reading) for text in texts if not text.startswith(CLASS_PREFIX))
    return LatentTerm(shapes, classes)


def require_known_shapes(model: ModelConfig, choices: Sequence[ShapeChoice]) -> None:
    """Checks that a conditional model knows the class of every shape.

    Args:
        model: the model's configuration.
        choices: the shapes.

    Raises:
        UserError: the class of a file is not given, or the model does not know a class.
    """
    for choice in choices:
        if choice.records is not None:
            require_known_classes(model, choice.records.classes)
        elif choice.class_name:
            require_known_classes(model, [choice.class_name])
        elif model.conditional:
            raise UserError(
                f"the model was trained with --conditional on {', '.join(model.classes)}, and the class of the file "
                f"{choice.name} is not known: give the index of a record instead, or with --phase=test give --class1 "
                "and --class2"
            )


def shape_classes(model: ModelConfig, choices: Sequence[ShapeChoice]) -> list[str] | None:
    """The class names of chosen shapes for a conditional model; None for another model, which needs none.

    Raises:
        UserError: a record cannot be read.
    """
    return [choice.load_class() for choice in choices] if model.conditional else None


def find_latents(
    model: "Model",
    shapes: np.ndarray,
    labels: Sequence[str] | None,
    names: Sequence[str],
    *,
    project: int = 0,
    threshold: float = 0.5,
    noise_seed: int | None = None,
) -> np.ndarray:
    """Encodes shapes, prints the IoU of each reconstruction, and notes bad ones.

    Args:
        model: the model.
        shapes: `[N, R, R, R]` in {0, 1}.
        labels: `[N]`, their classes; None for a model that is not conditional.
        names: of the shapes on the command line.
        project: steps of projection; 0 for none.
        threshold: voxels above this probability count as occupied.
        noise_seed: adds the encoder's noise, drawn with this seed; None gives the means.

    Returns:
        `[N, L]` float32.
    """
    latents = model.encode(shapes, labels, noise_seed=noise_seed)
    if project:
        found = model.project(shapes, labels, steps=project, threshold=threshold, start=latents)
        texts = [
            f"{before:.3f}, after {counted(project, 'step')} of projection {after:.3f}"
            for before, after in zip(found.iou_before, found.iou_after, strict=True)
        ]
        latents, overlaps = found.latents, found.iou_after
    else:
        overlaps = model.reconstruction_iou(latents, shapes, labels, threshold=threshold)
        texts = [f"{overlap:.3f}" for overlap in overlaps]
    for name, text in zip(names, texts, strict=True):
        print(f"reconstruction of {name}: IoU {text}")
    note_poor_reconstructions(names, overlaps, project=project)
    return latents


def note_poor_reconstructions(shapes: Sequence[str], overlaps: np.ndarray, *, project: int | None = None) -> None:
    """Prints the shapes with a poor reconstruction and the remedies; nothing if there are none.

    Args:
        shapes: paths or indices of records.
        overlaps: `[N]`, IoU of each shape and its reconstruction.
        project: steps of projection; None if the phase has no projection.
    """
    poor = {shape: overlap for shape, overlap in zip(shapes, overlaps, strict=True) if overlap < POOR_IOU}
    if not poor:
        return
    files = [pathlib.Path(shape) for shape in poor if not shape.isdecimal()]
    remedies = []
    if any(map(has_up_axis, files)):
        remedies.append("turn it upright (--up_axis) and to face as the training shapes do")
    elif files:
        remedies.append("turn it to stand and face as the training shapes do")
    if any(map(is_mesh, files)):
        remedies.append("give it their --margin")
    if project == 0:
        remedies.append("give --project=50")
    remedies.append("train longer, or on shapes like it")
    names = name_some(
        [f"{f'record {shape}' if shape.isdecimal() else shape} (IoU {overlap:.2f})" for shape, overlap in poor.items()]
    )
    print(f"note: poor reconstruction of {names}: {'; '.join(remedies)}", file=sys.stderr)


def choose_records(config: EvaluateConfig) -> tuple[RecordSet, RecordSet | None]:
    """Finds the test set and the training set, and prints their files.

    Without `train_records` the training set is `train_split_name` in the folder of the test set, if it exists.

    Args:
        config: the phase's configuration.

    Returns:
        The test set; and the training set, or None if there is none or if it shares files with the test set.

    Raises:
        UserError: records are missing or damaged, or the folder has only a set of another name.
    """
    test = find_records(config.records, config.split_name)
    if _is_other_split(config.records, config.split_name, test):
        other = set_name(test.files[0].name)
        raise UserError(
            f"{config.records} has no set {config.split_name!r}, only {other!r}: write the test shapes with "
            f"create_tf_record.py --if_train=false, or give --split_name={other}"
        )
    print(f"test shapes: {test.count}, {_place(test)}")
    training = _find_training(config)
    if training is None:
        return test, None
    if _overlap(test, training):
        print(
            f"warning: the test shapes and the training shapes are the same ({_place(test)}): evaluating without "
            "training shapes; give them with --train_records",
            file=sys.stderr,
        )
        return test, None
    print(f"training shapes: {training.count}, {_place(training)}")
    return test, training


def _find_training(config: EvaluateConfig) -> RecordSet | None:
    if config.train_records:
        return find_records(config.train_records, config.train_split_name)
    beside = {set_name(path.name) for path in pathlib.Path(config.records).glob("*" + RECORD_SUFFIX)}
    return find_records(config.records, config.train_split_name) if config.train_split_name in beside else None


def _is_other_split(records: str, split_name: str, found: RecordSet) -> bool:
    """Whether the folder has only a set of another name."""
    return pathlib.Path(records).is_dir() and set_name(found.files[0].name) != split_name


def _overlap(first: RecordSet, second: RecordSet) -> bool:
    """Whether two sets share a file, by path or by contents."""
    return bool(_identities(first) & _identities(second))


def _identities(records: RecordSet) -> set[str]:
    shards = records.manifest.shards if records.manifest else ()
    digests = {shard.name: shard.sha256 for shard in shards}
    return {str(path.resolve()) for path in records.files} | {
        digests[path.name] for path in records.files if path.name in digests
    }


def _place(records: RecordSet) -> str:
    """The path of the first file, and the number of others."""
    others = len(records.files) - 1
    return f"{records.files[0]}" + (f" and {others} more" if others else "")
