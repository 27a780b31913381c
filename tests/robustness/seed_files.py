"""Valid shape files of every format, small scenes, and ways to mutate their bytes."""

import base64
import dataclasses
import io
import json
import pathlib
import random
import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.io

from vae_gan3d.data.formats.binvox import encode_binvox
from vae_gan3d.data.formats.registry import BY_EXTENSION, FORMATS, MESH_EXTENSIONS
from vae_gan3d.data.formats.text_slices import write_text_slices
from vae_gan3d.data.formats.vox import encode_vox

_ENDS = [
    *(0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF),
    *(0x100000000, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0xFFFFFFFFFFFFFFFF),
]
_WORDS = [
    *(b"0", b"-1", b"1", b"2", b"512", b"513", b"65536", b"2147483647", b"4294967295", b"4294967296"),
    *(b"9223372036854775807", b"99999999999999999999", b"1e308", b"-1e308", b"1e-308", b"nan", b"inf", b"-inf", b"x"),
]
_NUMBER = re.compile(rb"-?[0-9]+(?:\.[0-9]+)?")
_MOST_CHANGES = 3


def mutate(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Damages a file in one to three ways.

    Args:
        data: a good file.
        others: files, the end of one of which may take the place of this one's.
        chance: draws.

    Returns:
        The damaged file; it may be empty, and it may still be good.
    """
    for _ in range(chance.randint(1, _MOST_CHANGES)):
        if chance.random() < 1 / (1 + len(_KINDS)):
            other = chance.choice(others)
            data = data[: _place(data, chance)] + other[_place(other, chance) :]
        else:
            data = chance.choice(_KINDS)(data, chance)
    return data


def _place(data: bytes, chance: random.Random) -> int:
    """A place in a file, near its start as often as anywhere: there stand the sizes."""
    return chance.randint(0, min(len(data), 256) if chance.random() < 0.5 else len(data))


def _flip(data: bytes, chance: random.Random) -> bytes:
    """Changes a few bits."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8)) if changed else 0):
        changed[min(_place(data, chance), len(changed) - 1)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _replace(data: bytes, chance: random.Random) -> bytes:
    """Puts any bytes in the place of some."""
    start, length = _place(data, chance), chance.choice((1, 2, 4, 16))
    return data[:start] + chance.randbytes(length) + data[start + length :]


def _cut(data: bytes, chance: random.Random) -> bytes:
    """Cuts the end off."""
    return data[: _place(data, chance)]


def _remove(data: bytes, chance: random.Random) -> bytes:
    """Takes some bytes out."""
    start = _place(data, chance)
    return data[:start] + data[start + chance.choice((1, 2, 8, 64, 1024)) :]


def _insert(data: bytes, chance: random.Random) -> bytes:
    """Puts some bytes in."""
    start, length = _place(data, chance), chance.choice((1, 2, 8, 64, 1024))
    return data[:start] + (chance.randbytes(length) if chance.random() < 0.5 else bytes(length)) + data[start:]


def _repeat(data: bytes, chance: random.Random) -> bytes:
    """Doubles a span, or writes it many times."""
    start, length = _place(data, chance), chance.choice((1, 8, 64, 1024))
    span = data[start : start + length]
    return data[:start] + span * chance.choice((2, 2, 3, 100)) + data[start + length :]


def _end_of_number(data: bytes, chance: random.Random) -> bytes:
    """Sets an integer of one to eight bytes to the least or the most that it can be, or near."""
    width = chance.choice((1, 2, 4, 4, 8))
    start = _place(data, chance)
    if chance.random() < 0.5:
        start -= start % width
    number = chance.choice(_ENDS) % (1 << 8 * width)
    return data[:start] + number.to_bytes(width, chance.choice(("little", "big"))) + data[start + width :]


def _end_of_word(data: bytes, chance: random.Random) -> bytes:
    """Writes another number in the place of one that is written in digits."""
    found = list(_NUMBER.finditer(data, 0, 1 << 14 if chance.random() < 0.5 else 256))
    if not found:
        return _end_of_number(data, chance)
    match = chance.choice(found)
    return data[: match.start()] + chance.choice(_WORDS) + data[match.end() :]


_KINDS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _flip,
    _replace,
    _cut,
    _remove,
    _insert,
    _repeat,
    _end_of_number,
    _end_of_word,
)


_FLOAT, _UINT = 5126, 5125
_DAE = """<?xml version="1.0"?>
<COLLADA xmlns="http://www.collada.org/2005/11/COLLADASchema" version="1.4.1">
<asset><up_axis>{up}_UP</up_axis></asset>
<library_geometries><geometry id="g"><mesh>
<source id="p"><float_array id="a" count="{numbers}">{positions}</float_array>
<technique_common><accessor source="#a" count="{corners}" stride="3">
<param name="X" type="float"/><param name="Y" type="float"/><param name="Z" type="float"/>
</accessor></technique_common></source>
<vertices id="v"><input semantic="POSITION" source="#p"/></vertices>
{lines}<triangles count="{faces}"><input semantic="VERTEX" source="#v" offset="0"/><p>{indices}</p></triangles>
</mesh></geometry></library_geometries>
<library_visual_scenes><visual_scene id="s">
<node id="n"><translate>5 6 7</translate><instance_geometry url="#g"/></node>
</visual_scene></library_visual_scenes>
<scene><instance_visual_scene url="#s"/></scene>
</COLLADA>
"""
_DAE_LINES = '<lines count="1"><input semantic="VERTEX" source="#v" offset="0"/><p>0 1</p></lines>\n'
_FBX = """; FBX 7.4.0 project file
FBXHeaderExtension:  {{
	FBXHeaderVersion: 1003
	FBXVersion: 7400
}}
GlobalSettings:  {{
	Version: 1000
	Properties70:  {{
		P: "UpAxis", "int", "Integer", "",1
		P: "UpAxisSign", "int", "Integer", "",1
		P: "FrontAxis", "int", "Integer", "",2
		P: "FrontAxisSign", "int", "Integer", "",1
		P: "CoordAxis", "int", "Integer", "",0
		P: "CoordAxisSign", "int", "Integer", "",1
		P: "UnitScaleFactor", "double", "Number", "",1
	}}
}}
Objects:  {{
	Geometry: 10, "Geometry::shape", "Mesh" {{
		Vertices: *{numbers} {{
			a: {positions}
		}}
		PolygonVertexIndex: *{indices_count} {{
			a: {indices}
		}}
	}}
	Model: 20, "Model::shape", "Mesh" {{
		Version: 232
	}}
}}
Connections:  {{
	C: "OO",20,0
	C: "OO",10,20
}}
"""
_3MF_MODEL = """<?xml version="1.0" encoding="UTF-8"?>
<model unit="millimeter" xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02"><resources>
<object id="1" type="model"><mesh><vertices>{vertices}</vertices><triangles>{triangles}</triangles></mesh></object>
</resources><build><item objectid="1"/></build></model>
"""
_3MF_RELATIONS = """<?xml version="1.0" encoding="UTF-8"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r"
Target="/3D/3dmodel.model" Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/></Relationships>
"""


def gltf_tree(corners: np.ndarray, faces: np.ndarray) -> tuple[dict[str, Any], bytes]:
    """A scene of one node that shows one mesh: the JSON of a glTF file, and its buffer."""
    positions, indices = np.asarray(corners, "<f4").tobytes(), np.asarray(faces, "<u4").tobytes()
    tree = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [
            {"bufferView": 0, "componentType": _FLOAT, "count": len(corners), "type": "VEC3"},
            {"bufferView": 1, "componentType": _UINT, "count": int(np.size(faces)), "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteLength": len(positions)},
            {"buffer": 0, "byteOffset": len(positions), "byteLength": len(indices)},
        ],
        "buffers": [{"byteLength": len(positions) + len(indices)}],
    }
    return tree, positions + indices


