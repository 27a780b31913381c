"""Malicious files: decompression bombs, invalid sizes, numbers and objects."""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.io

from tests.robustness.seed_files import compress_mat, zip_npy

_GIB = 1 << 30
_MIB = 1 << 20
_DOUBLE, _INT8 = 9, 1

# Two valid shapes: an error for a single file, but valid in a data folder.
SEVERAL = "holds 2 shapes"
# A name, the contents, and words of the error; None if the file is valid.
HostileFile = tuple[str, bytes, str | None]


def hostile_grids() -> Iterator[HostileFile]:
    """Files with the extensions of grids."""
    yield from _mat_files()
    yield from _npy_files()
    yield from _npz_files()
    yield from _hdf5_files()
    yield from _other_files()


def grid_of_ones() -> np.ndarray:
    """`[4, 4, 4]` uint8, all occupied."""
    return np.ones((4, 4, 4), np.uint8)


def mat_bytes(array: object, variable: str = "instance") -> bytes:
    """A `.mat` file of one variable."""
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {variable: array})
    return buffer.getvalue()


def npy_bytes(array: np.ndarray) -> bytes:
    """A `.npy` file, with pickles where the array holds objects."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def npy_header(shape: str, descr: str = "'|u1'") -> bytes:
    """A `.npy` file that promises a shape and holds nothing."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def _bad_arrays() -> Iterator[tuple[str, np.ndarray, str]]:
    ones = grid_of_ones()
    for name, value in (("nan", np.nan), ("infinite", np.inf), ("negative", -1.0), ("huge", 1e308)):
        yield name, np.where(np.arange(64).reshape(4, 4, 4) == 9, value, ones), "holds the value"
    yield "complex", ones + 1j, "holds values of type complex"
    yield "flat", ones[0], "is not three-dimensional"
    yield "deep", np.ones((2, 2, 4, 4, 4)), "is not three-dimensional"
    yield "several", np.ones((2, 4, 4, 4)), SEVERAL
    yield "last", np.ones((4, 4, 4, 2)), "put it first"
    yield "mixed", np.where(np.arange(64).reshape(4, 4, 4) == 9, 255, ones), "holds the values 1 and 255"
    yield "none", ones[:0], "is empty"
    yield "blank", ones * 0, "holds no occupied voxel"
    yield "long", np.ones((1, 1, 513), np.uint8), "is too large"


def _mat_files() -> Iterator[HostileFile]:
    ones = grid_of_ones()
    good = mat_bytes(ones)
    for name, array, reason in _bad_arrays():
        yield f"{name}.mat", mat_bytes(array), reason
    objects = np.empty((2, 2, 2), object)
    objects[:] = 1.0
    yield "cell.mat", mat_bytes(objects), "is a cell array"
    yield "struct.mat", mat_bytes({"voxels": ones}), "is a struct array"
    yield "text.mat", mat_bytes("ones"), "is a char array"
    yield "sparse.mat", mat_bytes(scipy.sparse.csc_array(np.eye(4))), "is a sparse array"
    yield "function.mat", _with_class(good, 16), "is a function array"
    yield "opaque.mat", _with_class(good, 17), "it holds no array"
    yield "other.mat", mat_bytes(ones, "voxels"), None
    sides = (1 << 31) - 1
    yield "promise.mat", _mat_element((sides, sides, sides), _INT8, 64, ones.tobytes()), "is too large"
    yield "negative_sides.mat", _mat_element((-4, -4, 4), _INT8, 64, ones.tobytes()), "is empty"
    yield "dimensions.mat", _mat_element((1,) * 40, _INT8, 1, b"\1"), "damaged or cut short"
    yield "short.mat", _mat_element((512, 512, 512), _DOUBLE, _GIB, bytes(64)), "damaged or cut short"
    yield "four_gib.mat", _mat_element((4, 4, 4), _INT8, 0xFFFFFFFF, ones.tobytes()), "damaged or cut short"
    start = _mat_element((4, 4, 4), _INT8, 0xFFFFFFF0, b"")
    yield "bomb.mat", _mat_bomb(start[128:], 4 * _GIB), "its dimensions take 64 bytes"
    start = _mat_element((4, 4, 4), _INT8, 64, ones.tobytes())
    yield "bomb_behind.mat", _mat_bomb(start[128:], 4 * _GIB), "does not end where it should"
    start = _mat_element((512, 512, 512), _DOUBLE, _GIB, b"")
    yield "bomb_within.mat", _mat_bomb(start[128:], _GIB), "does not end where it should|memory|took more"
    start = _mat_element((4, 4, 4), _INT8, 64, b"", name_bytes=0xFFFFFFF0)
    yield "bomb_name.mat", _mat_bomb(start[128:], 4 * _GIB), "damaged or cut short"
    yield "compressed_twice.mat", compress_mat(compress_mat(good)), "damaged or cut short"
    yield "version_4.mat", struct.pack("<5i", 0, 4, 16, 0, 9) + b"instance\0" + bytes(512), "is a MATLAB 4 file"
    yield "version_73.mat", _hdf5_mat(ones), None
    yield "words.mat", b"no MATLAB file at all" * 20, "is not a MATLAB file"


