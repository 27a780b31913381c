"""glTF 2.0 files (`.glb`, `.gltf`) as triangles: every place where the default scene puts a mesh, in its rest pose.

Read are all kinds of triangles, sparse and quantised accessors, morph targets with their default weights, skins and
instances. A file that needs an extension that is not known here is refused in the extension's name.
"""

import base64
import dataclasses
import json
import math
import pathlib
import struct
import urllib.parse
from collections.abc import Iterator
from typing import Any

import numpy as np

from vae_gan3d.data.formats.format import MOST_TRIANGLES, Format, Mesh, check_triangle_count
from vae_gan3d.errors import UserError
from vae_gan3d.files import PROGRAM

_Json = dict[str, Any]
_MAGIC = b"glTF"
_JSON_CHUNK, _BINARY_CHUNK = 0x4E4F534A, 0x004E4942
_COMPONENTS = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
_TRIANGLES, _STRIP, _FAN = 4, 5, 6
# Three corners of its own for each triangle.
_MOST_ELEMENTS = 3 * MOST_TRIANGLES
_MOST_BYTES = 256 << 20
_DRACO, _INSTANCING, _VISIBILITY = "KHR_draco_mesh_compression", "EXT_mesh_gpu_instancing", "KHR_node_visibility"
_COMPRESSED_VIEWS = ("EXT_meshopt_compression", "KHR_meshopt_compression")
# Extensions that change positions and are read here, and the beginnings of those that change no positions.
_READ = frozenset(("KHR_mesh_quantization", _INSTANCING, _VISIBILITY))
_WITHOUT_SHAPE = ("KHR_materials_", "KHR_texture_", "KHR_lights_", "EXT_texture_", "EXT_lights_", "KHR_xmp")
_EXPORT_PLAIN = "export it without that extension"


def read_gltf(path: pathlib.Path) -> Mesh:
    """Reads a glTF file; of other files it opens the `.bin` files that a `.gltf` names, in its own folder or below.

    Args:
        path: a `.glb` or `.gltf` file.

    Returns:
        The mesh, with y up.

    Raises:
        UserError: it needs an extension that is not read, a file that is not there, or has too many triangles; the
            message does not name the file.
        Exception: of any kind where the file is damaged.
    """
    data = path.read_bytes()
    binary = b""
    if data[:4] == _MAGIC:
        tree, binary = _split_glb(data)
    else:
        tree = json.loads(data.decode("utf-8-sig"))
    version = str(tree["asset"]["version"])
    if not version.startswith("2."):
        raise UserError(f"is glTF {version}, and only glTF 2 is read: export it again as glTF 2")
    for name in tree.get("extensionsRequired", []):
        # Compressed meshes and views are refused where they are met: a file may hold uncompressed copies too.
        if name not in (*_READ, _DRACO, *_COMPRESSED_VIEWS) and not name.startswith(_WITHOUT_SHAPE):
            raise UserError(f"needs the glTF extension {name}, which is not read: {_EXPORT_PLAIN}")
    return Mesh(*_Reader(tree, binary, path.parent).read())


def _split_glb(data: bytes) -> tuple[_Json, bytes]:
    """The JSON and the binary chunk of a `.glb` file."""
    _, version, length = struct.unpack_from("<4s2I", data)
    if version == 1:
        raise UserError("is glTF 1, and only glTF 2 is read: export it again as glTF 2")
    if length > len(data):
        raise ValueError(f"it promises {length} bytes and has {len(data)}")
    chunks: dict[int, bytes] = {}
    place = 12
    while place + 8 <= length:
        size, kind = struct.unpack_from("<2I", data, place)
        if place + 8 + size > length:
            raise ValueError(f"a chunk promises {size} bytes and has {length - place - 8}")
        chunks.setdefault(kind, data[place + 8 : place + 8 + size])
        place += 8 + size
    return json.loads(chunks[_JSON_CHUNK]), chunks.get(_BINARY_CHUNK, b"")


