"""OFF files (http://www.geomview.org/docs/html/OFF.html), in text."""

import re

import numpy as np

from vae_gan3d.data.formats.format import Format
from vae_gan3d.data.formats.polygons import (
    BYTE_ORDER_MARK,
    CUT_SHORT,
    Polygons,
    first_three_numbers,
    in_blocks,
    parse_numbers,
    plain_text,
    read_list_rows,
    without_comments,
)
from vae_gan3d.errors import UserError

_KEYWORD = re.compile(rb"\s*(ST)?(C)?(N)?(4)?(n)?OFF", re.IGNORECASE)
# Numbers of a vertex after x, y and z, by the letters before OFF: texture, color, normal.
_EXTRA_NUMBERS = (2, 4, 3)


def parse_off(data: bytes) -> Polygons:
    """Reads the contents of an OFF file, with or without its keyword.

    It may begin with ModelNet's merged line, `OFF8 12 0`. Colors, normals and texture coordinates are ignored.

    Raises:
        UserError: the file is binary or four-dimensional, or holds less than its header says; the message does not
            name the file.
        ValueError: a number is damaged.
    """
    keyword = _KEYWORD.match(data[:512].removeprefix(BYTE_ORDER_MARK))
    if keyword and data[keyword.end() :].lstrip()[:6].upper() == b"BINARY":
        raise UserError("is a binary OFF file, which is not read: save it as text")
    text = without_comments(plain_text(data))
    keyword = _KEYWORD.match(text)
    extras = keyword.groups() if keyword else (None,) * 5
    if any(extras[3:]):
        raise UserError("is an OFF file of four or more dimensions, which is not read: save it as OFF")
    lines = [line for line in text[keyword.end() if keyword else 0 :].split(b"\n") if line.strip()]
    if lines and len(lines[0].split()) == 1:  # each of the three counts has its own line
        lines = [b" ".join(lines[:3]), *lines[3:]]
    words = lines[0].split(maxsplit=3) if lines else []
    if len(words) < 2:
        raise UserError(f"{CUT_SHORT}: an OFF file begins with the numbers of vertices and faces")
    vertex_count, face_count = int(words[0]), int(words[1])
    if min(vertex_count, face_count) < 0:
        raise UserError(f"{CUT_SHORT}: its header says {vertex_count} vertices and {face_count} faces")
    if len(lines) == 1 + vertex_count + face_count:
        blocks = in_blocks(lines[1 : 1 + vertex_count])
        vertices = np.concatenate([np.empty((0, 3)), *map(first_three_numbers, blocks)])
        faces = [_face_lines(block) for block in in_blocks(lines[1 + vertex_count :])]
        corners = np.concatenate([np.empty(0), *(block[0] for block in faces)])
        counts = np.concatenate([np.empty(0, np.int64), *(block[1] for block in faces)])
    else:  # not one line for each: read number after number; faces have no colors then
        numbers = parse_numbers(b" ".join([*words[3:], *lines[1:]]))
        width = 3 + sum(size for size, letter in zip(_EXTRA_NUMBERS, extras, strict=False) if letter)
        vertices = numbers[: vertex_count * width].reshape(vertex_count, width)[:, :3]
        (corners, counts), used = read_list_rows(numbers[vertex_count * width :], face_count, 1, 0)
        if vertex_count * width + used != len(numbers):
            raise UserError(f"{CUT_SHORT}: its lines do not hold {vertex_count} vertices and {face_count} faces")
    if counts.min(initial=0) < 0 or len(corners) != counts.sum():
        raise UserError(f"{CUT_SHORT}: a face has fewer corners than it says")
    return Polygons(vertices, corners.astype(np.int64), counts)


def _face_lines(lines: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Corners and corner counts of faces, one on each line; numbers after the corners are a color."""
    rows = [line.split() for line in lines]
    counts = np.array([int(row[0]) for row in rows])
    words = (word for row, count in zip(rows, counts.tolist(), strict=True) for word in row[1:][:count])
    return parse_numbers(b" ".join(words)), counts


def _encode(vertices: np.ndarray, triangles: np.ndarray) -> bytes:
    lines = ["OFF", f"{len(vertices)} {len(triangles)} 0"]
    lines += [" ".join(f"{value:.7g}" for value in vertex) for vertex in vertices]
    lines += ["3 " + " ".join(map(str, triangle)) for triangle in triangles.tolist()]
    return ("\n".join(lines) + "\n").encode("ascii")


OFF = Format(
    extensions=(".off",),
    read_mesh=lambda path: parse_off(path.read_bytes()).to_mesh(),
    encode_mesh=_encode,
    in_results=False,
)
