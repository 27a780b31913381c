"""Which function reads and which writes each file extension."""

import contextlib
import io
import pathlib
import stat
from collections.abc import Callable, Iterator

import numpy as np
import scipy.io

from vae_gan3d.data.formats.arrays import ARRAY_EXTENSIONS, read_array
from vae_gan3d.data.formats.binvox import encode_binvox, parse_binvox
from vae_gan3d.data.formats.data_sets import ShapeSet, describe_sets
from vae_gan3d.data.formats.meshes import MESH_EXTENSIONS, is_mesh, named_up_axis, read_mesh
from vae_gan3d.data.formats.text_slices import parse_text_slices, write_text_slices
from vae_gan3d.data.formats.vox import encode_vox, parse_vox
from vae_gan3d.data.grids import EMPTY_REASON, as_cube, centre_grid, check_type, check_values
from vae_gan3d.data.orientation import turn_grid, turn_points, usual_up_axis
from vae_gan3d.data.read_options import DEFAULT_READING, ReadOptions, split_name
from vae_gan3d.data.surfaces import DEFAULT_MESH, SURFACE_EXTENSIONS, MeshOptions, placed_mesh, write_mesh
from vae_gan3d.errors import UserError
from vae_gan3d.files import atomic_path
from vae_gan3d.text import printable

# 128³ doubles take 16 MiB; a .mat file may hold other variables beside the grid.
MAX_FILE_BYTES = 256 << 20


class GridError(UserError):
    """A shape file that cannot be used: one line that names the file, the reason and the remedy.

    Attributes:
        reason: the line without the file's name.
    """

    def __init__(self, path: pathlib.Path, reason: str) -> None:
        """Takes what a parser says, which may quote any bytes of the file.

        Args:
            path: the file.
            reason: why it cannot be used.
        """
        self.reason = printable(" ".join(reason.split()))
        super().__init__(f"{printable(path)}: {self.reason}")


def read_grid(path: pathlib.Path, variable: str | None = None, options: ReadOptions = DEFAULT_READING) -> np.ndarray:
    """Reads one shape file, chosen by its extension.

    Args:
        path: a file of arrays (`array_files`: MATLAB's `.mat`, NumPy's `.npy` and `.npz`, HDF5), a `.binvox` or `.vox`
            file, a `.txt` file of text slices, or a mesh (`mesh_reader.MESH_EXTENSIONS`). `FILE.npz:3` is one of the
            shapes of such a file, `FILE.npz:chair` one of its arrays (`numbered_shapes`).
        variable: the array that holds the grid, where the path names none; None for the usual one.
        options: how meshes become grids, and which way is up in meshes and `.binvox` files.

    Returns:
        voxels: `[N, N, N]` uint8 in {0, 1}, the last axis up; N of a mesh that of the options, else from 1 to 128, as
        stored (not padded to one of `grids.RESOLUTIONS`; see `cubes.as_cube` for unequal and larger sides).

    Raises:
        GridError: no such file, an extension that is not read, a damaged or too large file, or no good shape in it.
    """
    with _errors_of(path):
        file, array, number = split_name(path)
        if file.suffix.lower() not in EXTENSIONS:
            suffix = printable(file.suffix)
            raise UserError(f"files of type {suffix!r} are not read; give one of {', '.join(EXTENSIONS)}")
        _check_file(file, of_set=number is not None)
        if is_mesh(file):
            return _read_mesh_grid(file, options)
        if number is not None:
            return _as_grid(read_array(file, array or variable, number))
        return _as_grid(_read_values(file, array or variable, options))


def describe_file(path: pathlib.Path) -> tuple[ShapeSet, ...]:
    """Looks into a file of arrays for sets of shapes, without loading them.

    Args:
        path: the file, or one of its arrays (`FILE.npz:chair`).

    Returns:
        The sets; none where it holds one shape.

    Raises:
        GridError: no such file, a damaged one, or one that holds no good sets.
    """
    with _errors_of(path):
        name = split_name(path)
        _check_file(name.file, of_set=True)
        return describe_sets(name.file, name.array)


@contextlib.contextmanager
def _errors_of(path: pathlib.Path) -> Iterator[None]:
    """Turns what readers raise into one line about a file."""
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
        # The parsers answer damage with every kind of exception: struct.error, zlib.error, TypeError, KeyError...
        reason = str(error) or type(error).__name__
        raise GridError(path, f"the file is damaged or cut short ({reason}): fetch or write it again") from error


def _read_mesh_grid(path: pathlib.Path, options: ReadOptions) -> np.ndarray:
    """Reads a mesh as a grid."""
    from vae_gan3d.data.voxelize import voxelize  # its part of SciPy is a fifth of a reading process's start

    vertices, triangles = read_mesh(path)
    vertices = turn_points(vertices, options.up_axis or named_up_axis(path) or usual_up_axis(path))
    return voxelize(vertices, triangles, options.resolution, options.fill, options.margin)


def _read_values(path: pathlib.Path, variable: str | None, options: ReadOptions) -> np.ndarray:
    """Reads a file that holds a grid."""
    suffix = path.suffix.lower()
    if suffix == ".binvox":
        grid, is_centred = parse_binvox(path.read_bytes())
        grid = _as_grid(turn_grid(grid, options.up_axis or usual_up_axis(path)))
        return grid if is_centred else centre_grid(grid)
    if suffix == ".vox":
        return turn_grid(parse_vox(path.read_bytes()), options.up_axis or usual_up_axis(path))
    return np.asarray(_READERS[suffix](path, variable))