def _mat_element(
    shape: tuple[int, ...], kind: int, size: int, data: bytes, name_bytes: int = 8, array_class: int = 9
) -> bytes:
    """A `.mat` file of one variable with the given header."""
    sides = struct.pack(f"<{len(shape)}i", *shape)
    element = struct.pack("<4I", 6, 8, array_class, 0)
    element += struct.pack("<2I", 5, len(sides)) + sides + bytes(-len(sides) % 8)
    element += struct.pack("<2I", 1, name_bytes) + b"instance"
    element += struct.pack("<2I", kind, size) + data
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    return header + struct.pack("<2I", 14, len(element)) + element


def _mat_bomb(start: bytes, zeros: int) -> bytes:
    """A `.mat` file whose compressed element goes on with so many zeros."""
    packer = zlib.compressobj(9)
    packed = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    # A piece that begins anew can be written as often as one likes.
    packed += (packer.compress(bytes(_MIB)) + packer.flush(zlib.Z_FULL_FLUSH)) * (zeros // _MIB)
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    return header + struct.pack("<2I", 15, len(packed)) + packed


def _with_class(data: bytes, array_class: int) -> bytes:
    """A `.mat` file whose variable says that it is of another class."""
    changed = bytearray(data)
    changed[128 + 8 + 8] = array_class
    return bytes(changed)


def _hdf5_mat(array: np.ndarray) -> bytes:
    data = bytearray(hdf5_bytes(lambda file: file.create_dataset("instance", data=array), userblock_size=512))
    data[:19] = b"MATLAB 7.3 MAT-file"
    return bytes(data)


def _hdf5_files() -> Iterator[HostileFile]:
    ones = grid_of_ones()
    for name, array, reason in _bad_arrays():
        yield f"{name}.h5", hdf5_bytes(lambda file, array=array: file.create_dataset("voxels", data=array)), reason
    good = hdf5_bytes(lambda file: file.create_dataset("voxels", data=ones))
    yield "cut.h5", good[: len(good) // 2], "damaged"
    yield "words.h5", b"no HDF5 file at all" * 20, "is not an HDF5 file"
    yield "objects.h5", hdf5_bytes(lambda file: file.create_dataset("voxels", data=["1"] * 8)), "holds values of type"
    promised = hdf5_bytes(lambda file: file.create_dataset("voxels", (10**6,) * 3, "f8", chunks=(8, 8, 8)))
    yield "promise.h5", promised, "is too large"
    empty = hdf5_bytes(lambda file: file.create_dataset("voxels", (512,) * 3, "f8", chunks=(8, 8, 8)))
    yield "absent_within.h5", empty, "occupied voxel|memory|took more"
    outside = [("/etc/hostname", 0, 64)]
    external = hdf5_bytes(lambda file: file.create_dataset("voxels", (4, 4, 4), "u1", external=outside))
    yield "external.h5", external, "keeps its numbers in other files"
    yield "virtual.h5", hdf5_bytes(_virtual), "keeps its numbers in other files"
    yield "link.h5", hdf5_bytes(_external_link), "it holds no array"
    yield "loop.h5", hdf5_bytes(_loop), None


def _virtual(file: Any) -> None:
    import h5py

    layout = h5py.VirtualLayout((4, 4, 4), "u1")
    layout[:] = h5py.VirtualSource("/etc/hostname", "voxels", (4, 4, 4))
    file.create_virtual_dataset("voxels", layout)


def _external_link(file: Any) -> None:
    import h5py

    file["voxels"] = h5py.ExternalLink("/etc/hostname", "voxels")


def _loop(file: Any) -> None:
    file["voxels"] = grid_of_ones()
    file["group/again"] = file["/"]


def hdf5_bytes(fill: Callable[[Any], object], **options: int) -> bytes:
    """An HDF5 file that a function fills."""
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w", **options) as file:
        fill(file)
    return buffer.getvalue()


def _npy_files() -> Iterator[HostileFile]:
    ones = grid_of_ones()
    for name, array, reason in _bad_arrays():
        yield f"{name}.npy", npy_bytes(array), reason
    for name, array in _no_numbers():
        yield f"{name}.npy", npy_bytes(array), "holds values of type|holds Python objects"
    yield "promise.npy", npy_header("(512, 512, 512)", "'<f8'"), "it should have 1073741824 bytes of numbers and has 0"
    yield "sides.npy", npy_header("(99999999999, 99999999999, 99999999999)"), "it should have"
    yield "negative_sides.npy", npy_header("(-4, -4, 4)"), "its shape is (-4, -4, 4)"
    yield "nested.npy", npy_header("(" * 4000 + ")" * 4000), "damaged or cut short"
    yield "calls.npy", npy_header("__import__('os').abort()"), "damaged or cut short"
    yield "long_header.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", "its header takes 4294967295 bytes"
    yield "version.npy", npy_bytes(ones).replace(b"NUMPY\x01", b"NUMPY\x09"), "is a NumPy file of version"
    yield "pickle.npy", b"\x80\x04cos\nabort\n(tR.", "is not a NumPy file"
    yield "truth.npy", npy_bytes(ones.astype(bool)).replace(b"\1" * 64, b"\2" * 64), None


def _no_numbers() -> Iterator[tuple[str, np.ndarray]]:
    yield "objects", np.full((4, 4, 4), None)
    yield "structured", np.zeros((4, 4, 4), [("voxels", "u1"), ("color", "f4")])
    yield "strings", np.full((4, 4, 4), "1")
    yield "bytes", np.full((4, 4, 4), b"1")
    yield "dates", np.zeros((4, 4, 4), "M8[s]")
    yield "raw", np.zeros((4, 4, 4), "V4")


def _npz_files() -> Iterator[HostileFile]:
    ones = grid_of_ones()
    for name, array, reason in _bad_arrays():
        yield f"{name}.npz", zip_npy(npy_bytes(array)), reason
    for name, array in _no_numbers():
        yield f"{name}.npz", zip_npy(npy_bytes(array)), "holds values of type|holds Python objects"
    yield "promise.npz", zip_npy(npy_header("(512, 512, 512)", "'<f8'")), "cut short"
    yield "bomb.npz", _zip_bomb(npy_bytes(ones), 4 * _GIB), "holds more numbers than its shape says"
    start = npy_header("(512, 512, 512)", "'<f8'")
    yield "bomb_within.npz", _zip_bomb(start, _GIB), "occupied voxel|damaged|memory|took more"
    yield "packed.npz", _zip(npy_bytes(ones), zipfile.ZIP_LZMA), "numpy.savez_compressed"
    yield "outside.npz", _zip(npy_bytes(ones), zipfile.ZIP_STORED, "../../../voxels.npy"), None
    stored = _zip(npy_bytes(ones), zipfile.ZIP_STORED)
    yield "locked.npz", stored.replace(b"PK\1\2\x14\3\x14\0\0", b"PK\1\2\x14\3\x14\0\1"), "damaged"
    yield "changed.npz", stored.replace(b"\1" * 64, b"\1" * 63 + b"\0"), "damaged"
    yield "no_array.npz", _zip(b"words", zipfile.ZIP_STORED, "words.txt"), "it holds no array"


def _zip(data: bytes, packing: int, name: str = "voxels.npy") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


def _zip_bomb(start: bytes, zeros: int) -> bytes:
    """A `.npz` file whose array goes on with so many zeros; its sizes tell, and its checksum does not."""
    packer = zlib.compressobj(9, wbits=-15)
    packed = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    packed += (packer.compress(bytes(_MIB)) + packer.flush(zlib.Z_FULL_FLUSH)) * (zeros // _MIB)
    packed += b"\3\0"  # an empty last block
    size = min(len(start) + zeros, 0xFFFFFFFE)
    name = b"voxels.npy"
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 0, 0, len(packed), size, len(name), 0) + name
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 8, 0, 0, 0, len(packed), size, len(name), 0, 0, 0, 0, 0, 0)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(entry) + len(name), len(local) + len(packed), 0)
    return local + packed + entry + name + end


