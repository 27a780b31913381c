"""One shape file in or out: `read_grid` and `write_shape` find the format by the file's extension.

`read_grid` and `describe_file` parse files from outside, so they run in the child processes of `data.sandbox`.
"""

import contextlib
import pathlib
import re
import stat
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from vae_gan3d.config.shapes import DEFAULT_READING, ReadOptions
from vae_gan3d.data.array_files import read_array
from vae_gan3d.data.data_sets import ShapeSet, describe_sets
from vae_gan3d.data.formats.format import Format
from vae_gan3d.data.formats.registry import ARRAY_EXTENSIONS, EXTENSIONS, WRITTEN_EXTENSIONS, format_of
from vae_gan3d.data.grids import EMPTY_REASON, as_cube, centre_grid, check_type, check_values
from vae_gan3d.data.orientation import turn_grid, turn_points, usual_up_axis
from vae_gan3d.data.surfaces import DEFAULT_MESH, MeshOptions, largest_body, placed_mesh, surface_mesh, write_mesh
from vae_gan3d.errors import UserError
from vae_gan3d.files import atomic_path
from vae_gan3d.text import printable

# 128³ doubles take 16 MiB; a .mat file may hold other variables beside the grid.
MAX_FILE_BYTES = 256 << 20
_IN_FILE = re.compile(
    rf"(.+(?:{'|'.join(map(re.escape, ARRAY_EXTENSIONS))}))(?::([A-Za-z_][^:/\\]*))?(?::([0-9]+))?", re.IGNORECASE
)


class ShapeName(NamedTuple):
    """What a path such as `FILE.npz:chair:3` names.

    Attributes:
        file: the file.
        array: the array in it; None for the usual one.
        number: the index of a shape, from 0; None if the path names none.
    """

    file: pathlib.Path
    array: str | None = None
    number: int | None = None


def split_name(path: pathlib.Path) -> ShapeName:
    """Splits a path into the file and the shape in it. If a file of the full name exists, the path names that file."""
    match = _IN_FILE.fullmatch(path.name)
    if match is None or match.group(2) is match.group(3) is None or path.exists():
        return ShapeName(path)
    name, array, number = match.groups()
    return ShapeName(path.with_name(name), array, None if number is None else int(number))


def shape_stem(path: pathlib.Path) -> str:
    """A shape's name for output files: `chair` for `chair.mat`, `samples-3` for `samples.npy:3`."""
    file, array, number = split_name(path)
    return "-".join([file.stem, *([array] if array else []), *([str(number)] if number is not None else [])])


class GridError(UserError):
    """A shape file that cannot be used: one line with the file, the reason and the remedy.

    Attributes:
        reason: the line without the file.
    """

    def __init__(self, path: pathlib.Path, reason: str) -> None:
        """Makes one printable line.

        Args:
            path: the file.
            reason: why it cannot be used; it may quote any bytes of the file.
        """
        self.reason = printable(" ".join(reason.split()))
        super().__init__(f"{printable(path)}: {self.reason}")


def read_grid(path: pathlib.Path, variable: str | None = None, options: ReadOptions = DEFAULT_READING) -> np.ndarray:
    """Reads one shape.

    Args:
        path: a file of one of the formats in `formats.registry`. `FILE.npz:3` is one shape of a set, `FILE.npz:chair`
            one array of a file (`split_name`).
        variable: the array that holds the grid, if the path names none; None for the usual one.
        options: how meshes become grids, and which axis points up.

    Returns:
        voxels: `[N, N, N]` uint8 in {0, 1}, the last axis up. N is the options' resolution for a mesh, and 1 to 128 for
        a grid, as stored (not padded to one of `grids.RESOLUTIONS`; see `grids.as_cube` for unequal and larger sides).

    Raises:
        GridError: the file does not exist, has an unknown extension, is damaged or too large, or holds no shape.
    """
    with _errors_in_one_line(path):
        file, array, number = split_name(path)
        found = format_of(file)
        if found is None:
            suffix = printable(file.suffix)
            raise UserError(f"files of type {suffix!r} are not read; give one of {', '.join(EXTENSIONS)}")
        _check_file(file, in_set=number is not None)
        if found.list_arrays:
            return _as_grid(read_array(file, array or variable, number))
        return _read_mesh(file, found, options) if found.read_mesh else _read_grid(file, found, options)


def _read_mesh(path: pathlib.Path, found: Format, options: ReadOptions) -> np.ndarray:
    from vae_gan3d.data.voxelize import voxelize  # imports parts of SciPy, a fifth of a child process's start

    assert found.read_mesh
    mesh = found.read_mesh(path)
    vertices = turn_points(mesh.vertices, options.up_axis or mesh.up_axis or usual_up_axis(path))
    return voxelize(vertices, mesh.triangles, options.resolution, options.fill, options.margin)