def add_accessor(tree: dict[str, Any], data: bytes, values: np.ndarray, component: int, kind: str) -> tuple[int, bytes]:
    """Adds an array to a glTF file's buffer; gives the number of its accessor, and the longer buffer."""
    data += b"\0" * (-len(data) % 4)
    tree["bufferViews"].append({"buffer": 0, "byteOffset": len(data), "byteLength": values.nbytes})
    view = len(tree["bufferViews"]) - 1
    tree["accessors"].append({"bufferView": view, "componentType": component, "count": len(values), "type": kind})
    data += values.tobytes()
    tree["buffers"][0]["byteLength"] = len(data)
    return len(tree["accessors"]) - 1, data


def glb_bytes(tree: dict[str, Any], data: bytes) -> bytes:
    """A `.glb` file."""
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    data += b"\0" * (-len(data) % 4)
    chunks = struct.pack("<2I", len(text), 0x4E4F534A) + text + struct.pack("<2I", len(data), 0x004E4942) + data
    return struct.pack("<4s2I", b"glTF", 2, 12 + len(chunks)) + chunks


def gltf_bytes(tree: dict[str, Any], data: bytes) -> bytes:
    """A `.gltf` file that holds its buffer."""
    address = "data:application/octet-stream;base64," + base64.b64encode(data).decode()
    return json.dumps({**tree, "buffers": [{**tree["buffers"][0], "uri": address}]}).encode()


