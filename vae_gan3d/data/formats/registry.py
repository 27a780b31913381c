"""The table of file formats. A new format is one file in this folder and one entry in `FORMATS`."""

import pathlib

from vae_gan3d.data.formats.assimp_files import DAE, FBX, THREE_MF
from vae_gan3d.data.formats.binvox import BINVOX
from vae_gan3d.data.formats.format import Format
from vae_gan3d.data.formats.gltf import GLB, GLTF
from vae_gan3d.data.formats.hdf5_files import HDF5
from vae_gan3d.data.formats.mat_files import MAT
from vae_gan3d.data.formats.numpy_files import NPY, NPZ
from vae_gan3d.data.formats.obj import OBJ
from vae_gan3d.data.formats.off import OFF
from vae_gan3d.data.formats.ply import PLY
from vae_gan3d.data.formats.stl import STL
from vae_gan3d.data.formats.text_slices import TEXT
from vae_gan3d.data.formats.vox import VOX

# If a ShapeNetCore model has several files, the format that comes first here is read.
FORMATS = (MAT, NPY, NPZ, HDF5, TEXT, BINVOX, VOX, OFF, OBJ, STL, PLY, GLB, GLTF, DAE, THREE_MF, FBX)
BY_EXTENSION: dict[str, Format] = {extension: found for found in FORMATS for extension in found.extensions}

EXTENSIONS = tuple(BY_EXTENSION)
ARRAY_EXTENSIONS = tuple(extension for extension, found in BY_EXTENSION.items() if found.list_arrays)
MESH_EXTENSIONS = tuple(extension for extension, found in BY_EXTENSION.items() if found.is_mesh)
FOLDER_EXTENSIONS = tuple(extension for extension, found in BY_EXTENSION.items() if found.in_data_folders)
WRITTEN_EXTENSIONS = tuple(extension for extension, found in BY_EXTENSION.items() if found.is_written)
# The names that --formats takes.
RESULT_MESHES = tuple(found.extensions[0][1:] for found in FORMATS if found.encode_mesh and found.in_results)
RESULT_GRIDS = tuple(found.extensions[0][1:] for found in FORMATS if found.encode_grid and found.in_results)


def format_of(path: pathlib.Path) -> Format | None:
    """The format of a file, by its extension; None if files of that extension are not read."""
    return BY_EXTENSION.get(path.suffix.lower())


def is_mesh(path: pathlib.Path) -> bool:
    """Whether a file's extension is that of a mesh."""
    found = format_of(path)
    return found is not None and found.is_mesh
