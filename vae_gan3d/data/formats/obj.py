"""Wavefront OBJ files: their vertices and faces. Groups, materials, lines and points are ignored."""

import re

import numpy as np

from vae_gan3d.data.formats.format import Format
from vae_gan3d.data.formats.polygons import (
    Polygons,
    first_three_numbers,
    in_blocks,
    parse_numbers,
    plain_text,
    without_comments,
)
from vae_gan3d.errors import UserError
from vae_gan3d.files import PROGRAM

_VERTEX = re.compile(rb"^[ \t]*v[ \t]+([^\n]+)", re.MULTILINE)
_FACE = re.compile(rb"^[ \t]*fo?[ \t]+([^\n]+)", re.MULTILINE)


def parse_obj(data: bytes) -> Polygons:
    """Reads the contents of an OBJ file.

    Raises:
        UserError: a face names vertex 0; the message does not name the file.
        ValueError: a number is damaged.
    """
    text = without_comments(plain_text(data)).replace(b"\\\n", b" ")
    vertices, vertex_places = [np.empty((0, 3))], [np.empty(0, np.int64)]
    for block in in_blocks(_VERTEX.finditer(text)):
        vertices.append(first_three_numbers([match.group(1) for match in block]))
        vertex_places.append(np.array([match.start() for match in block]))
    corners, counts = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for block in in_blocks(_FACE.finditer(text)):
        # Numbers after a slash are texture coordinates and normals.
        faces = [re.sub(rb"/\S*", b"", match.group(1)) for match in block]
        numbers = parse_numbers(b" ".join(faces)).astype(np.int64)
        counts.append(np.array([len(face.split()) for face in faces]))
        if (numbers == 0).any():
            raise UserError("has a face with vertex number 0, but OBJ counts from 1: export the file again")
        if (numbers < 0).any():  # counts back from the last vertex before that line
            before = np.searchsorted(np.concatenate(vertex_places), [match.start() for match in block])
            corners.append(np.where(numbers < 0, numbers + np.repeat(before, counts[-1]), numbers - 1))
        else:
            corners.append(numbers - 1)
    return Polygons(np.concatenate(vertices), np.concatenate(corners), np.concatenate(counts))


def _encode(vertices: np.ndarray, triangles: np.ndarray) -> bytes:
    """A file with smooth normals."""
    import trimesh  # optional package
    from trimesh.exchange import obj

    mesh = trimesh.Trimesh(vertices, triangles, process=False)
    text = obj.export_obj(mesh, include_normals=True, include_color=False, include_texture=False, header=PROGRAM)
    return text.encode("ascii")


OBJ = Format(
    extensions=(".obj",),
    read_mesh=lambda path: parse_obj(path.read_bytes()).to_mesh(),
    encode_mesh=_encode,
)