def _as_grid(values: np.ndarray) -> np.ndarray:
    """What a file holds as a cube with something in it."""
    check_type(values.dtype)
    grid = as_cube(check_values(values))
    if not grid.any():
        raise UserError(EMPTY_REASON)
    return grid


def _check_file(path: pathlib.Path, *, of_set: bool) -> None:
    """Refuses what is absent, is no file, or is empty or too large to be one grid, before it is opened.

    A file of which one of many shapes is read may be larger.
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
    if status.st_size > MAX_FILE_BYTES and not of_set:
        raise UserError(
            f"is too large for one shape ({status.st_size} bytes): save the shape alone, or name one of many by its "
            "number (FILE.npy:0)"
        )


def _read_text(path: pathlib.Path, variable: str | None) -> np.ndarray:
    """Reads a `.txt` file of text slices."""
    del variable
    return parse_text_slices(path.read_text(encoding="utf-8-sig", errors="replace"))


_READERS: dict[str, Callable[[pathlib.Path, str | None], np.ndarray]] = {
    **dict.fromkeys(ARRAY_EXTENSIONS, read_array),
    ".txt": _read_text,
}
EXTENSIONS = (*_READERS, ".binvox", ".vox", *MESH_EXTENSIONS)


def write_shape(grid: np.ndarray, path: pathlib.Path, mesh: MeshOptions = DEFAULT_MESH) -> None:
    """Writes a grid in the format that the file's extension names.

    `readers.read_grid` gives the same grid back, bit for bit, except from a mesh, which is made by marching cubes
    (`surface.surface_mesh`).

    Args:
        grid: `[N, N, N]` bool or uint8 in {0, 1}, the last axis up.
        path: `.mat` (variable `instance`, int8, as in 3D ShapeNets), `.npy` (uint8), `.npz` (compressed, array
            `voxels`), `.binvox`, `.vox`, `.txt` (text slices), or a mesh; its folder exists.
        mesh: how large a mesh is, and whether it holds the largest body alone.

    Raises:
        UserError: the extension is none of these, a package that meshes need is not installed, or the file cannot be
            written.
    """
    require_writable(path)
    grid = np.asarray(grid).astype(np.uint8)
    suffix = path.suffix.lower()
    if suffix in _MESHES:
        _write_mesh(path, grid, mesh)
    elif suffix == ".txt":
        write_text_slices(path, grid)
    else:
        contents = _ENCODERS[suffix](grid)
        with atomic_path(path) as temporary:
            temporary.write_bytes(contents)


def require_writable(path: pathlib.Path) -> None:
    """Refuses an extension that is not written, before anything is read.

    Raises:
        UserError: it is not.
    """
    if path.suffix.lower() not in WRITTEN_EXTENSIONS:
        raise UserError(
            f"{path}: files of type {path.suffix!r} are not written; give one of {', '.join(WRITTEN_EXTENSIONS)}"
        )


def _write_mesh(path: pathlib.Path, grid: np.ndarray, mesh: MeshOptions) -> None:
    """Writes the surface around a grid."""
    # scikit-image and trimesh are of an extra.
    from vae_gan3d.data.surfaces import largest_body, surface_mesh

    vertices, triangles = surface_mesh(grid)
    if not len(triangles):
        raise UserError(f"{path}: the shape holds no occupied voxel, which has no surface: give another")
    if mesh.components == "largest":
        body = largest_body(vertices, triangles)
        vertices, triangles = body.vertices, body.triangles
    placed = placed_mesh(vertices, mesh.size_mm)
    if path.suffix.lower() == ".off":
        with atomic_path(path) as temporary:
            temporary.write_text(_encode_off(placed, triangles), encoding="ascii")
    else:
        write_mesh(placed, triangles, path)


def _encode_off(vertices: np.ndarray, triangles: np.ndarray) -> str:
    """The text of an OFF file."""
    lines = ["OFF", f"{len(vertices)} {len(triangles)} 0"]
    lines += [" ".join(f"{value:.7g}" for value in vertex) for vertex in vertices]
    lines += ["3 " + " ".join(map(str, triangle)) for triangle in triangles.tolist()]
    return "\n".join(lines) + "\n"


def _encode_mat(grid: np.ndarray) -> bytes:
    """The bytes of a `.mat` file."""
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"instance": grid.astype(np.int8)}, do_compression=True)
    return buffer.getvalue()


def _encode_npy(grid: np.ndarray) -> bytes:
    """The bytes of a `.npy` file."""
    buffer = io.BytesIO()
    np.save(buffer, grid, allow_pickle=False)
    return buffer.getvalue()


def _encode_npz(grid: np.ndarray) -> bytes:
    """The bytes of a `.npz` file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, voxels=grid)
    return buffer.getvalue()


_ENCODERS: dict[str, Callable[[np.ndarray], bytes]] = {
    ".mat": _encode_mat,
    ".npy": _encode_npy,
    ".npz": _encode_npz,
    ".binvox": encode_binvox,
    ".vox": encode_vox,
}
_MESHES = (".off", *SURFACE_EXTENSIONS)
WRITTEN_EXTENSIONS = (*_ENCODERS, ".txt", *_MESHES)
