"""Mesh files, read through trimesh. Files from outside go through `reader_process`, because a parser can crash."""

import io
import pathlib

import numpy as np

from vae_gan3d.voxels.mesh_packages import READING, require_mesh_packages

MESH_EXTENSIONS = (".off", ".obj", ".stl", ".ply", ".glb")


def is_mesh(path: pathlib.Path) -> bool:
    """Whether a file's extension is that of a mesh."""
    return path.suffix.lower() in MESH_EXTENSIONS


def read_mesh(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads a mesh file, chosen by its extension; several bodies become one, each at its place.

    Nothing is read that the file refers to, such as materials and pictures.

    Args:
        path: an OFF file (also with ModelNet's merged first line, `OFF8 12 0`), `.obj`, `.stl`, `.ply` or `.glb`.

    Returns:
        Vertices `[V, 3]` float64 in the file's axes, and triangles `[T, 3]` int64; polygons are cut into triangles.

    Raises:
        UserError: trimesh is not installed.
        Exception: what trimesh raises on a damaged file, of any kind.
    """
    require_mesh_packages(f"{path}: reading meshes", READING)
    import trimesh

    # From memory, as a path would let the file name others to be opened.
    data = io.BytesIO(path.read_bytes())
    scene = trimesh.load_scene(data, file_type=path.suffix.lower()[1:], process=False, skip_materials=True)
    mesh = scene.to_mesh()
    triangles = np.asarray(mesh.faces, np.int64).reshape(-1, 3)
    return np.asarray(mesh.vertices, np.float64).reshape(-1, 3), triangles
