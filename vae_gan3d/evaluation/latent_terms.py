"""What latent arithmetic adds and subtracts: shapes, classes, or the mean of several. Needs no TensorFlow."""

import dataclasses
from collections.abc import Sequence

from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.shape_choice import ShapeChoice, choose_shape
from vae_gan3d.records.record_set import RecordSet
from vae_gan3d.voxels.read_options import DEFAULT_READING, ReadOptions

CLASS_MARK = "class:"


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
