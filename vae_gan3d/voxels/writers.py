"""Grids written to files: as they are, or as the smooth surface around them."""

import io
import pathlib
from collections.abc import Callable

import numpy as np
import scipy.io

from vae_gan3d.errors import UserError
from vae_gan3d.files import atomic_path
from vae_gan3d.voxels.binvox import encode_binvox
from vae_gan3d.voxels.mesh_files import MESH_EXTENSIONS, placed_mesh, write_mesh
from vae_gan3d.voxels.mesh_options import DEFAULT_MESH, MeshOptions
from vae_gan3d.voxels.text_slices import write_text_slices
from vae_gan3d.voxels.vox_files import encode_vox


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
    from vae_gan3d.voxels.mesh_bodies import largest_body
    from vae_gan3d.voxels.surface import surface_mesh

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
_MESHES = (".off", *MESH_EXTENSIONS)
WRITTEN_EXTENSIONS = (*_ENCODERS, ".txt", *_MESHES)
