"""STL files, in text or binary."""

import re

import numpy as np

from vae_gan3d.data.formats.format import Format
from vae_gan3d.data.formats.polygons import (
    BYTE_ORDER_MARK,
    CUT_SHORT,
    Polygons,
    in_blocks,
    parse_numbers,
    plain_text,
)
from vae_gan3d.errors import UserError
from vae_gan3d.files import PROGRAM

_HEADER_BYTES = 80
_START_BYTES = _HEADER_BYTES + 4  # and the number of triangles
_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_VERTEX = re.compile(rb"\bvertex\s+(\S+\s+\S+\s+\S+)", re.IGNORECASE)
_FACET_END = re.compile(rb"\bendloop\s+endfacet\b", re.IGNORECASE)
_END = b"endsolid"


def parse_stl(data: bytes) -> Polygons:
    """Reads the contents of an STL file.

    A binary file may have bytes after its triangles. If it says 0 triangles, its length gives their number. A text file
    may lack `endsolid` if its surface is closed, because then no facet is missing.

    Returns:
        The triangles, each with its own three vertices.

    Raises:
        UserError: the file is cut short; the message does not name the file.
        ValueError: a number is damaged.
    """
    stated = int.from_bytes(data[_START_BYTES - 4 : _START_BYTES], "little")
    size = len(data) - _START_BYTES
    is_exact = size == stated * _TRIANGLE.itemsize and len(data) > _START_BYTES
    text = data.removeprefix(BYTE_ORDER_MARK) if is_exact else plain_text(data)
    if not is_exact and text[:512].lstrip()[:5].lower() == b"solid" and _VERTEX.search(text):
        blocks = in_blocks(_VERTEX.finditer(text))
        points = np.concatenate([parse_numbers(b" ".join(match.group(1) for match in block)) for block in blocks])
        points = points.reshape(-1, 3)
        ends = [match.end() for match in _FACET_END.finditer(text)]
        rest = text[ends[-1] if ends else 0 :].strip().lower()
        if len(points) != 3 * len(ends) or not (rest.startswith(_END) or _END.startswith(rest)):
            raise UserError(f"{CUT_SHORT}: a facet has three vertices and ends in 'endloop' and 'endfacet'")
        if not rest.startswith(_END) and not _is_closed(points):
            raise UserError(f"{CUT_SHORT}: it lacks its 'endsolid', and its surface has holes")
    elif size < 0:
        raise UserError(f"{CUT_SHORT}: it holds no facets")
    else:
        if stated == 0:
            stated = size // _TRIANGLE.itemsize
        if stated * _TRIANGLE.itemsize > size:
            held = size // _TRIANGLE.itemsize
            raise UserError(f"{CUT_SHORT}: it says {stated} triangles and holds {held}")
        triangles = np.frombuffer(data, _TRIANGLE, stated, _START_BYTES)
        points = triangles["corners"].reshape(-1, 3).astype(np.float64)
    return Polygons(points, np.arange(len(points)), np.full(len(points) // 3, 3))


def _is_closed(points: np.ndarray) -> bool:
    """Whether every edge of triangles `[3 T, 3]` belongs to an even number of them."""
    corners = np.unique(points, axis=0, return_inverse=True)[1].reshape(-1, 3)
    edges = np.sort(np.concatenate([corners[:, :2], corners[:, 1:], corners[:, ::2]]), axis=1)
    return not (np.unique(edges, axis=0, return_counts=True)[1] % 2).any()


def _encode(vertices: np.ndarray, triangles: np.ndarray) -> bytes:
    """A binary file."""
    import trimesh  # optional package
    from trimesh.exchange import stl

    mesh = trimesh.Trimesh(vertices, triangles, process=False)
    # A header that begins with "solid" would mean an STL file in text.
    return PROGRAM.encode("ascii").ljust(_HEADER_BYTES, b"\0") + stl.export_stl(mesh)[_HEADER_BYTES:]


STL = Format(
    extensions=(".stl",),
    read_mesh=lambda path: parse_stl(path.read_bytes()).to_mesh(),
    encode_mesh=_encode,
)
