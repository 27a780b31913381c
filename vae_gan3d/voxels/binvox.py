"""`.binvox` files (https://www.patrickmin.com/binvox/binvox.html): a header in text, then run lengths."""

import re

import numpy as np

from vae_gan3d.errors import UserError
from vae_gan3d.voxels.cubes import check_sides

_HEADER = re.compile(rb"#binvox 1\r?\n((?:[^\n]*\n)*?)data\r?\n")
_DIMENSIONS = re.compile(rb"^dim[ \t]+([0-9]{1,6})[ \t]+([0-9]{1,6})[ \t]+([0-9]{1,6})[ \t\r]*$", re.MULTILINE)
_LONGEST_HEADER = 1000
_LONGEST_RUN = 255


def parse_binvox(data: bytes) -> np.ndarray:
    """Reads the contents of a `.binvox` file.

    The file counts voxels with y fastest, then z, then x. `translate` and `scale`, which say where the grid lay in its
    mesh, are passed over.

    Args:
        data: the whole file.

    Returns:
        `[X, Y, Z]` uint8 as stored, in the axes of the mesh that it was made of.

    Raises:
        UserError: it is no such file, too large, or cut short; the message does not name the file.
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
    return np.repeat(runs[::2], runs[1::2]).reshape(x, z, y).transpose(0, 2, 1)


def encode_binvox(grid: np.ndarray) -> bytes:
    """The contents of a `.binvox` file.

    Args:
        grid: `[X, Y, Z]` uint8 in {0, 1}.

    Returns:
        Bytes from which `parse_binvox` reads the grid; `translate` is 0 and `scale` 1.
    """
    x, y, z = grid.shape
    values = np.ascontiguousarray(grid.transpose(0, 2, 1)).reshape(-1)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(values)) + 1])
    lengths = np.diff(np.append(starts, values.size))
    # A length takes one byte: a long run is several of 255 and a rest.
    full, rest = lengths // _LONGEST_RUN, lengths % _LONGEST_RUN
    pieces = full + (rest > 0)
    counts = np.full(pieces.sum(), _LONGEST_RUN, np.uint8)
    counts[(np.cumsum(pieces) - 1)[rest > 0]] = rest[rest > 0]
    runs = np.stack([np.repeat(values[starts], pieces), counts], axis=1)
    header = f"#binvox 1\ndim {x} {z} {y}\ntranslate 0 0 0\nscale 1\ndata\n"
    return header.encode("ascii") + runs.astype(np.uint8).tobytes()
