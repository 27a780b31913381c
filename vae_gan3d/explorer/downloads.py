"""Shapes as files that visitors take away."""

import numpy as np

from vae_gan3d.config import ShapeFilesConfig
from vae_gan3d.errors import UserError
from vae_gan3d.explorer.temporary import temporary_folder
from vae_gan3d.voxels.mesh_bodies import largest_body
from vae_gan3d.voxels.mesh_files import placed_mesh, write_mesh
from vae_gan3d.voxels.surface import surface_mesh

DOWNLOADS = ("stl", "glb")


def mesh_file(shape: np.ndarray, extension: str, files: ShapeFilesConfig, threshold: float) -> bytes:
    """The smooth surface of a shape as a file.

    Args:
        shape: `[R, R, R]` float32 probabilities.
        extension: one of `DOWNLOADS`.
        files: which bodies are kept, and the size.
        threshold: voxels above this probability are inside.

    Returns:
        The bytes of the file.

    Raises:
        UserError: the shape is empty, the extension is another, or a package is not installed.
    """
    if extension not in DOWNLOADS:
        raise UserError(f"shapes are downloaded as {' or '.join(DOWNLOADS)}: choose one")
    vertices, triangles = surface_mesh(shape, threshold)
    if not len(triangles):
        raise UserError("the shape is empty here, so there is no surface to download: choose another place")
    if files.components == "largest":
        body = largest_body(vertices, triangles)
        vertices, triangles = body.vertices, body.triangles
    with temporary_folder() as folder:
        path = folder / f"shape.{extension}"
        write_mesh(placed_mesh(vertices, files.size_mm), triangles, path)
        return path.read_bytes()