def dae_bytes(corners: np.ndarray, faces: np.ndarray, up: str = "Z", *, lines: bool = False) -> bytes:
    """A COLLADA file, its node moved; with a line beside the triangles where that is asked for."""
    return _DAE.format(
        up=up,
        numbers=np.size(corners),
        corners=len(corners),
        faces=len(faces),
        positions=_joined(corners, " "),
        indices=_joined(faces, " "),
        lines=_DAE_LINES if lines else "",
    ).encode()


def fbx_bytes(corners: np.ndarray, faces: np.ndarray) -> bytes:
    """An FBX file in text, y up."""
    ended = np.array(faces, np.int64)
    ended[:, -1] = ~ended[:, -1]  # so FBX marks the last corner of a polygon
    return _FBX.format(
        numbers=np.size(corners),
        positions=_joined(corners, ","),
        indices_count=ended.size,
        indices=_joined(ended, ","),
    ).encode()


def threemf_bytes(corners: np.ndarray, faces: np.ndarray) -> bytes:
    """A `.3mf` file."""
    vertices = "".join(f'<vertex x="{x}" y="{y}" z="{z}"/>' for x, y, z in np.asarray(corners).tolist())
    triangles = "".join(f'<triangle v1="{a}" v2="{b}" v3="{c}"/>' for a, b, c in np.asarray(faces).tolist())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("_rels/.rels", _3MF_RELATIONS)
        archive.writestr("3D/3dmodel.model", _3MF_MODEL.format(vertices=vertices, triangles=triangles))
    return buffer.getvalue()


def _joined(values: np.ndarray, separator: str) -> str:
    return separator.join(map(str, np.asarray(values).reshape(-1).tolist()))


MESHES = MESH_EXTENSIONS
GRIDS = tuple(found.extensions[0] for found in FORMATS if not found.is_mesh)
_SIDE = 12
_MAT_HEADER_BYTES = 128
_COMPRESSED = 15

_SCENES: dict[str, Callable[[np.ndarray, np.ndarray], bytes]] = {
    ".gltf": lambda corners, faces: gltf_bytes(*gltf_tree(corners, faces)),
    ".dae": dae_bytes,
    ".3mf": threemf_bytes,
    ".fbx": fbx_bytes,
}


def _unchanged(data: bytes) -> bytes:
    return data


@dataclasses.dataclass(frozen=True)
class SeedFile:
    """A good file.

    Attributes:
        data: what is damaged.
        pack: makes the file of it, so that the damage lies within what is compressed or has a checksum.
    """

    data: bytes
    pack: Callable[[bytes], bytes] = _unchanged


def seed_files(extension: str) -> list[SeedFile]:
    """Good files of one format, in its several forms.

    Args:
        extension: one of `GRIDS` or `MESHES`.

    Returns:
        At least two, of two shapes.
    """
    grids = [_ball(_SIDE), _ball(_SIDE)[:5, :, ::-1]]
    if extension in MESHES:
        return [SeedFile(data) for data in _meshes(extension)]
    if extension in _GRID_FILES:
        return [seed for grid in grids for seed in _GRID_FILES[extension](grid)]
    encode = BY_EXTENSION[extension].encode_grid
    assert encode, f"{extension} files are not written: add good ones to _GRID_FILES"
    half = _ball(_SIDE)
    half[5:] = 0
    return [SeedFile(encode(grid)) for grid in (_ball(_SIDE), half)]  # cubes, as `Format` promises


def damaged_file(seeds: list[SeedFile], chance: random.Random) -> bytes:
    """A damaged file made of some good ones.

    Args:
        seeds: of one format.
        chance: draws.
    """
    seed = chance.choice(seeds)
    return seed.pack(mutate(seed.data, [other.data for other in seeds], chance))