def _other_files() -> Iterator[HostileFile]:
    start = "#binvox 1\ndim {}\ntranslate 0 0 0\nscale 1\ndata\n"
    yield "promise.binvox", start.format("65535 65535 65535").encode() + b"\1\xff", "is too large"
    yield "short.binvox", start.format("512 512 512").encode() + b"\1\xff", "do not fill"
    yield "negative.binvox", start.format("-4 -4 4").encode() + b"\1\x40", "is not a binvox file"
    yield "none.binvox", start.format("0 0 0").encode(), "is empty"
    yield "values.binvox", start.format("4 4 4").encode() + b"\7\x40", "holds the value 7"
    yield "endless.binvox", b"#binvox 1\n" + b"\n" * 100_000, "is not a binvox file"
    yield "full.binvox", start.format("255 255 255").encode() + b"\1\xff" * 255**2, None
    yield "nan.txt", b"nan nan\n" * 4, "holds the value nan"
    yield "bytes.txt", bytes(range(128, 256)) * 8, "holds no line of numbers"
    yield "long.txt", b"1" * 4_000_000, "fill no N x N x N grid"
    yield "lines.txt", b"\n" * 4_000_000, "holds no line of numbers"


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
    yield "index.off", f"OFF\n4 1 0\n{corners}3 0 1 99999999\n".encode(), "damaged|names a vertex that does not exist"
    yield "below.off", f"OFF\n4 1 0\n{corners}3 0 1 -2\n".encode(), "damaged|names a vertex that does not exist"
    yield "nan.off", f"OFF\n4 1 0\n{corners}3 0 1 2\n".replace("0 0 1", "0 0 nan").encode(), None
    yield "infinite.off", f"OFF\n3 1 0\n{corners[:12]}0 inf 0\n3 0 1 2\n".encode(), "not a finite number"
    yield "far.off", b"OFF\n3 1 0\n0 0 0\n1e308 0 0\n0 -1e308 0\n3 0 1 2\n", None
    yield "empty.off", b"OFF\n0 0 0\n", "damaged|holds no triangles"
    yield "index.obj", f"{_TRIANGLE}f 1 2 999999999999\n".encode(), "names a vertex that does not exist"
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
