"""Shapes that visitors upload: bounded, parsed in a process of their own, and gone when they are read."""

import pathlib

import numpy as np

from vae_gan3d.errors import UserError
from vae_gan3d.explorer.temporary import temporary_folder
from vae_gan3d.voxels.grids import pad_grid, resize_grid
from vae_gan3d.voxels.mesh_packages import READING, require_mesh_packages
from vae_gan3d.voxels.mesh_reader import is_mesh
from vae_gan3d.voxels.read_options import ReadOptions
from vae_gan3d.voxels.reader_process import read_one
from vae_gan3d.voxels.readers import EXTENSIONS

_LONGEST_NAME = 80


def read_upload(contents: bytes, name: str, reading: ReadOptions) -> np.ndarray:
    """Reads an uploaded shape.

    Args:
        contents: of the file.
        name: as the visitor called it; only its extension is looked at, and messages quote it.
        reading: how it is read, at the model's resolution R.

    Returns:
        `[R, R, R]` uint8 in {0, 1}.

    Raises:
        UserError: the file is not of a type that is read, or cannot be read.
    """
    shown = "".join(letter for letter in name if letter.isprintable())[-_LONGEST_NAME:] or "the file"
    suffix = pathlib.PurePath(name).suffix.lower()
    if suffix not in EXTENSIONS:
        raise UserError(f"{shown}: files of this type are not read; give one of {', '.join(EXTENSIONS)}")
    with temporary_folder() as folder:
        path = folder / f"upload{suffix}"
        if is_mesh(path):
            require_mesh_packages("reading a mesh", READING)
        try:
            path.write_bytes(contents)
            grid = read_one(path, options=reading)
        except OSError as error:
            raise UserError(f"{shown}: cannot be kept to be read ({error.strerror}): try again later") from error
        except UserError as error:
            raise UserError(f"{shown}: {str(error).removeprefix(f'{path}: ').replace(str(path), shown)}") from error
    return resize_grid(pad_grid(grid), reading.resolution)
