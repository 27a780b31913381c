"""The record that every file format fills in: its extensions, how to read and write it, and what its files hold."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from vae_gan3d.data.formats.stored_arrays import StoredArray
from vae_gan3d.errors import UserError

MOST_TRIANGLES = 3_000_000  # as measured, docs/SHAPES.md


class Grid(NamedTuple):
    """A voxel grid as a file holds it.

    Attributes:
        voxels: `[X, Y, Z]` numbers, 0 and 1 or 0 and 255, in the file's axes; sides of at most 512.
        is_centred: whether the shape stays where it is in the grid; otherwise it moves to the middle.
    """

    voxels: np.ndarray
    is_centred: bool = True


class Mesh(NamedTuple):
    """A mesh as a file holds it; several bodies are one mesh.

    Attributes:
        vertices: `[V, 3]` float64, in the file's axes.
        triangles: `[T, 3]` int64, positions in `vertices`.
        up_axis: the axis that the file says is up, `x`, `y` or `z`; None if it does not say.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    up_axis: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Format:
    """One file format. It has exactly one of `read_grid`, `read_mesh` and `list_arrays`.

    Readers run in the sandbox (`data.sandbox`). They may raise any exception for a damaged file; `UserError` gives a
    better reason, without the file's name.

    Attributes:
        extensions: in lower case, with the dot.
        read_grid: reads a file that holds one voxel grid.
        read_mesh: reads a file that holds a mesh.
        list_arrays: lists the arrays of a file without loading them; one may hold a shape or a whole data set.
        may_hold_set: for files of arrays: whether the file may hold more than one shape, from its first bytes. It runs
            outside the sandbox, so it parses nothing else. None: look into every file.
        encode_grid: the bytes of a file for `[N, N, N]` uint8 in {0, 1}; None if grids are not written.
        encode_mesh: the bytes of a file for vertices `[V, 3]` in millimetres, z up, and triangles `[T, 3]`; None if
            meshes are not written.
        usual_array: for files of arrays: the array that holds the grid, if it is not called `voxels` or the like.
        up_axis: the axis that the format says is up; None if its files may have any axis up. Then it is z, or y in
            ShapeNetCore's folders.
        has_up_axis: for grids: whether `--up_axis` applies, as it does to all meshes. In other grids the last axis is
            up.
        names_up_axis: whether a file may name its own axis (`Mesh.up_axis`).
        in_data_folders: whether files of this format in a data folder are shapes.
        in_results: for formats that are written: whether `--formats` offers it.
        companions: glob pattern of other files, in the file's folder or below, that belong to it.
    """

    extensions: tuple[str, ...]
    read_grid: Callable[[pathlib.Path], Grid] | None = None
    read_mesh: Callable[[pathlib.Path], Mesh] | None = None
    list_arrays: Callable[[pathlib.Path], Iterator[StoredArray]] | None = None
    may_hold_set: Callable[[pathlib.Path], bool] | None = None
    encode_grid: Callable[[np.ndarray], bytes] | None = None
    encode_mesh: Callable[[np.ndarray, np.ndarray], bytes] | None = None
    usual_array: str = ""
    up_axis: str | None = None
    has_up_axis: bool = False
    names_up_axis: bool = False
    in_data_folders: bool = True
    in_results: bool = True
    companions: str = ""

    def __post_init__(self) -> None:
        if sum(reader is not None for reader in (self.read_grid, self.read_mesh, self.list_arrays)) != 1:
            raise ValueError(f"{self.extensions}: give one of read_grid, read_mesh and list_arrays")
        if self.is_mesh:
            object.__setattr__(self, "has_up_axis", True)

    @property
    def is_mesh(self) -> bool:
        """Whether files hold a surface, and no voxels."""
        return self.read_mesh is not None

    @property
    def is_written(self) -> bool:
        """Whether shapes are written in this format."""
        return self.encode_grid is not None or self.encode_mesh is not None


def check_triangle_count(count: int) -> None:
    """Refuses meshes that are too large to read.

    Raises:
        UserError: there are more than `MOST_TRIANGLES`; the message does not name the file.
    """
    if count > MOST_TRIANGLES:
        raise UserError(f"has {count} triangles, more than {MOST_TRIANGLES}: simplify it first")
