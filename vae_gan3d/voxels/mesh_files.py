"""Meshes written to files that slicers and viewers open: STL, OBJ, PLY and binary glTF."""

import dataclasses
import pathlib
from typing import Any

import numpy as np

from vae_gan3d.errors import UserError
from vae_gan3d.file_versions import PROGRAM
from vae_gan3d.files import atomic_path
from vae_gan3d.voxels.mesh_packages import WRITING, require_mesh_packages

MESH_EXTENSIONS = (".stl", ".obj", ".ply", ".glb")
# glTF 2.0, section 3.4: y points up and units are metres. Slicers take the other files as millimetres with z up.
_GLTF_AXES = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float64)
_METRES_A_MILLIMETRE = 0.001
# Linear red, green, blue and opacity of the default color in viewing.render.
_GLTF_COLOR = (0.107, 0.319, 0.694, 1.0)
_STL_HEADER_BYTES = 80


@dataclasses.dataclass(frozen=True)
class MeshCheck:
    """What a mesh file holds, by reading it back.

    Attributes:
        watertight: every edge belongs to two triangles.
        outward: the triangles look outwards, all of them.
        triangles: how many.
    """

    watertight: bool
    outward: bool
    triangles: int

    @property
    def printable(self) -> bool:
        """Whether a slicer knows what is inside."""
        return self.watertight and self.outward


def placed_mesh(vertices: np.ndarray, size_mm: float) -> np.ndarray:
    """Scales a mesh and stands it on the floor.

    Args:
        vertices: `[V, 3]`, V at least 1, z up.
        size_mm: the longest side of the bounding box in millimetres.

    Returns:
        `[V, 3]` float32: x and y centred, the lowest z is 0.

    Raises:
        ValueError: the size is not a positive number, or the mesh has none.
    """
    if not (np.isfinite(size_mm) and size_mm > 0):
        raise ValueError(f"size {size_mm} is not possible: give millimetres above 0")
    low, high = vertices.min(axis=0).astype(np.float64), vertices.max(axis=0).astype(np.float64)
    longest = (high - low).max()
    if not longest > 0:
        raise ValueError("a mesh without extent cannot be scaled: give one with triangles")
    foot = np.array([*(low + high)[:2] / 2, low[2]])
    return ((vertices - foot) * (size_mm / longest)).astype(np.float32)


def write_mesh(vertices: np.ndarray, triangles: np.ndarray, path: pathlib.Path) -> None:
    """Writes a mesh in the format that the file's extension names.

    The same mesh gives the same bytes. `.stl` is binary; `.obj`, `.ply` (binary) and `.glb` hold smooth normals too.
    `.glb` has y up and metres, as glTF demands; the others have the axes of the vertices.

    Args:
        vertices: `[V, 3]` in millimetres, z up.
        triangles: `[T, 3]` numbers of vertices, counter-clockwise from outside; T at least 1.
        path: the file; its folder exists.

    Raises:
        ValueError: there is no triangle.
        UserError: the extension is not one of `MESH_EXTENSIONS`, trimesh is not installed, or the file cannot be
            written.
    """
    extension = path.suffix.lower()
    if extension not in MESH_EXTENSIONS:
        raise UserError(f"{path}: meshes are written as {', '.join(MESH_EXTENSIONS)}: choose one of these")
    if not len(triangles):
        raise ValueError("a mesh without triangles makes no valid file: write none")
    require_mesh_packages(f"writing {extension}", WRITING)
    with atomic_path(path) as temporary:
        temporary.write_bytes(_encode(vertices, triangles, extension))


def check_mesh_file(path: pathlib.Path) -> MeshCheck:
    """Reads a mesh file of this project back and looks whether it is closed.

    Args:
        path: written by `write_mesh`.

    Returns:
        What was found.

    Raises:
        UserError: trimesh is not installed.
    """
    require_mesh_packages("checking a mesh", WRITING)
    import trimesh

    mesh = trimesh.load_mesh(path)  # merges an STL's corners
    return MeshCheck(
        watertight=bool(mesh.is_watertight),
        outward=bool(mesh.is_winding_consistent and mesh.volume > 0),
        triangles=len(mesh.faces),
    )


def _encode(vertices: np.ndarray, triangles: np.ndarray, extension: str) -> bytes:
    """The bytes of a mesh file."""
    import trimesh
    from trimesh.exchange import gltf, obj, ply, stl

    in_gltf = extension == ".glb"
    corners = vertices @ _GLTF_AXES.T * _METRES_A_MILLIMETRE if in_gltf else vertices
    mesh = trimesh.Trimesh(corners, triangles, process=False)
    if in_gltf:
        mesh.visual = _gltf_material()
        scene = trimesh.Scene()
        scene.add_geometry(mesh, node_name="shape", geom_name="shape")
        return gltf.export_glb(scene, include_normals=True, tree_postprocessor=_name_program)
    if extension == ".obj":
        text = obj.export_obj(mesh, include_normals=True, include_color=False, include_texture=False, header=PROGRAM)
        return text.encode("ascii")
    if extension == ".ply":
        comment = f"\ncomment {PROGRAM}\nelement ".encode("ascii")
        return ply.export_ply(mesh, vertex_normal=True).replace(b"\nelement ", comment, 1)
    # A header that begins with "solid" would be that of an STL file in text.
    return PROGRAM.encode("ascii").ljust(_STL_HEADER_BYTES, b"\0") + stl.export_stl(mesh)[_STL_HEADER_BYTES:]


def _name_program(tree: dict[str, Any]) -> None:
    """Says in a glTF file's JSON what wrote it, in trimesh's place."""
    tree["asset"]["generator"] = PROGRAM


def _gltf_material() -> Any:  # noqa: ANN401 (trimesh's own)
    """A dull blue: without a material, glTF's default is a metal, which looks black."""
    from trimesh.visual import TextureVisuals
    from trimesh.visual.material import PBRMaterial

    material = PBRMaterial(name="shape", baseColorFactor=_GLTF_COLOR, metallicFactor=0.0, roughnessFactor=0.8)
    return TextureVisuals(material=material)
