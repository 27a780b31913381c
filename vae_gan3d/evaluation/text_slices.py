"""Voxel grids as text, slice by slice, which a person can read and `numpy.loadtxt` too."""

import pathlib

import numpy as np

from vae_gan3d.files import write_text


def write_text_slices(path: pathlib.Path, grid: np.ndarray) -> None:
    """Writes a grid as N blocks of N lines of N digits, one block for each index of the first axis.

    `numpy.loadtxt(path).reshape(N, N, N)` gives the grid back; lines that begin with # name the slice.

    Args:
        path: the text file.
        grid: `[N, N, N]` bool or integer in {0, 1}.

    Raises:
        UserError: it cannot be written.
    """
    blocks = []
    for number, block in enumerate(grid.astype(np.uint8)):
        blocks.append(f"# slice {number}")
        blocks.extend(" ".join(map(str, row)) for row in block)
    write_text(path, "\n".join(blocks) + "\n")
