"""Small files in the formats of 3D programs, from corners `[V, 3]` and triangles `[T, 3]`."""

import base64
import io
import json
import struct
import zipfile
from typing import Any

import numpy as np

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
