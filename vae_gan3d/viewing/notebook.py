"""Shapes that a notebook displays as pictures."""

import pathlib
import tempfile

import numpy as np

from vae_gan3d.viewing.sheets import save_sheet

_MOST_SHOWN = 32
_COLUMNS = 8
_PIXELS = 160


class Shapes(np.ndarray):
    """An array of shapes, `[N, R, R, R]` or `[R, R, R]`, which a notebook displays as a picture.

    Otherwise a NumPy array like any other; `np.asarray` gives a plain one.
    """

    def _repr_png_(self) -> bytes | None:
        """The first 32 shapes, voxels above 0.5, as IPython asks for them; None for an array of no shapes."""
        side = self.shape[-1] if self.ndim else 0
        if self.ndim not in (3, 4) or self.shape[-3:] != (side, side, side) or not self.size:
            return None
        return sheet_png(np.asarray(self).reshape(-1, side, side, side)[:_MOST_SHOWN])


def sheet_png(shapes: np.ndarray) -> bytes:
    """Draws shapes `[N, R, R, R]`, voxels above 0.5, eight in a row, as the contents of a PNG file."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "shapes.png"
        save_sheet(path, shapes, columns=min(len(shapes), _COLUMNS), size=_PIXELS)
        return path.read_bytes()
