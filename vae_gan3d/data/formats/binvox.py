"""`.binvox` files (https://www.patrickmin.com/binvox/binvox.html): a text header, then run lengths."""

import re

import numpy as np

from vae_gan3d.data.formats.format import Format, Grid
from vae_gan3d.data.grids import check_sides
from vae_gan3d.errors import UserError

_HEADER = re.compile(rb"#binvox 1\r?\n((?:[^\n]*\n)*?)data\r?\n")
_DIMENSIONS = re.compile(rb"^dim[ \t]+([0-9]{1,6})[ \t]+([0-9]{1,6})[ \t]+([0-9]{1,6})[ \t\r]*$", re.MULTILINE)
_NUMBER = rb"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?"
_PLACEMENT = re.compile(rb"^(translate|scale)((?:[ \t]+%s)+)[ \t\r]*$" % _NUMBER, re.MULTILINE)
_LONGEST_HEADER = 1000
_LONGEST_RUN = 255


def parse_binvox(data: bytes) -> Grid:
    """Reads the contents of a `.binvox` file.

    Voxels are stored with y fastest, then z, then x. `translate` and `scale` place the grid in the world: its low
    corner, and the length of its sides.

    Args:
        data: the whole file.

    Returns:
        The grid, `[X, Y, Z]` uint8, in the axes of the mesh that it was made from. It is centred if the middle of the
        grid is the origin of the world, as in files of `encode_binvox`. The program binvox leaves a shape where its
        mesh was.

    Raises:
        UserError: it is not a binvox file, too large, or cut short; the message does not name the file.
    """
    header = _HEADER.match(data[:_LONGEST_HEADER])
    dimensions = _DIMENSIONS.search(header.group(1)) if header else None
    if header is None or dimensions is None:
        raise UserError("is not a binvox file, which begins with '#binvox 1' and 'dim N N N': fetch or write it again")
    x, z, y = (int(text) for text in dimensions.groups())
    check_sides((x, y, z))
    runs = np.frombuffer(data, np.uint8, offset=header.end())
    if len(runs) % 2 or int(runs[1::2].sum(dtype=np.int64)) != x * y * z:
        raise UserError(f"its run lengths do not fill {x}x{y}x{z} voxels: the file is cut short or damaged")
    grid = np.repeat(runs[::2], runs[1::2]).reshape(x, z, y).transpose(0, 2, 1)
    return Grid(grid, _is_centred(header.group(1), grid))


def _is_centred(header: bytes, grid: np.ndarray) -> bool:
    """Whether a header says that the grid's middle is the origin of the world."""
    found = {match[1]: np.array(match[2].split(), np.float64) for match in _PLACEMENT.finditer(header)}
    translate, scale = found.get(b"translate", np.zeros(3)), found.get(b"scale", np.ones(1))
    if np.allclose(translate, -scale / 2, rtol=0, atol=1e-6 * abs(scale[0])):
        return True
    # Earlier versions of this program wrote 0 0 0 and 1. So does the program binvox for a mesh in the unit cube, but
    # then the shape begins at the low corner.
    is_in_corner = all(np.atleast_1d(grid.any(axis=others))[0] for others in ((1, 2), (0, 2), (0, 1)))
    return not translate.any() and scale[0] == 1 and not is_in_corner


def encode_binvox(grid: np.ndarray) -> bytes:
    """The contents of a `.binvox` file.

    Args:
        grid: `[X, Y, Z]` uint8 in {0, 1}.

    Returns:
        Bytes from which `parse_binvox` reads the grid; the grid's middle is the origin of the world.
    """
    x, y, z = grid.shape
    values = np.ascontiguousarray(grid.transpose(0, 2, 1)).reshape(-1)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(values)) + 1])
    lengths = np.diff(np.append(starts, values.size))
    # A length takes one byte: a long run is split into runs of 255 and a rest.
    full, rest = lengths // _LONGEST_RUN, lengths % _LONGEST_RUN
    pieces = full + (rest > 0)
    counts = np.full(pieces.sum(), _LONGEST_RUN, np.uint8)
    counts[(np.cumsum(pieces) - 1)[rest > 0]] = rest[rest > 0]
    runs = np.stack([np.repeat(values[starts], pieces), counts], axis=1)
    header = f"#binvox 1\ndim {x} {z} {y}\ntranslate -0.5 -0.5 -0.5\nscale 1\ndata\n"
    return header.encode("ascii") + runs.astype(np.uint8).tobytes()


BINVOX = Format(
    extensions=(".binvox",),
    read_grid=lambda path: parse_binvox(path.read_bytes()),
    encode_grid=encode_binvox,
    has_up_axis=True,
)
