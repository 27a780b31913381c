"""Shapes that the command line names: files, records, classes. Needs no TensorFlow until one is loaded."""

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

CLASS_MARK = "class:"
POOR_IOU = 0.5


@dataclasses.dataclass(frozen=True)
class ShapeChoice:
    """A shape that is found, and read when it is needed.

    Attributes:
        name: how to call it in pictures and messages.
        grid: `[N, N, N]` uint8 as the file holds it, or None for a record.
        records: the records that `index` counts in, or None for a file.
        index: of the record.
        class_name: the class that a file is said to be of, or empty.
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
        """The name of the shape's class: what a record says, or what was said of a file.

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
    """Finds the shape that a flag such as `--shape1` names.

    Args:
        text: a path, with the number of a shape where the file holds several (`samples.npy:3`), or a whole number.
        records: where whole numbers count, or None.
        class_name: the class that a file is said to be of, or empty.
        reading: how a file is read; a mesh at the resolution that is named there.

    Returns:
        The shape, its file read.

    Raises:
        UserError: the file cannot be read, or there is no such record.
    """
    if not text.isdecimal():
        return ShapeChoice(shape_name(text), read_one(pathlib.Path(text), options=reading), class_name=class_name)
    if records is None:
        raise UserError(f"shape {text} is the index of a record: say of which with --records, or give a file")
    if int(text) >= records.count:
        raise UserError(f"there is no record {text}: the set holds {records.count}, counted from 0")
    return ShapeChoice(shape_name(text), None, records, int(text))


def say_which_axis_is_up(shapes: Iterable[str], up_axis: str | None) -> None:
    """Says on the terminal how the meshes among some shapes are turned, in one line; nothing where there is none.

    Args:
        shapes: as the command line names them.
        up_axis: the axis that was asked for, or None.
    """
    line = up_axis_line(map(pathlib.Path, shapes), up_axis)
    if line:
        print(line)


def shape_name(text: str) -> str:
    """How pictures and messages call the shape that a path or a whole number names."""
    return f"record {text}" if text.isdecimal() else printable(shape_stem(pathlib.Path(text)))


@dataclasses.dataclass(frozen=True)
class LatentTerm:
    """One term; its latent is the mean of those of its parts, where a class counts as one part.

    Attributes:
        shapes: single shapes.
        classes: names of classes, each for the mean latent of all its records.
    """

    shapes: tuple[ShapeChoice, ...]
    classes: tuple[str, ...]

    @property
    def is_one_shape(self) -> bool:
        """Whether the term is a shape, not a mean."""
        return len(self.shapes) == 1 and not self.classes

    @property
    def name(self) -> str:
        """How to call it in pictures."""
        names = [*(shape.name for shape in self.shapes), *(f"mean of class {name}" for name in self.classes)]
        return names[0] if len(names) == 1 else f"mean of {len(names)} latents"


def choose_term(texts: Sequence[str], records: RecordSet | None, reading: ReadOptions = DEFAULT_READING) -> LatentTerm:
    """Finds what `--shape1`, `--minus` or `--plus` of latent arithmetic names.

    Args:
        texts: paths, indices of records, and `class:NAME`; one or more.
        records: where indices count and whose classes are meant, or None.
        reading: how files are read.

    Returns:
        The term, its files read.

    Raises:
        UserError: a file cannot be read, or there is no such record or class.
    """
    classes = tuple(text.removeprefix(CLASS_MARK) for text in texts if text.startswith(CLASS_MARK))
    for name in classes:
        if records is None:
            raise UserError(f"{CLASS_MARK}{name} is a class of records: say of which with --records")
        if name not in records.classes:
            raise UserError(f"{CLASS_MARK}{name}: the records hold {', '.join(records.classes)}: give one of these")
    shapes = tuple(choose_shape(text, records, reading=reading) for text in texts if not text.startswith(CLASS_MARK))
    return LatentTerm(shapes, classes)


def require_known_shapes(model: ModelConfig, choices: Sequence[ShapeChoice]) -> None:
    """Refuses shapes whose class a conditional model must be told, and cannot be.

    Args:
        model: the model's configuration.
        choices: the shapes.

    Raises:
        UserError: a file came without its class, or a class is not the model's.
    """
    for choice in choices:
        if choice.records is not None:
            require_known_classes(model, choice.records.classes)
        elif choice.class_name:
            require_known_classes(model, [choice.class_name])
        elif model.conditional:
            raise UserError(
                f"the model was trained with --conditional on {', '.join(model.classes)}, and the class of the file "
                f"{choice.name} is not known: give the index of a record in its place, or in --phase=test --class1 and "
                "--class2 with --shape1 and --shape2"
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
    """Says on the terminal which shapes come back badly and what may help; nothing where none does.

    Args:
        shapes: as the command line names them, paths or the indices of records.
        overlaps: `[N]`, the IoU of each shape and its reconstruction.
        project: the steps of projection that were taken; None where the phase takes none.
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
    """Finds both sets, and says on the terminal which they are.

    Without `train_records`, the set `train_split_name` of the folder that holds the test shapes is taken, if it is
    there.

    Args:
        config: the phase's configuration.

    Returns:
        The test shapes; the training shapes, or None where there are none, or none but the test shapes themselves.

    Raises:
        UserError: records that are named cannot be found or are damaged, or a folder holds another set alone.
    """
    test = find_records(config.records, config.split_name)
    if _is_other_split(config.records, config.split_name, test):
        other = set_name(test.files[0].name)
        raise UserError(
            f"{config.records} holds no set {config.split_name!r} but {other!r}: write the test shapes with "
            f"create_tf_record.py --if_train=false, or give --split_name={other}"
        )
    print(f"test shapes: {test.count}, {_place(test)}")
    training = _find_training(config)
    if training is None:
        return test, None
    if _overlap(test, training):
        print(
            f"warning: the test shapes and the training shapes are the same ({_place(test)}): the latter are left "
            "out; give the records that the model was trained on with --train_records",
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
    """Whether a folder's only set was found in place of the one that was asked for."""
    return pathlib.Path(records).is_dir() and set_name(found.files[0].name) != split_name


def _overlap(first: RecordSet, second: RecordSet) -> bool:
    """Whether two sets share a file, by its place or by its contents."""
    return bool(_identities(first) & _identities(second))


def _identities(records: RecordSet) -> set[str]:
    shards = records.manifest.shards if records.manifest else ()
    digests = {shard.name: shard.sha256 for shard in shards}
    return {str(path.resolve()) for path in records.files} | {
        digests[path.name] for path in records.files if path.name in digests
    }


def _place(records: RecordSet) -> str:
    """The file, or the first of several."""
    others = len(records.files) - 1
    return f"{records.files[0]}" + (f" and {others} more" if others else "")
