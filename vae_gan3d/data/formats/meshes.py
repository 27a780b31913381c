"""Mesh files as vertices and triangles: one entry for every mesh format."""

import importlib.util
import pathlib
import re
import struct
import tempfile
from collections.abc import Callable

import numpy as np

from vae_gan3d.data.formats.gltf import read_gltf
from vae_gan3d.data.formats.polygon_files import Polygons, parse_obj, parse_off, parse_ply, parse_stl, plain_text
from vae_gan3d.data.read_options import MOST_TRIANGLES
from vae_gan3d.errors import UserError

# As they are imported, and as pip calls them.
READING = {"mapbox_earcut": "mapbox-earcut", "assimp_py": "assimp-py"}
WRITING = {"trimesh": "trimesh"}
MAKING = {"trimesh": "trimesh", "skimage": "scikit-image"}


def require_mesh_packages(purpose: str, packages: dict[str, str] = MAKING) -> None:
    """Refuses what needs packages that are not there.

    Args:
        purpose: what needs them, such as `--formats=stl`.
        packages: the names to import and those to install.

    Raises:
        UserError: one is not installed.
    """
    missing = [name for module, name in packages.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise UserError(f"{purpose} needs {' and '.join(missing)}: pip install {' '.join(missing)}")


_POLYGONS: dict[str, Callable[[bytes], Polygons]] = {
    ".off": parse_off,
    ".obj": parse_obj,
    ".stl": parse_stl,
    ".ply": parse_ply,
}
_GLTF = (".glb", ".gltf")
_ASSIMP = (".dae", ".3mf", ".fbx")
MESH_EXTENSIONS = (*_POLYGONS, *_GLTF, *_ASSIMP)
_DAE_LINES = re.compile(rb"<(lines|linestrips)\b.*?</\1>|<(lines|linestrips)\b[^>]*/>", re.DOTALL)

_DAE_UP = re.compile(rb"<up_axis>\s*([XYZ])_UP\s*</up_axis>")
_XML_START_BYTES = 100
_XML_ENCODING = re.compile(rb"(?<=\s)encoding=(\"[^\"]*\"|'[^']*')")
_FBX_SHAPE_KEY = re.compile(rb"DeformPercent(?:D(.{8})|:\s*([-+.0-9eE]+))", re.DOTALL)


def is_mesh(path: pathlib.Path) -> bool:
    """Whether a file's extension is that of a mesh."""
    return path.suffix.lower() in MESH_EXTENSIONS


def read_mesh(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads a mesh file, chosen by its extension; several bodies become one, each at its place.

    Materials and pictures are not read, nor any other file but the `.bin` files of a `.gltf`.

    Args:
        path: one of `MESH_EXTENSIONS`.

    Returns:
        Vertices `[V, 3]` float64 in the file's axes (of `.fbx` turned to y up by the axis that it names), and triangles
        `[T, 3]` int64; polygons are cut into triangles.

    Raises:
        UserError: a package is not installed, the file has too many triangles, or uses what is not read.
        Exception: of any kind where the file is damaged.
    """
    require_mesh_packages(f"{path}: reading meshes", READING)
    extension = path.suffix.lower()
    if extension in _POLYGONS:
        polygons = _POLYGONS[extension](path.read_bytes())
        return polygons.vertices, cut_polygons(polygons)
    if extension in _GLTF:
        return read_gltf(path)
    return _read_with_assimp(path)


def named_up_axis(path: pathlib.Path) -> str | None:
    """The axis that a COLLADA file says is up, `x`, `y` or `z`; None where it says nothing, and of other files."""
    if path.suffix.lower() != ".dae":
        return None
    found = _DAE_UP.search(plain_text(path.read_bytes()))
    return found.group(1).decode().lower() if found else None


def cut_polygons(polygons: Polygons) -> np.ndarray:
    """Cuts polygons into triangles, concave ones and those around holes too (ear clipping, mapbox/earcut).

    Args:
        polygons: those of one or two corners are left out.

    Returns:
        Triangles `[T, 3]` int64, their corners in the order of their polygon's.

    Raises:
        UserError: a polygon names a vertex that is not there, or there are too many; the message does not name the
            file.
    """
    corners, counts = polygons.corners, polygons.counts
    if len(corners) and (corners.min() < 0 or corners.max() >= len(polygons.vertices)):
        raise UserError(
            f"names a vertex that is not there (of {len(polygons.vertices)}): fetch or write the file again"
        )
    total = int(np.maximum(counts - 2, 0).sum())
    if total > MOST_TRIANGLES:
        raise UserError(f"has {total} triangles, more than {MOST_TRIANGLES}: simplify it first")
    starts = np.cumsum(counts) - counts
    pieces = [corners[starts[counts == 3, np.newaxis] + np.arange(3)]]
    fours = starts[counts == 4, np.newaxis] + np.arange(4)
    if len(fours):
        pieces.append(_cut_quads(polygons.vertices, corners[fours]))
    if (many := counts > 4).any():
        pieces += _cut_by_ears(polygons.vertices, corners, starts[many], counts[many])
    return np.concatenate(pieces)


def _cut_quads(vertices: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """Cuts quads `[Q, 4]` along the diagonal from their first corner, or along the other one where it lies outside."""
    a, b, c, d = (vertices[quads[:, corner]] for corner in range(4))
    normals = np.cross(c - a, d - b)
    first = np.einsum("qi,qi->q", np.cross(b - a, c - a), normals)
    second = np.einsum("qi,qi->q", np.cross(c - a, d - a), normals)
    is_outside = (first < 0) | (second < 0)
    turned = np.where(is_outside[:, np.newaxis], np.roll(quads, -1, axis=1), quads)
    return np.concatenate([turned[:, [0, 1, 2]], turned[:, [0, 2, 3]]])


def _cut_by_ears(vertices: np.ndarray, corners: np.ndarray, starts: np.ndarray, counts: np.ndarray) -> list[np.ndarray]:
    """Cuts polygons of five corners or more, each in the plane of two axes that it covers most of."""
    import mapbox_earcut

    pieces = []
    for start, count in zip(starts.tolist(), counts.tolist(), strict=True):
        polygon = corners[start : start + count]
        points = vertices[polygon] - vertices[polygon[0]]
        normal = np.cross(points, np.roll(points, -1, axis=0)).sum(axis=0)
        axis = int(np.abs(normal).argmax())
        # Seen from the side from which its corners go counter-clockwise.
        u, v = ((axis + 1) % 3, (axis + 2) % 3) if normal[axis] >= 0 else ((axis + 2) % 3, (axis + 1) % 3)
        flat = np.ascontiguousarray(points[:, [u, v]])
        pieces.append(polygon[mapbox_earcut.triangulate_float64(flat, np.array([count], np.uint32)).reshape(-1, 3)])
    return pieces


def _is_used(shape_key: re.Match[bytes]) -> bool:
    """Whether the weight of a shape key in an FBX file is not 0."""
    binary, text = shape_key.groups()
    return (struct.unpack("<d", binary)[0] if binary else float(text)) != 0


def _read_with_assimp(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads a file through the Open Asset Import Library, whose C++ code is the reason for the separate process."""
    import assimp_py

    if path.suffix.lower() == ".fbx" and any(map(_is_used, _FBX_SHAPE_KEY.finditer(path.read_bytes()))):
        raise UserError("holds shape keys in use, which are not read in .fbx: apply them, or export it as .glb")
    flags = assimp_py.Process_Triangulate | assimp_py.Process_SortByPType
    try:
        if path.suffix.lower() == ".dae":  # with lines in it, as SketchUp writes edges, assimp-py reads nothing
            with tempfile.TemporaryDirectory() as folder:
                copy = pathlib.Path(folder, "shape.dae")
                text = plain_text(path.read_bytes())
                start, rest = text[:_XML_START_BYTES], text[_XML_START_BYTES:]
                rest = _DAE_UP.sub(b"", _DAE_LINES.sub(b"", rest))  # by which assimp would turn it
                copy.write_bytes(_XML_ENCODING.sub(b"", start) + rest)
                scene = assimp_py.import_file(str(copy), flags)
        else:
            scene = assimp_py.import_file(str(path), flags)
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
        node, above = waiting.pop()
        matrix = above @ np.array(node.transformation, np.float64).reshape(4, 4)
        places += [(number, matrix) for number in node.mesh_indices]
        waiting += [(child, matrix) for child in node.children]
    count = sum(scene.meshes[number].num_faces for number, _ in places)
    if count > MOST_TRIANGLES:
        raise UserError(f"has {count} triangles, more than {MOST_TRIANGLES}: simplify it first")
    vertices, triangles, total = [np.empty((0, 3))], [np.empty((0, 3), np.int64)], 0
    for number, matrix in places:
        mesh = scene.meshes[number]
        points = np.asarray(mesh.vertices, np.float64).reshape(-1, 3)
        faces = np.asarray(mesh.indices, np.int64).reshape(-1, 3)
        vertices.append(points @ matrix[:3, :3].T + matrix[:3, 3])
        triangles.append(total + (faces[:, ::-1] if np.linalg.det(matrix[:3, :3]) < 0 else faces))
        total += len(points)
    return np.concatenate(vertices), np.concatenate(triangles)