def _read_grid(path: pathlib.Path, found: Format, options: ReadOptions) -> np.ndarray:
    assert found.read_grid
    voxels, is_centred = found.read_grid(path)
    if found.has_up_axis:
        voxels = turn_grid(voxels, options.up_axis or usual_up_axis(path))
    grid = _as_grid(voxels)
    return grid if is_centred else centre_grid(grid)


def _as_grid(values: np.ndarray) -> np.ndarray:
    """The numbers in a file as a cube with at least one occupied voxel."""
    check_type(values.dtype)
    grid = as_cube(check_values(values))
    if not grid.any():
        raise UserError(EMPTY_REASON)
    return grid


def describe_file(path: pathlib.Path) -> tuple[ShapeSet, ...]:
    """Looks for sets of shapes in a file of arrays, without loading them.

    Args:
        path: the file, or one of its arrays (`FILE.npz:chair`).

    Returns:
        The sets; none if it holds one shape.

    Raises:
        GridError: the file does not exist or is damaged, or a set in it is not valid.
    """
    with _errors_in_one_line(path):
        name = split_name(path)
        _check_file(name.file, in_set=True)
        return describe_sets(name.file, name.array)


@contextlib.contextmanager
def _errors_in_one_line(path: pathlib.Path) -> Iterator[None]:
    """Turns all exceptions of readers into a `GridError`."""
    try:
        yield
    except UserError as error:
        raise GridError(path, str(error).removeprefix(f"{path}: ")) from error
    except MemoryError as error:
        raise GridError(path, "reading it takes too much memory: the file is damaged or too large") from error
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:
            reason = f"cannot be read ({error.strerror}); check the path and its permissions"
            raise GridError(path, reason) from error
        # Parsers raise all kinds of exceptions on damaged files: struct.error, zlib.error, TypeError, KeyError...
        reason = str(error) or type(error).__name__
        raise GridError(path, f"the file is damaged or cut short ({reason}): fetch or write it again") from error


def _check_file(path: pathlib.Path, *, in_set: bool) -> None:
    """Refuses a path that is not a file, or a file that is empty or too large, before it is opened.

    A file with a set of shapes may be larger.
    """
    try:
        status = path.stat()
    except FileNotFoundError as error:
        what = "is a symbolic link to nothing" if path.is_symlink() else "there is no such file"
        raise UserError(f"{what}; check the path") from error
    except ValueError as error:  # a name with a zero byte
        raise UserError("there is no such file; check the path") from error
    if not stat.S_ISREG(status.st_mode):
        kind = "folder" if stat.S_ISDIR(status.st_mode) else "device or pipe"
        raise UserError(f"is not a file but a {kind}; check the path")
    if status.st_size == 0:
        raise UserError("the file is empty: fetch or write it again")
    if status.st_size > MAX_FILE_BYTES and not in_set:
        raise UserError(
            f"is too large for one shape ({status.st_size} bytes): save the shape alone, or name one of many by its "
            "number (FILE.npy:0)"
        )


def write_shape(
    grid: np.ndarray, path: pathlib.Path, mesh: MeshOptions = DEFAULT_MESH, *, threshold: float = 0.5
) -> None:
    """Writes a grid in the format of the file's extension.

    `read_grid` gives the same grid back, bit for bit, except from a mesh, which is made by marching cubes
    (`surfaces.surface_mesh`).

    Args:
        grid: `[N, N, N]` bool, uint8 in {0, 1} or probabilities, the last axis up.
        path: the file, with one of `registry.WRITTEN_EXTENSIONS`; its folder exists.
        mesh: the size of a mesh, and which bodies it holds.
        threshold: voxels above it are occupied.

    Raises:
        UserError: the extension is not written, or the file cannot be written.
    """
    found = require_writable(path)
    if found.encode_grid:
        contents = found.encode_grid((np.asarray(grid) > threshold).astype(np.uint8))
        with atomic_path(path) as temporary:
            temporary.write_bytes(contents)
        return
    vertices, triangles = surface_mesh(grid, threshold)
    if not len(triangles):
        raise UserError(f"{path}: the shape has no occupied voxel, so it has no surface: give another")
    if mesh.components == "largest":
        body = largest_body(vertices, triangles)
        vertices, triangles = body.vertices, body.triangles
    write_mesh(placed_mesh(vertices, mesh.size_mm), triangles, path)


def require_writable(path: pathlib.Path) -> Format:
    """The format of a file to be written.

    Raises:
        UserError: the extension is not one of `registry.WRITTEN_EXTENSIONS`.
    """
    found = format_of(path)
    if found is None or not found.is_written:
        raise UserError(
            f"{path}: files of type {path.suffix!r} are not written; give one of {', '.join(WRITTEN_EXTENSIONS)}"
        )
    return found