@dataclasses.dataclass(frozen=True)
class _Place:
    """A mesh where a scene puts it: `transforms` holds one matrix `[4, 4]` for each instance."""

    mesh: _Json
    node: _Json
    transforms: np.ndarray


class _Reader:
    """Reads the meshes of one file."""

    def __init__(self, tree: _Json, binary: bytes, folder: pathlib.Path) -> None:
        self._tree = tree
        self._binary = binary
        self._folder = folder
        self._buffers: dict[int, bytes] = {}
        self._nodes: list[_Json] = tree.get("nodes", [])
        self._matrices: dict[int, np.ndarray] = {}

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """All triangles of the scene."""
        places = list(self._places())
        count = sum(
            len(place.transforms) * self._triangle_count(primitive)
            for place in places
            for primitive in place.mesh["primitives"]
        )
        check_triangle_count(count)
        vertices, triangles, total = [np.empty((0, 3))], [np.empty((0, 3), np.int64)], 0
        for place in places:
            for primitive in place.mesh["primitives"]:
                faces = self._triangles(primitive)
                if not len(faces):
                    continue
                positions = self._positions(primitive, place)
                if faces.min() < 0 or faces.max() >= len(positions):
                    raise ValueError(f"a triangle names a vertex that is not there (of {len(positions)})")
                for matrix in place.transforms:
                    vertices.append(positions @ matrix[:3, :3].T + matrix[:3, 3])
                    # A transform that mirrors turns the corners' order around (section 3.7.4).
                    is_mirrored = np.linalg.det(matrix[:3, :3]) < 0
                    triangles.append(total + (faces[:, ::-1] if is_mirrored else faces))
                    total += len(positions)
        return np.concatenate(vertices), np.concatenate(triangles)

    def _places(self) -> Iterator[_Place]:
        """Where the default scene puts meshes."""
        scenes = self._tree.get("scenes", [])
        if scenes:
            roots = scenes[self._tree.get("scene", 0)].get("nodes", [])
        else:
            children = {child for node in self._nodes for child in node.get("children", [])}
            roots = [number for number in range(len(self._nodes)) if number not in children]
        self._find_matrices()
        seen: set[int] = set()
        waiting = list(reversed(roots))
        while waiting:
            number = waiting.pop()
            if number in seen:
                raise ValueError(f"the scene names node {number} twice")
            seen.add(number)
            node = self._nodes[number]
            if node.get("extensions", {}).get(_VISIBILITY, {}).get("visible") is False:  # nor what hangs on it
                continue
            waiting += reversed(node.get("children", []))
            if "mesh" in node:
                yield _Place(self._tree["meshes"][node["mesh"]], node, self._transforms(number, node))

    def _find_matrices(self) -> None:
        """The matrix of each node, from its own coordinates to those of the scene."""
        parents = {child: number for number, node in enumerate(self._nodes) for child in node.get("children", [])}
        for number in range(len(self._nodes)):
            chain = [number]
            while chain[-1] not in self._matrices and (parent := parents.get(chain[-1])) is not None:
                if len(chain) > len(self._nodes):
                    raise ValueError(f"node {number} is a child of itself")
                chain.append(parent)
            for inner in reversed(chain):
                if inner not in self._matrices:
                    own = _node_matrix(self._nodes[inner])
                    above = self._matrices.get(parents.get(inner, -1))
                    self._matrices[inner] = own if above is None else above @ own

    def _transforms(self, number: int, node: _Json) -> np.ndarray:
        """The matrices `[K, 4, 4]` of a node's instances; one where it says nothing of instances."""
        if "skin" in node:  # which places the vertices alone; the node's transform is to be ignored (section 3.7.3.3)
            return np.eye(4)[np.newaxis]
        matrix = self._matrices[number]
        attributes = node.get("extensions", {}).get(_INSTANCING, {}).get("attributes")
        if attributes is None:
            return matrix[np.newaxis]
        read = {
            name: self._accessor(attributes[name])
            for name in ("TRANSLATION", "ROTATION", "SCALE")
            if name in attributes
        }
        if not read:
            return matrix[np.newaxis]
        counts = {len(values) for values in read.values()}
        if len(counts) > 1:
            raise ValueError("the attributes of instances have unequal counts")
        defaults = {"TRANSLATION": (0.0, 0.0, 0.0), "ROTATION": (0.0, 0.0, 0.0, 1.0), "SCALE": (1.0, 1.0, 1.0)}
        rows = [
            np.broadcast_to(read.get(name, np.array([value])), (counts.copy().pop(), len(value)))
            for name, value in defaults.items()
        ]
        own = [_compose(*parts) for parts in zip(*rows, strict=True)]
        return matrix @ np.array(own).reshape(-1, 4, 4)

    def _positions(self, primitive: _Json, place: _Place) -> np.ndarray:
        """The vertices of a primitive `[V, 3]`, morphed and skinned as the rest pose says."""
        positions = self._accessor(primitive["attributes"]["POSITION"])
        weights = place.node.get("weights", place.mesh.get("weights", []))
        for weight, target in zip(weights or [], primitive.get("targets", []), strict=False):
            if weight and "POSITION" in target:
                positions = positions + weight * self._accessor(target["POSITION"])
        if "skin" in place.node:
            positions = self._skinned(positions, primitive["attributes"], self._tree["skins"][place.node["skin"]])
        return positions

    def _skinned(self, positions: np.ndarray, attributes: _Json, skin: _Json) -> np.ndarray:
        """Vertices moved by the joints of a skin (section 3.7.3.3)."""
        matrices = np.array([self._matrices[joint] for joint in skin["joints"]])
        if "inverseBindMatrices" in skin:
            inverse = self._accessor(skin["inverseBindMatrices"])[: len(matrices)]
            matrices = matrices @ inverse.reshape(-1, 4, 4).transpose(0, 2, 1)  # stored column by column
        blended = np.zeros((len(positions), 4, 4))
        total = np.zeros(len(positions))
        for number in range(len(attributes)):
            if f"JOINTS_{number}" not in attributes:
                break
            joints = self._accessor(attributes[f"JOINTS_{number}"]).astype(np.int64)
            weights = self._accessor(attributes[f"WEIGHTS_{number}"])
            for column in range(joints.shape[1]):
                blended += weights[:, column, np.newaxis, np.newaxis] * matrices[joints[:, column]]
                total += weights[:, column]
        if not (total > 0).all():
            raise ValueError("a vertex of a skin hangs on no joint")
        moved = np.einsum("vij,vj->vi", blended[:, :3, :3], positions) + blended[:, :3, 3]
        return moved / total[:, np.newaxis]  # quantised weights add up to one only nearly

    def _triangles(self, primitive: _Json) -> np.ndarray:
        """The triangles of a primitive, `[T, 3]` int64; none of points and lines."""
        mode = primitive.get("mode", _TRIANGLES)
        if mode not in (_TRIANGLES, _STRIP, _FAN):
            return np.empty((0, 3), np.int64)
        self._refuse_draco(primitive)
        if "indices" in primitive:
            corners = self._accessor(primitive["indices"]).reshape(-1).astype(np.int64)
        else:
            corners = np.arange(self._count(primitive["attributes"]["POSITION"]))
        if mode == _TRIANGLES:
            return corners[: len(corners) // 3 * 3].reshape(-1, 3)
        if len(corners) < 3:
            return np.empty((0, 3), np.int64)
        if mode == _FAN:
            return np.stack([np.full(len(corners) - 2, corners[0]), corners[1:-1], corners[2:]], axis=1)
        strip = np.stack([corners[:-2], corners[1:-1], corners[2:]], axis=1)
        strip[1::2] = strip[1::2, [1, 0, 2]]
        return strip

    def _triangle_count(self, primitive: _Json) -> int:
        """How many triangles a primitive has, by what its accessors promise."""
        number = primitive.get("indices", primitive["attributes"].get("POSITION"))
        count = 0 if number is None else self._count(number)
        mode = primitive.get("mode", _TRIANGLES)
        if mode == _TRIANGLES:
            return count // 3
        return max(0, count - 2) if mode in (_STRIP, _FAN) else 0

    def _refuse_draco(self, primitive: _Json) -> None:
        """Refuses compressed triangles, unless the file holds them uncompressed too."""
        if _DRACO not in primitive.get("extensions", {}):
            return
        numbers = [primitive["attributes"]["POSITION"]]
        numbers += [primitive["indices"]] if "indices" in primitive else []
        for number in numbers:
            if "bufferView" not in self._tree["accessors"][number]:
                raise UserError(f"holds triangles in the glTF extension {_DRACO}, which is not read: {_EXPORT_PLAIN}")

    def _count(self, number: int) -> int:
        """How many elements an accessor promises."""
        count = self._tree["accessors"][number]["count"]
        if not isinstance(count, int) or count < 0:
            raise ValueError(f"an accessor counts {count!r} numbers")
        if count > _MOST_ELEMENTS:
            raise UserError(f"promises {count} numbers in a row, more than {_MOST_ELEMENTS}: simplify it first")
        return count

    def _accessor(self, number: int) -> np.ndarray:
        """The elements of an accessor, `[K, W]` float64; zeros where it has no buffer (section 3.6.2)."""
        accessor = self._tree["accessors"][number]
        count, width = self._count(number), _WIDTHS[accessor["type"]]
        dtype = np.dtype(_COMPONENTS[accessor["componentType"]])
        values = np.zeros((count, width))
        if "bufferView" in accessor:
            values = self._elements(accessor["bufferView"], accessor.get("byteOffset", 0), dtype, count, width)
        values = _as_numbers(values, dtype, bool(accessor.get("normalized")))
        if "sparse" in accessor:
            sparse = accessor["sparse"]
            index, new = sparse["indices"], sparse["values"]
            index_type = np.dtype(_COMPONENTS[index["componentType"]])
            places = self._elements(index["bufferView"], index.get("byteOffset", 0), index_type, sparse["count"], 1)
            rows = self._elements(new["bufferView"], new.get("byteOffset", 0), dtype, sparse["count"], width)
            values[places[:, 0].astype(np.int64)] = _as_numbers(rows, dtype, bool(accessor.get("normalized")))
        return values

    def _elements(self, view_number: int, offset: int, dtype: np.dtype, count: int, width: int) -> np.ndarray:
        """The elements of a buffer view from a place on, `[count, width]`."""
        view = self._tree["bufferViews"][view_number]
        for name in _COMPRESSED_VIEWS:
            if name in view.get("extensions", {}) and self._is_fallback(view["buffer"]):
                raise UserError(f"holds numbers in the glTF extension {name}, which is not read: {_EXPORT_PLAIN}")
        start = view.get("byteOffset", 0)
        data = self._buffer(view["buffer"])[start : start + view["byteLength"]]
        size = width * dtype.itemsize
        stride = view.get("byteStride", size)
        if min(start, offset, view["byteLength"]) < 0 or stride < size:
            raise ValueError("an accessor does not fit into its buffer")
        if not count:
            return np.empty((0, width))
        if offset + (count - 1) * stride + size > len(data):
            raise ValueError(f"an accessor promises {count} elements, which its buffer has not")
        rows = np.ndarray((count, size), np.uint8, data, offset, (stride, 1))
        return np.ascontiguousarray(rows).view(dtype)

    def _is_fallback(self, number: int) -> bool:
        """Whether a buffer only stands for what compression packs: it then has no bytes of its own."""
        buffer = self._tree["buffers"][number]
        return any(buffer.get("extensions", {}).get(name, {}).get("fallback") for name in _COMPRESSED_VIEWS)

    def _buffer(self, number: int) -> bytes:
        """The bytes of a buffer."""
        if number not in self._buffers:
            buffer = self._tree["buffers"][number]
            data = self._binary if "uri" not in buffer else self._load(buffer["uri"])
            if len(data) < buffer["byteLength"]:
                raise UserError(
                    f"the file is damaged or cut short: buffer {number} has {len(data)} bytes, not "
                    f"{buffer['byteLength']}; fetch or write it again"
                )
            self._buffers[number] = data
        return self._buffers[number]

    def _load(self, uri: str) -> bytes:
        """The bytes that a buffer's address names: those in the address itself, or a file beside this one."""
        if uri.startswith("data:"):
            return base64.b64decode(uri.partition(",")[2], validate=True)
        path = self._folder / urllib.parse.unquote(uri)
        if ":" in uri.split("/")[0] or not path.resolve().is_relative_to(self._folder.resolve()):
            raise UserError(f"names the file {uri}, which does not lie in its folder or below: put it there")
        if not path.is_file():
            raise UserError(f"names the file {uri}, which is not there: put it beside this one")
        if (size := path.stat().st_size) > _MOST_BYTES:
            raise UserError(f"names the file {uri} of {size} bytes, more than {_MOST_BYTES}: simplify the shape")
        return path.read_bytes()


def _as_numbers(values: np.ndarray, dtype: np.dtype, is_normalized: bool) -> np.ndarray:
    """Numbers as float64; normalised integers as in section 3.6.2.2."""
    numbers = values.astype(np.float64)
    if is_normalized and dtype.kind in "iu":
        numbers = np.maximum(numbers / np.iinfo(dtype).max, -1.0)
    return numbers


def _node_matrix(node: _Json) -> np.ndarray:
    """The matrix `[4, 4]` of a node in its parent."""
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T  # stored column by column
    return _compose(
        np.array(node.get("translation", (0, 0, 0)), np.float64),
        np.array(node.get("rotation", (0, 0, 0, 1)), np.float64),
        np.array(node.get("scale", (1, 1, 1)), np.float64),
    )


def _compose(translation: np.ndarray, rotation: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Scaled, then turned by the quaternion (x, y, z, w), then moved."""
    x, y, z, w = rotation / (math.sqrt(float(rotation @ rotation)) or 1.0)
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    matrix[:3, :3] *= scale
    matrix[:3, 3] = translation
    return matrix


# glTF 2.0, section 3.4: y is up and units are metres.
_GLTF_AXES = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float64)
_METRES_PER_MILLIMETRE = 0.001
# Linear red, green, blue and opacity of the default color in viewing.render.
_COLOR = (0.107, 0.319, 0.694, 1.0)


def _encode_glb(vertices: np.ndarray, triangles: np.ndarray) -> bytes:
    """A binary glTF file of one mesh with smooth normals."""
    import trimesh  # optional package
    from trimesh.exchange import gltf
    from trimesh.visual import TextureVisuals
    from trimesh.visual.material import PBRMaterial

    def name_program(tree: _Json) -> None:
        tree["asset"]["generator"] = PROGRAM

    mesh = trimesh.Trimesh(vertices @ _GLTF_AXES.T * _METRES_PER_MILLIMETRE, triangles, process=False)
    # A dull blue: glTF's default material is a metal, which looks black.
    material = PBRMaterial(name="shape", baseColorFactor=_COLOR, metallicFactor=0.0, roughnessFactor=0.8)
    mesh.visual = TextureVisuals(material=material)
    scene = trimesh.Scene()
    scene.add_geometry(mesh, node_name="shape", geom_name="shape")
    return gltf.export_glb(scene, include_normals=True, tree_postprocessor=name_program)


GLB = Format(
    extensions=(".glb",),
    read_mesh=read_gltf,
    encode_mesh=_encode_glb,
    up_axis="y",
)
GLTF = Format(extensions=(".gltf",), read_mesh=read_gltf, up_axis="y", companions="*.bin")
