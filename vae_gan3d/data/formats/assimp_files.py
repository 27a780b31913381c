"""COLLADA (`.dae`), 3MF and FBX files, through the Open Asset Import Library (assimp)."""

import pathlib
import re
import struct
import tempfile

import numpy as np

from vae_gan3d.data.formats.format import Format, Mesh, check_triangle_count
from vae_gan3d.data.formats.polygons import plain_text
from vae_gan3d.errors import UserError

_DAE_LINES = re.compile(rb"<(lines|linestrips)\b.*?</\1>|<(lines|linestrips)\b[^>]*/>", re.DOTALL)
_DAE_UP = re.compile(rb"<up_axis>\s*([XYZ])_UP\s*</up_axis>")
_XML_START_BYTES = 100
_XML_ENCODING = re.compile(rb"(?<=\s)encoding=(\"[^\"]*\"|'[^']*')")
_FBX_SHAPE_KEY = re.compile(rb"DeformPercent(?:D(.{8})|:\s*([-+.0-9eE]+))", re.DOTALL)


def _read_dae(path: pathlib.Path) -> Mesh:
    """Reads a COLLADA file without its lines: SketchUp writes edges as lines, and assimp-py reads nothing then."""
    text = plain_text(path.read_bytes())
    up_axis = _DAE_UP.search(text)
    start, rest = text[:_XML_START_BYTES], text[_XML_START_BYTES:]
    rest = _DAE_UP.sub(b"", _DAE_LINES.sub(b"", rest))  # assimp would turn the mesh by its up axis
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder, "shape.dae")
        copy.write_bytes(_XML_ENCODING.sub(b"", start) + rest)
        return _import(copy)._replace(up_axis=up_axis.group(1).decode().lower() if up_axis else None)


def _read_fbx(path: pathlib.Path) -> Mesh:
    for binary, text in _FBX_SHAPE_KEY.findall(path.read_bytes()):
        if (struct.unpack("<d", binary)[0] if binary else float(text)) != 0:
            raise UserError("holds shape keys in use, which are not read in .fbx: apply them, or export it as .glb")
    return _import(path)


def _import(path: pathlib.Path) -> Mesh:
    """All meshes of a scene, each at its place."""
    import assimp_py  # optional package

    try:
        scene = assimp_py.import_file(str(path), assimp_py.Process_Triangulate | assimp_py.Process_SortByPType)
    except (RuntimeError, ValueError) as error:
        if "triangulated" in str(error):
            what = "holds lines or points beside its faces, which cannot be left out of such files"
            raise UserError(f"{what}: remove them, or export it as .glb") from error
        raise UserError(
            f"cannot be read ({str(error).rpartition(': ')[2]}): export it again, as .glb or .obj"
        ) from error
    places: list[tuple[int, np.ndarray]] = []
    waiting = [(scene.root_node, np.eye(4))]
    while waiting:
        node, parent = waiting.pop()
        matrix = parent @ np.array(node.transformation, np.float64).reshape(4, 4)
        places += [(number, matrix) for number in node.mesh_indices]
        waiting += [(child, matrix) for child in node.children]
    check_triangle_count(sum(scene.meshes[number].num_faces for number, _ in places))
    vertices, triangles, total = [np.empty((0, 3))], [np.empty((0, 3), np.int64)], 0
    for number, matrix in places:
        mesh = scene.meshes[number]
        points = np.asarray(mesh.vertices, np.float64).reshape(-1, 3)
        faces = np.asarray(mesh.indices, np.int64).reshape(-1, 3)
        vertices.append(points @ matrix[:3, :3].T + matrix[:3, 3])
        # A transform that mirrors reverses the order of corners.
        triangles.append(total + (faces[:, ::-1] if np.linalg.det(matrix[:3, :3]) < 0 else faces))
        total += len(points)
    return Mesh(np.concatenate(vertices), np.concatenate(triangles))


DAE = Format(extensions=(".dae",), read_mesh=_read_dae, up_axis="y", names_up_axis=True)
THREE_MF = Format(extensions=(".3mf",), read_mesh=_import, up_axis="z")
FBX = Format(extensions=(".fbx",), read_mesh=_read_fbx, up_axis="y")
