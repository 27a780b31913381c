"""Which axis points up in a file, and rotations that make it the last one, as in 3D ShapeNets."""

import pathlib
from collections.abc import Iterable

import numpy as np

from vae_gan3d.data.formats.registry import format_of, is_mesh
from vae_gan3d.data.synsets import is_synset

# By the axis that points up: the file's axes that become x, y and z, and which of these is reversed.
# These are rotations, never reflections: y up becomes z up as (x, -z, y), as modelling programs import it.
_TURNS: dict[str, tuple[tuple[int, int, int], int | None]] = {
    "x": ((2, 1, 0), 0),
    "y": ((0, 2, 1), 1),
    "z": ((0, 1, 2), None),
}


def usual_up_axis(path: pathlib.Path) -> str:
    """The axis that points up in a file, unless the user or the file names one.

    Args:
        path: the file; it is not opened.

    Returns:
        The axis of the file's format (`Format.up_axis`). If the format has none: `y` in ShapeNetCore's folders
        `SYNSET/MODEL/...`, else `z`, as in ModelNet.
    """
    found = format_of(path)
    if found is not None and found.up_axis:
        return found.up_axis
    return "y" if any(map(is_synset, path.absolute().parent.parts[-3:])) else "z"


def has_up_axis(path: pathlib.Path) -> bool:
    """Whether `--up_axis` applies to a file. In other grids the last axis is up."""
    found = format_of(path)
    return found is not None and found.has_up_axis


def up_axis_line(paths: Iterable[pathlib.Path], up_axis: str | None) -> str:
    """One line that says which axis points up in files to which `--up_axis` applies.

    Args:
        paths: the files; they are not opened.
        up_axis: the axis that the user gave; None for the usual one of each file.

    Returns:
        The line, empty if there is no such file.
    """
    turned = [path for path in paths if has_up_axis(path)]
    if not turned:
        return ""
    grids = " and ".join(sorted({path.suffix.lower() for path in turned if not is_mesh(path)}))
    what = " and ".join(
        filter(None, ["meshes" if any(map(is_mesh, turned)) else "", f"{grids} files" if grids else ""])
    )
    groups: dict[str, set[str]] = {}
    for path in turned:
        found = format_of(path)
        names_axis = found is not None and found.names_up_axis
        axis = up_axis or ("the axis that each file names" if names_axis else usual_up_axis(path))
        groups.setdefault(axis, set()).add(path.suffix.lower())
    if len(groups) == 1:
        return f"{what} are read with {next(iter(groups))} up (--up_axis)"
    parts = ", ".join(f"{axis} up in {' and '.join(sorted(suffixes))}" for axis, suffixes in groups.items())
    return f"{what} are read with {parts} files (--up_axis)"


def turn_points(points: np.ndarray, up_axis: str) -> np.ndarray:
    """Rotates points so that the last axis points up.

    Args:
        points: `[..., 3]`.
        up_axis: the axis that points up in them, `x`, `y` or `z`.

    Returns:
        `[..., 3]`, the rotated points.
    """
    axes, reversed_axis = _TURNS[up_axis]
    turned = points[..., axes]
    if reversed_axis is not None:
        turned[..., reversed_axis] *= -1
    return turned


def turn_grid(grid: np.ndarray, up_axis: str) -> np.ndarray:
    """Rotates a grid so that the last axis points up, as `turn_points` rotates the centers of its voxels.

    Args:
        grid: `[X, Y, Z]`.
        up_axis: the axis that points up in it, `x`, `y` or `z`.

    Returns:
        The rotated grid, a view.
    """
    axes, reversed_axis = _TURNS[up_axis]
    turned = grid.transpose(axes)
    return turned if reversed_axis is None else np.flip(turned, reversed_axis)
