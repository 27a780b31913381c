"""Meshes that are made to do harm: counts that are none, places that are no numbers, links to other files."""

import json
import struct
from collections.abc import Iterator

from trials.hostile_grids import HostileFile

_TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"


def hostile_meshes() -> Iterator[HostileFile]:
    """Files that hold, or say that they hold, meshes."""
    yield from _texts()
    yield from _ply_files()
    yield from _stl_files()
    yield from _glb_files()


def _texts() -> Iterator[HostileFile]:
    corners = "0 0 0\n1 0 0\n0 1 0\n0 0 1\n"
    damaged = "damaged or cut short"
    yield "promise.off", b"OFF\n4000000000 4000000000 0\n0 0 0\n", damaged
    yield "huge.off", b"OFF\n9" + b"9" * 40 + b" 1 0\n0 0 0\n", damaged
    yield "negative.off", f"OFF\n-4 -1 0\n{corners}3 0 1 2\n".encode(), "damaged|holds no triangles"
    yield "polygon.off", f"OFF\n4 1 0\n{corners}1000000000 0 1 2 3\n".encode(), damaged
    yield "index.off", f"OFF\n4 1 0\n{corners}3 0 1 99999999\n".encode(), "damaged|names a vertex that is not there"
    yield "below.off", f"OFF\n4 1 0\n{corners}3 0 1 -2\n".encode(), "damaged|names a vertex that is not there"
    yield "nan.off", f"OFF\n4 1 0\n{corners}3 0 1 2\n".replace("0 0 1", "0 0 nan").encode(), None
    yield "infinite.off", f"OFF\n3 1 0\n{corners[:12]}0 inf 0\n3 0 1 2\n".encode(), "not a finite number"
    yield "far.off", b"OFF\n3 1 0\n0 0 0\n1e308 0 0\n0 -1e308 0\n3 0 1 2\n", None
    yield "empty.off", b"OFF\n0 0 0\n", "damaged|holds no triangles"
    yield "index.obj", f"{_TRIANGLE}f 1 2 999999999999\n".encode(), "names a vertex that is not there"
    yield "words.obj", f"{_TRIANGLE}f a b c\n".encode(), damaged
    yield "other_files.obj", f"mtllib /dev/zero\nusemtl x\n{_TRIANGLE}f 1 2 3\n".encode(), None
    yield "line.obj", f"{_TRIANGLE}f 1 2 3{' 1' * 200_000}\n".encode(), None
    yield "nul.obj", _TRIANGLE.encode() + bytes(100_000), "damaged|holds no triangles"


def _ply_files() -> Iterator[HostileFile]:
    corner = "property float x\nproperty float y\nproperty float z\n"
    faces = "element face {}\nproperty list uchar int vertex_indices\nend_header\n"
    for form in ("ascii", "binary_little_endian"):
        header = f"ply\nformat {form} 1.0\nelement vertex {{}}\n{corner}"
        yield f"promise_{form}.ply", (header + faces).format(10**12, 10**12).encode() + bytes(100), "damaged"
        yield f"negative_{form}.ply", (header + faces).format(-3, -1).encode() + bytes(100), "damaged|holds no triang"
        yield f"no_end_{form}.ply", header.format(3).encode(), "damaged"
        yield f"type_{form}.ply", header.format(3).replace("float", "object").encode() + b"end_header\n", "damaged"
    wide = (header + faces).format(1, 1).replace("list uchar", "list uint").encode()
    yield "list.ply", wide + bytes(12) + b"\xff\xff\xff\xff", "damaged|holds no triang"
    texture = wide.replace(b"element vertex", b"comment TextureFile /dev/zero\nelement vertex", 1)
    yield "other_files.ply", texture, "damaged|holds no triang"


def _stl_files() -> Iterator[HostileFile]:
    yield "promise.stl", bytes(80) + b"\xff\xff\xff\xff" + bytes(50), "damaged|holds no triang"
    yield "nan.stl", bytes(80) + struct.pack("<I12fH", 1, *[float("nan")] * 12, 0), "not a finite number"
    yield "flat.stl", bytes(80) + struct.pack("<I12fH", 1, *[1.0] * 12, 0), "no triangle with an area"
    yield (
        "infinite.stl",
        b"solid x\nvertex 0 0 0\nvertex inf 0 0\nvertex 0 1 0\nendloop\nendfacet\nendsolid x",
        "not a finite",
    )
    yield "solids.stl", b"solid endsolid " * 20_000, "damaged|holds no triang"


def _glb_files() -> Iterator[HostileFile]:
    zeros = {"componentType": 5126, "type": "VEC3"}
    mesh = {"meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}]}
    scene = {"asset": {"version": "2.0"}, "bufferViews": [], "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}], **mesh}
    for name, count in (("promise", 10**12), ("gigabytes", 10**8)):
        yield f"{name}.glb", _glb({**scene, "accessors": [{**zeros, "count": count}]}), "numbers in a row, more than"
    yield "negative.glb", _glb({**scene, "accessors": [{**zeros, "count": -5}]}), "damaged"
    yield "nested.glb", _glb(b"[" * 200_000), "damaged"
    yield "chunk.glb", b"glTF" + struct.pack("<3I", 2, 0xFFFFFFFF, 0xFFFFFFFF) + b"JSON{}", "damaged|holds no triangles"
    yield "other_files.glb", _glb({**scene, "buffers": [{"uri": "file:///dev/zero", "byteLength": 9}]}), "damaged"
    ring = [{"children": [1], "mesh": 0}, {"children": [0]}]
    accessors = [{**zeros, "count": 3}]
    yield "ring.glb", _glb({**scene, "nodes": ring, "accessors": accessors}), "damaged|no triangle with an area"
    many = [{"mesh": 0} for _ in range(20_000)]
    everywhere = {**scene, "nodes": many, "scenes": [{"nodes": list(range(len(many)))}]}
    yield (
        "many.glb",
        _glb({**everywhere, "accessors": [{**zeros, "count": 3 * 4000}]}),
        "has 80000000 triangles, more than",
    )


def _glb(header: object) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (
        b"glTF"
        + struct.pack("<4I", 2, 20 + len(text) + 8, len(text), 0x4E4F534A)
        + text
        + struct.pack("<2I", 0, 0x004E4942)
    )