def _ball(side: int) -> np.ndarray:
    """A solid ball with a piece cut out, `[side, side, side]` uint8."""
    places = np.indices((side,) * 3) - (side - 1) / 2
    grid = ((places**2).sum(axis=0) < (side / 2) ** 2).astype(np.uint8)
    grid[: side // 2, : side // 2, : side // 3] = 0
    return grid


def _mat_files(grid: np.ndarray) -> list[SeedFile]:
    seeds = []
    for compress, dtype in ((False, np.int8), (False, np.float64), (True, np.uint8)):
        buffer = io.BytesIO()
        scipy.io.savemat(buffer, {"note": "a ball", "instance": grid.astype(dtype)}, do_compression=compress)
        seeds.append(SeedFile(buffer.getvalue()))
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"instance": grid.astype(np.int8)})
    return [*seeds, SeedFile(buffer.getvalue(), compress_mat)]


def compress_mat(data: bytes) -> bytes:
    """A `.mat` file with all behind its header as one compressed element."""
    packed = zlib.compress(data[_MAT_HEADER_BYTES:], 1)
    return data[:_MAT_HEADER_BYTES] + struct.pack("<2I", _COMPRESSED, len(packed)) + packed


def _npy_files(grid: np.ndarray) -> list[SeedFile]:
    seeds = []
    for array in (grid, np.asfortranarray(grid.astype(np.float32)), grid.astype(bool), grid.astype(">i8")):
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        seeds.append(SeedFile(buffer.getvalue()))
    return seeds


def _npz_files(grid: np.ndarray) -> list[SeedFile]:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, voxels=grid, note=np.arange(3))
    return [SeedFile(buffer.getvalue()), *(SeedFile(seed.data, zip_npy) for seed in _npy_files(grid))]


def zip_npy(data: bytes) -> bytes:
    """A `.npz` file of one array."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("voxels.npy", data)
    return buffer.getvalue()


def _hdf5_files(grid: np.ndarray) -> list[SeedFile]:
    import h5py

    seeds = []
    for options in ({}, {"compression": "gzip", "chunks": (4, 4, 4)}):
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            file.create_dataset("voxels", data=grid, **options)
            file["shapes/note"] = np.arange(3)
        seeds.append(SeedFile(buffer.getvalue()))
    return seeds


def _binvox_files(grid: np.ndarray) -> list[SeedFile]:
    return [SeedFile(encode_binvox(np.ascontiguousarray(grid)))]


def _vox_files(grid: np.ndarray) -> list[SeedFile]:
    return [SeedFile(encode_vox(grid))]


def _text_files(grid: np.ndarray) -> list[SeedFile]:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "a.txt")
        write_text_slices(path, _ball(_SIDE))
        words = path.read_bytes()
    return [
        SeedFile(words),
        SeedFile(words.replace(b" ", b",").replace(b"1", b"0.75")),
        SeedFile(words.replace(b" ", b"")),
    ]


def _meshes(extension: str) -> list[bytes]:
    import trimesh

    bodies = [trimesh.creation.box((1, 2, 3)), trimesh.creation.icosphere(subdivisions=1)]
    if extension == ".stl":
        found = [body.export(file_type=kind) for body in bodies for kind in ("stl", "stl_ascii")]
    elif extension == ".ply":
        found = [body.export(file_type="ply", encoding=kind) for body in bodies for kind in ("binary", "ascii")]
    elif extension == ".glb":
        scene = trimesh.Scene(bodies[0])
        scene.add_geometry(bodies[1], transform=trimesh.transformations.translation_matrix([3, 0, 0]))
        found = [trimesh.Scene(bodies[0]).export(file_type="glb"), scene.export(file_type="glb")]
    elif extension in _SCENES:
        found = [_SCENES[extension](body.vertices, body.faces) for body in bodies]
    else:
        found = [body.export(file_type=extension[1:]) for body in bodies]
    return [data.encode() if isinstance(data, str) else data for data in found]


_GRID_FILES: dict[str, Callable[[np.ndarray], list[SeedFile]]] = {
    ".mat": _mat_files,
    ".npy": _npy_files,
    ".npz": _npz_files,
    ".h5": _hdf5_files,
    ".binvox": _binvox_files,
    ".vox": _vox_files,
    ".txt": _text_files,
}
