"""Which way is up: turning meshes and grids so that their last axis points up, as in 3D ShapeNets."""

import collections
import pathlib
from collections.abc import Iterable

import numpy as np

from vae_gan3d.voxels.mesh_reader import is_mesh
from vae_gan3d.voxels.synsets import is_synset

# For each axis that points up in a file: the file's axes that become x, y and z, and the one of those that is reversed.
# All are turns, never mirrorings: y up becomes z up as (x, -z, y), as modelling programs import it.
_TURNS: dict[str, tuple[tuple[int, int, int], int | None]] = {
    "x": ((2, 1, 0), 0),
    "y": ((0, 2, 1), 1),
    "z": ((0, 1, 2), None),
}


def usual_up_axis(path: pathlib.Path) -> str:
    """The axis that points up in a file, as far as its format or its folder says.

    Args:
        path: the file; it is not opened.

    Returns:
        `y` for `.glb`, whose format says so, and in ShapeNetCore's folders `SYNSET/MODEL/...`; else `z`, as in
        ModelNet.
    """
    folders = path.absolute().parent.parts[-3:]
    return "y" if path.suffix.lower() == ".glb" or any(map(is_synset, folders)) else "z"


def has_up_axis(path: pathlib.Path) -> bool:
    """Whether a file's axes are those of a mesh, so that it is turned; in other grids the last axis is up."""
    return is_mesh(path) or path.suffix.lower() == ".binvox"


def up_axis_line(paths: Iterable[pathlib.Path], up_axis: str | None) -> str:
    """How the meshes and `.binvox` files among some files are turned, in one line.

    Args:
        paths: the files; they are not opened.
        up_axis: the axis that was asked for; None for the usual one of each.

    Returns:
        The line, empty where there is no such file.
    """
    turned = [path for path in paths if has_up_axis(path)]
    if not turned:
        return ""
    meshes = sum(map(is_mesh, turned))
    what = "meshes and .binvox files" if 0 < meshes < len(turned) else "meshes" if meshes else ".binvox files"
    axes = collections.Counter(up_axis or usual_up_axis(path) for path in turned)
    (axis, _), *others = axes.most_common()
    exceptions = "".join(f", {count} of {len(turned)} with {other} up" for other, count in others)
    return f"{what} are read with {axis} up{exceptions} (--up_axis)"


def turn_points(points: np.ndarray, up_axis: str) -> np.ndarray:
    """Turns points so that the last axis points up.

    Args:
        points: `[..., 3]`.
        up_axis: the axis that points up in them, `x`, `y` or `z`.

    Returns:
        `[..., 3]`, the same points in turned axes.
    """
    axes, reversed_axis = _TURNS[up_axis]
    turned = points[..., axes]
    if reversed_axis is not None:
        turned[..., reversed_axis] *= -1
    return turned


def turn_grid(grid: np.ndarray, up_axis: str) -> np.ndarray:
    """Turns a grid so that the last axis points up, as `turn_points` turns the middles of its voxels.

    Args:
        grid: `[X, Y, Z]`.
        up_axis: the axis that points up in it, `x`, `y` or `z`.

    Returns:
        The turned grid.
    """
    axes, reversed_axis = _TURNS[up_axis]
    turned = grid.transpose(axes)
    return turned if reversed_axis is None else np.flip(turned, reversed_axis)
