"""Which way is up: turning meshes and grids so that their last axis points up, as in 3D ShapeNets."""

import pathlib
from collections.abc import Iterable

import numpy as np

from vae_gan3d.data.formats.meshes import is_mesh
from vae_gan3d.data.synsets import is_synset

# For each axis that points up in a file: the file's axes that become x, y and z, and the one of those that is reversed.
# All are turns, never mirrorings: y up becomes z up as (x, -z, y), as modelling programs import it.
_TURNS: dict[str, tuple[tuple[int, int, int], int | None]] = {
    "x": ((2, 1, 0), 0),
    "y": ((0, 2, 1), 1),
    "z": ((0, 1, 2), None),
}

_Y_UP = (".glb", ".gltf", ".dae", ".fbx")
_NAME_THEIR_AXIS = (".dae",)
_Z_UP = (".3mf", ".vox")
_TURNED_GRIDS = (".binvox", ".vox")


def usual_up_axis(path: pathlib.Path) -> str:
    """The axis that points up in a file, as far as its format or its folder says.

    Args:
        path: the file; it is not opened.

    Returns:
        `y` for `.glb`, `.gltf`, `.fbx`, and `.dae` files that name no axis, as their formats say, and for meshes and
        `.binvox` files in ShapeNetCore's folders `SYNSET/MODEL/...`; else `z`, as in ModelNet, 3MF and MagicaVoxel.
    """
    suffix = path.suffix.lower()
    if suffix in _Y_UP or suffix in _Z_UP:
        return "y" if suffix in _Y_UP else "z"
    return "y" if any(map(is_synset, path.absolute().parent.parts[-3:])) else "z"


def has_up_axis(path: pathlib.Path) -> bool:
    """Whether a file's axes are those of a mesh, so that it is turned; in other grids the last axis is up."""
    return is_mesh(path) or path.suffix.lower() in _TURNED_GRIDS


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
    grids = " and ".join(sorted({path.suffix.lower() for path in turned} & set(_TURNED_GRIDS)))
    what = " and ".join(filter(None, ["meshes" if meshes else "", f"{grids} files" if grids else ""]))
    groups: dict[str, set[str]] = {}
    for path in turned:
        suffix = path.suffix.lower()
        axis = up_axis or ("the axis that each file names" if suffix in _NAME_THEIR_AXIS else usual_up_axis(path))
        groups.setdefault(axis, set()).add(suffix)
    if len(groups) == 1:
        return f"{what} are read with {next(iter(groups))} up (--up_axis)"
    parts = ", ".join(f"{axis} up in {' and '.join(sorted(suffixes))}" for axis, suffixes in groups.items())
    return f"{what} are read with {parts} files (--up_axis)"


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
