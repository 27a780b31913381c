"""Small good files of every format that is read, from which damaged ones are made."""

import dataclasses
import io
import pathlib
import random
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
import scipy.io

from trials.mutators import mutate
from trials.scene_files import dae_bytes, fbx_bytes, gltf_bytes, gltf_tree, threemf_bytes
from vae_gan3d.voxels.binvox import encode_binvox
from vae_gan3d.voxels.text_slices import write_text_slices
from vae_gan3d.voxels.vox_files import encode_vox

MESHES = (".off", ".obj", ".stl", ".ply", ".glb", ".gltf", ".dae", ".3mf", ".fbx")
GRIDS = (".mat", ".npy", ".npz", ".h5", ".binvox", ".vox", ".txt")
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
    return [seed for grid in grids for seed in _GRID_FILES[extension](grid)]


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
