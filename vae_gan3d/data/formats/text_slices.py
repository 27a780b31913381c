"""Voxel grids as text, slice by slice, for people and for `numpy.loadtxt`."""

import pathlib

import numpy as np

from vae_gan3d.data.formats.format import Format, Grid
from vae_gan3d.data.grids import check_shape
from vae_gan3d.errors import UserError
from vae_gan3d.files import write_text

_DIGITS = frozenset("01")
_SEPARATORS = str.maketrans(",;[]", "    ")
_THRESHOLD = 0.5


def write_text_slices(path: pathlib.Path, grid: np.ndarray) -> None:
    """Writes a grid as N blocks of N lines of N digits, one block for each index of the first axis.

    `numpy.loadtxt(path).reshape(N, N, N)` and `read_grid` read it back. Lines that begin with # number the slices.

    Args:
        path: the text file.
        grid: `[N, N, N]` bool or integer in {0, 1}.

    Raises:
        UserError: the file cannot be written.
    """
    write_text(path, _text(grid))


def _text(grid: np.ndarray) -> str:
    lines = []
    for number, block in enumerate(grid.astype(np.uint8)):
        lines.append(f"# slice {number}")
        lines.extend(" ".join(map(str, row)) for row in block)
    return "\n".join(lines) + "\n"


def parse_text_slices(text: str) -> np.ndarray:
    """Reads a grid from text, as `write_text_slices` or an older script writes it.

    Numbers are separated by blanks, commas or brackets; digits 0 and 1 may also follow each other directly. Ignored are
    the rest of a line after #, lines with a word, lines of one number among longer ones (a slice's number), and a first
    line with the three sides. The last axis varies fastest.

    Args:
        text: the file's contents; numbers in [0, 1] are probabilities, occupied above 0.5.

    Returns:
        `[N, N, N]` float64: 0, 1, and numbers outside [0, 1] unchanged, so that the caller can refuse them.

    Raises:
        UserError: there are no numbers, or not N x N x N of them; the message does not name the file.
    """
    lines = (line for line in text.splitlines() if line and not line.isspace())
    rows = [row for row in map(_parse_row, lines) if row.size]
    if any(row.size > 1 for row in rows):
        rows = [row for row in rows if row.size > 1]
    if len(rows) > 1 and rows[0].size == 3 and np.prod(rows[0]) == sum(row.size for row in rows[1:]):
        rows = rows[1:]
    if not rows:
        raise UserError("holds no line of numbers; text slices are lines of 0 and 1, N x N lines of N numbers")
    values = np.concatenate(rows)
    side = round(len(values) ** (1 / 3))
    if side**3 != len(values):
        raise UserError(
            f"holds {len(values)} numbers, which fill no N x N x N grid: it is cut short, or a line is damaged"
        )
    check_shape((side, side, side))
    is_probability = (values >= 0) & (values <= 1)
    return np.where(is_probability, values > _THRESHOLD, values).reshape(side, side, side)


def _parse_row(line: str) -> np.ndarray:
    """The numbers of a line, `[K]` float64; none if it holds a word."""
    words = line.partition("#")[0].translate(_SEPARATORS).split()
    digits = "".join(words)
    if _DIGITS.issuperset(digits):
        return np.frombuffer(digits.encode("ascii"), np.uint8).astype(np.float64) - ord("0")
    try:
        return np.array(words, np.float64)
    except ValueError:
        return np.empty(0)


# In a data folder a .txt file is a list or a note.
TEXT = Format(
    extensions=(".txt",),
    read_grid=lambda path: Grid(parse_text_slices(path.read_text(encoding="utf-8-sig", errors="replace"))),
    encode_grid=lambda grid: _text(grid).encode("ascii"),
    in_data_folders=False,
    in_results=False,
)
