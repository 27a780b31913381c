"""How a shape file is read: mesh resolution, fill and up axis, and which shape of a file that holds several."""

import pathlib
import re
from typing import NamedTuple

from vae_gan3d.config.shapes import (
    DEFAULT_MARGIN,
    DEFAULT_MESH_RESOLUTION,
    DEFAULT_READING,
    FILLS,
    UP_AXES,
    ReadOptions,
)

__all__ = [
    "DEFAULT_MARGIN",
    "DEFAULT_MESH_RESOLUTION",
    "DEFAULT_READING",
    "FILLS",
    "MOST_TRIANGLES",
    "UP_AXES",
    "ReadOptions",
]

MOST_TRIANGLES = 3_000_000  # as measured, docs/SHAPES.md


_NAMED = re.compile(r"(.+\.(?:npy|npz|mat|h5|hdf5))(?::([A-Za-z_][^:/\\]*))?(?::([0-9]+))?", re.IGNORECASE)


class ShapeName(NamedTuple):
    """What a path names: a file, the array in it (None for the usual one), and the number of a shape, from 0."""

    file: pathlib.Path
    array: str | None = None
    number: int | None = None


def split_name(path: pathlib.Path) -> ShapeName:
    """Splits the name of a shape into the file and the shape in it.

    Args:
        path: as the command line gives it. A file that is there by this full name is meant itself.

    Returns:
        The parts.
    """
    match = _NAMED.fullmatch(path.name)
    if match is None or match.group(2) is match.group(3) is None or path.exists():
        return ShapeName(path)
    name, array, number = match.groups()
    return ShapeName(path.with_name(name), array, None if number is None else int(number))


def shape_stem(path: pathlib.Path) -> str:
    """What the files of a shape are called: `chair` of `chair.mat`, `samples-3` of `samples.npy:3`."""
    file, array, number = split_name(path)
    return "-".join([file.stem, *([array] if array else []), *([str(number)] if number is not None else [])])
