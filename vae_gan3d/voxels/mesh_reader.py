"""Mesh files, read through trimesh. Files from outside go through `reader_process`, because a parser can crash."""

import io
import pathlib
from typing import Any

import numpy as np

from vae_gan3d.errors import UserError
from vae_gan3d.voxels.glb_sizes import check_glb_sizes
from vae_gan3d.voxels.mesh_packages import READING, require_mesh_packages
from vae_gan3d.voxels.read_options import MOST_TRIANGLES

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
        UserError: trimesh is not installed, or the file promises too many numbers or triangles.
        Exception: what trimesh raises on a damaged file, of any kind.
    """
    require_mesh_packages(f"{path}: reading meshes", READING)
    import trimesh

    data = path.read_bytes()
    if path.suffix.lower() == ".glb":
        check_glb_sizes(data)
    # From memory, as a path would let the file name others to be opened.
    scene = trimesh.load_scene(io.BytesIO(data), file_type=path.suffix.lower()[1:], process=False, skip_materials=True)
    _check_triangles(scene)
    mesh = scene.to_mesh()
    triangles = np.asarray(mesh.faces, np.int64).reshape(-1, 3)
    return np.asarray(mesh.vertices, np.float64).reshape(-1, 3), triangles


def _check_triangles(scene: Any) -> None:  # noqa: ANN401 (trimesh's own)
    """Refuses a scene that takes too many triangles, however few it holds: a body may stand at many places."""
    places = [place["geometry"] for place in scene.graph.transforms.node_data.values() if "geometry" in place]
    count = sum(len(getattr(scene.geometry[name], "faces", ())) for name in places)
    if count > MOST_TRIANGLES:
        raise UserError(f"has {count} triangles, more than {MOST_TRIANGLES}: simplify it first")
