"""A shape that the command line names: a file, or the index of a record. Needs no TensorFlow until it is loaded."""

import dataclasses
import pathlib
from collections.abc import Iterable

import numpy as np

from vae_gan3d.errors import UserError
from vae_gan3d.records.record_set import RecordSet
from vae_gan3d.voxels.grids import pad_grid, resize_grid
from vae_gan3d.voxels.numbered_shapes import shape_stem
from vae_gan3d.voxels.orientation import up_axis_line
from vae_gan3d.voxels.read_options import DEFAULT_READING, ReadOptions
from vae_gan3d.voxels.reader_process import read_one
from vae_gan3d.wording import printable


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
        from vae_gan3d.records.pipeline import read_record

        assert self.records is not None
        return read_record(self.records, self.index, resolution)

    def load_class(self) -> str:
        """The name of the shape's class: what a record says, or what was said of a file.

        Raises:
            UserError: the record cannot be read.
        """
        if self.records is None:
            return self.class_name
        from vae_gan3d.records.pipeline import read_labeled_record

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
