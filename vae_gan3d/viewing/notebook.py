"""Shapes that a notebook displays as pictures."""

import base64
import dataclasses
import os
import pathlib
import tempfile

import numpy as np

from vae_gan3d.errors import UserError
from vae_gan3d.viewing.sheets import MAX_TURNTABLE_SHAPES, save_sheet, save_turntable

_MOST_SHOWN = 32
_COLUMNS = 8
_PIXELS = 160


class Shapes(np.ndarray):
    """An array of shapes, `[N, R, R, R]` or `[R, R, R]`, which a notebook displays as a picture.

    Otherwise a NumPy array like any other; `np.asarray` gives a plain one.
    """

    def _repr_png_(self) -> bytes | None:
        """The first 32 shapes, voxels above 0.5, as IPython asks for them; None for an array of no shapes."""
        return sheet_png(self._grids()[:_MOST_SHOWN]) if self._holds_shapes() else None

    def turntable(self) -> "Turntable":
        """The first 16 shapes, voxels above 0.5, turning: a GIF for a notebook.

        Raises:
            UserError: the array holds no shapes.
        """
        if not self._holds_shapes():
            raise UserError(f"an array of {self.shape} holds no shapes: give [N, R, R, R] or [R, R, R]")
        shown = self._grids()[:MAX_TURNTABLE_SHAPES]
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "shapes.gif"
            save_turntable(path, shown, columns=min(len(shown), _COLUMNS))
            return Turntable(path.read_bytes())

    def _holds_shapes(self) -> bool:
        return self.ndim in (3, 4) and len(set(self.shape[-3:])) == 1 and self.size > 0

    def _grids(self) -> np.ndarray:
        return np.asarray(self).reshape(-1, *self.shape[-3:])


@dataclasses.dataclass(frozen=True)
class Turntable:
    """Turning shapes, which a notebook displays.

    Attributes:
        gif: the contents of a GIF file.
    """

    gif: bytes = dataclasses.field(repr=False)

    def _repr_html_(self) -> str:
        return f'<img src="data:image/gif;base64,{base64.b64encode(self.gif).decode()}" alt="turning shapes">'


def sheet_png(shapes: np.ndarray) -> bytes:
    """Draws shapes `[N, R, R, R]`, voxels above 0.5, eight in a row, as the contents of a PNG file."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "shapes.png"
        save_sheet(path, shapes, columns=min(len(shapes), _COLUMNS), size=_PIXELS)
        return path.read_bytes()


class Picture:
    """A PNG file, which a notebook displays."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Takes the path of the file."""
        self.path = pathlib.Path(path)

    def _repr_png_(self) -> bytes:
        return self.path.read_bytes()
