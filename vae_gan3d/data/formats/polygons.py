"""Meshes of polygons: cutting them into triangles, and reading numbers from text files."""

import dataclasses
import itertools
import re
import warnings
from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np

from vae_gan3d.data.formats.format import Mesh, check_triangle_count
from vae_gan3d.errors import UserError

T = TypeVar("T")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
CUT_SHORT = "the file is damaged or cut short"
# Formats of polygons need it to read faces of five corners or more.
_BLOCK_ITEMS = 1 << 16


@dataclasses.dataclass(frozen=True, eq=False)
class Polygons:
    """The faces of a mesh.

    Attributes:
        vertices: `[V, 3]` float64.
        corners: `[C]` int64, vertex indices, polygon after polygon.
        counts: `[P]` int64, corners of each polygon.
    """

    vertices: np.ndarray
    corners: np.ndarray
    counts: np.ndarray

    def to_mesh(self) -> Mesh:
        """The mesh of triangles, see `cut_polygons`."""
        return Mesh(self.vertices, cut_polygons(self))


def cut_polygons(polygons: Polygons) -> np.ndarray:
    """Cuts polygons into triangles, also concave polygons and polygons around holes (ear clipping, mapbox/earcut).

    Args:
        polygons: polygons of one or two corners are left out.

    Returns:
        Triangles `[T, 3]` int64, with the orientation of their polygons.

    Raises:
        UserError: a polygon names a vertex that does not exist, or there are too many triangles; the message does not
            name the file.
    """
    corners, counts = polygons.corners, polygons.counts
    if len(corners) and (corners.min() < 0 or corners.max() >= len(polygons.vertices)):
        raise UserError(
            f"names a vertex that does not exist (of {len(polygons.vertices)}): fetch or write the file again"
        )
    check_triangle_count(int(np.maximum(counts - 2, 0).sum()))
    starts = np.cumsum(counts) - counts
    pieces = [corners[starts[counts == 3, np.newaxis] + np.arange(3)]]
    fours = starts[counts == 4, np.newaxis] + np.arange(4)
    if len(fours):
        pieces.append(_cut_quads(polygons.vertices, corners[fours]))
    if (many := counts > 4).any():
        pieces += _cut_by_ears(polygons.vertices, corners, starts[many], counts[many])
    return np.concatenate(pieces)


def _cut_quads(vertices: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """Cuts quads `[Q, 4]` along the diagonal from their first corner, or along the other one if it lies outside."""
    a, b, c, d = (vertices[quads[:, corner]] for corner in range(4))
    normals = np.cross(c - a, d - b)
    first = np.einsum("qi,qi->q", np.cross(b - a, c - a), normals)
    second = np.einsum("qi,qi->q", np.cross(c - a, d - a), normals)
    is_outside = (first < 0) | (second < 0)
    turned = np.where(is_outside[:, np.newaxis], np.roll(quads, -1, axis=1), quads)
    return np.concatenate([turned[:, [0, 1, 2]], turned[:, [0, 2, 3]]])


def _cut_by_ears(vertices: np.ndarray, corners: np.ndarray, starts: np.ndarray, counts: np.ndarray) -> list[np.ndarray]:
    """Cuts polygons of five corners or more, each projected along the axis of its largest normal component."""
    import mapbox_earcut  # optional package

    pieces = []
    for start, count in zip(starts.tolist(), counts.tolist(), strict=True):
        polygon = corners[start : start + count]
        points = vertices[polygon] - vertices[polygon[0]]
        normal = np.cross(points, np.roll(points, -1, axis=0)).sum(axis=0)
        axis = int(np.abs(normal).argmax())
        # Seen from the side where its corners go counter-clockwise.
        u, v = ((axis + 1) % 3, (axis + 2) % 3) if normal[axis] >= 0 else ((axis + 2) % 3, (axis + 1) % 3)
        flat = np.ascontiguousarray(points[:, [u, v]])
        pieces.append(polygon[mapbox_earcut.triangulate_float64(flat, np.array([count], np.uint32)).reshape(-1, 3)])
    return pieces


def plain_text(data: bytes) -> bytes:
    """A text file as UTF-8 without a byte-order mark, with line feeds at the ends of lines."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = data.decode("utf-16").encode()
    return data.removeprefix(BYTE_ORDER_MARK).replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def without_comments(text: bytes) -> bytes:
    """A text without what follows `#` in each line."""
    return re.sub(rb"#[^\n]*", b"", text) if b"#" in text else text


def parse_numbers(text: bytes) -> np.ndarray:
    """The numbers of a text, separated by white space, `[K]` float64."""
    if not text or text.isspace():  # NumPy would give -1
        return np.empty(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # NumPy 1 only warns of words
        try:
            return np.fromstring(text, sep=" ")
        except (ValueError, DeprecationWarning) as error:
            raise ValueError("found a word in place of a number") from error


def in_blocks(items: Iterable[T]) -> Iterator[list[T]]:
    """The items in lists of bounded length, so that not all words of a large text are in memory at once."""
    iterator = iter(items)
    while block := list(itertools.islice(iterator, _BLOCK_ITEMS)):
        yield block


def first_three_numbers(lines: list[bytes]) -> np.ndarray:
    """The first three numbers of each line, `[K, 3]` float64."""
    return parse_numbers(b" ".join(b" ".join(line.split(maxsplit=3)[:3]) for line in lines)).reshape(len(lines), 3)


def read_list_rows(
    numbers: np.ndarray, count: int, before: int, after: int
) -> tuple[tuple[np.ndarray, np.ndarray], int]:
    """Reads rows that hold one list each, with the list's length before it.

    Args:
        numbers: `[K]`, all rows one after the other.
        count: number of rows.
        before: numbers in a row up to the list's length, which is the last of them.
        after: numbers in a row after the list.

    Returns:
        The lists' numbers `[C]` and their lengths `[count]`; and how many numbers were read.

    Raises:
        UserError: the numbers end too early.
    """
    if not count:
        return (np.empty(0), np.empty(0, np.int64)), 0
    take_numbers(numbers, count * before)  # before allocating memory for them
    size = int(take_numbers(numbers, before)[-1])
    width = before + max(size, 0) + after
    if len(numbers) >= count * width:
        rows = numbers[: count * width].reshape(count, width)
        if (rows[:, before - 1] == size).all():  # such as meshes of triangles only
            return (rows[:, before : before + size].reshape(-1), np.full(count, size)), count * width
    starts, sizes = np.empty(count, np.int64), np.empty(count, np.int64)
    place = 0
    values = numbers.tolist()
    try:
        for row in range(count):
            place += before
            starts[row], sizes[row] = place, values[place - 1]
            place += int(values[place - 1]) + after
    except IndexError as error:
        raise UserError(f"{CUT_SHORT}: it ends in face {row} of {count}") from error
    if place > len(numbers) or sizes.min() < 0:
        raise UserError(f"{CUT_SHORT}: it ends in face {count} of {count}")
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return (numbers[np.repeat(starts, sizes) + within], sizes), place


def take_numbers(numbers: np.ndarray, count: int) -> np.ndarray:
    """The first `count` numbers; refuses fewer."""
    if count < 0 or len(numbers) < count:
        raise UserError(f"{CUT_SHORT}: {count} numbers should follow, and {len(numbers)} do")
    return numbers[:count]
