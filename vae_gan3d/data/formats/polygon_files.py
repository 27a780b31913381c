"""OBJ, OFF, PLY and STL files as polygons. Only the geometry is read, and no other file is opened."""

import dataclasses
import itertools
import re
import struct
import warnings
from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np

from vae_gan3d.errors import UserError

T = TypeVar("T")
_BLOCK_ITEMS = 1 << 16
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CUT_SHORT = "the file is damaged or cut short"
_OBJ_VERTEX = re.compile(rb"^[ \t]*v[ \t]+([^\n]+)", re.MULTILINE)
_OBJ_FACE = re.compile(rb"^[ \t]*fo?[ \t]+([^\n]+)", re.MULTILINE)
_OFF_KEYWORD = re.compile(rb"\s*(ST)?(C)?(N)?(4)?(n)?OFF", re.IGNORECASE)
# What the letters before OFF add to the three numbers of a vertex: texture, color, normal.
_OFF_EXTRAS = (2, 4, 3)
_PLY_TYPES = {
    "char": "i1",
    "uchar": "u1",
    "short": "i2",
    "ushort": "u2",
    "int": "i4",
    "uint": "u4",
    "float": "f4",
    "double": "f8",
    "int8": "i1",
    "uint8": "u1",
    "int16": "i2",
    "uint16": "u2",
    "int32": "i4",
    "uint32": "u4",
    "float32": "f4",
    "float64": "f8",
}
_PLY_ORDERS = {b"ascii": "", b"binary_little_endian": "<", b"binary_big_endian": ">"}
_PLY_END = re.compile(rb"(?:^|[\r\n])end_header[ \t]*(\r\n|\r|\n|$)")
_STL_START_BYTES = 84
_STL_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_STL_VERTEX = re.compile(rb"\bvertex\s+(\S+\s+\S+\s+\S+)", re.IGNORECASE)
_STL_FACET_END = re.compile(rb"\bendloop\s+endfacet\b", re.IGNORECASE)
_STL_END = b"endsolid"


@dataclasses.dataclass(frozen=True, eq=False)
class Polygons:
    """The faces of a mesh.

    Attributes:
        vertices: `[V, 3]` float64.
        corners: `[C]` int64, numbers of vertices, polygon after polygon.
        counts: `[P]` int64, how many corners each polygon has.
    """

    vertices: np.ndarray
    corners: np.ndarray
    counts: np.ndarray


def parse_obj(data: bytes) -> Polygons:
    """Reads a Wavefront OBJ file: its vertices and faces, whatever groups, materials, lines or points it has.

    Args:
        data: the whole file.

    Returns:
        The polygons.

    Raises:
        UserError: a face names vertex 0; the message does not name the file.
        ValueError: a number is damaged.
    """
    text = _without_comments(plain_text(data)).replace(b"\\\n", b" ")
    vertices, vertex_places = [np.empty((0, 3))], [np.empty(0, np.int64)]
    for block in _blocks(_OBJ_VERTEX.finditer(text)):
        vertices.append(_first_three([match.group(1) for match in block]))
        vertex_places.append(np.array([match.start() for match in block]))
    corners, counts = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for block in _blocks(_OBJ_FACE.finditer(text)):
        # Behind a slash stand the numbers of texture coordinates and normals.
        faces = [re.sub(rb"/\S*", b"", match.group(1)) for match in block]
        numbers = _numbers(b" ".join(faces)).astype(np.int64)
        counts.append(np.array([len(face.split()) for face in faces]))
        if (numbers == 0).any():
            raise UserError("has a face with vertex number 0, but OBJ counts from 1: export the file again")
        if (numbers < 0).any():  # counted back from the newest vertex at that line
            before = np.searchsorted(np.concatenate(vertex_places), [match.start() for match in block])
            corners.append(np.where(numbers < 0, numbers + np.repeat(before, counts[-1]), numbers - 1))
        else:
            corners.append(numbers - 1)
    return Polygons(np.concatenate(vertices), np.concatenate(corners), np.concatenate(counts))


def parse_off(data: bytes) -> Polygons:
    """Reads an OFF file (http://www.geomview.org/docs/html/OFF.html), with or without its keyword.

    ModelNet's merged first line, `OFF8 12 0`, is read, and so are colors, normals and texture coordinates of vertices,
    and colors of faces, which are passed over.

    Args:
        data: the whole file.

    Returns:
        The polygons.

    Raises:
        UserError: it is a binary or four-dimensional file, or does not hold what its header promises; the message does
            not name the file.
        ValueError: a number is damaged.
    """
    keyword = _OFF_KEYWORD.match(data[:512].removeprefix(_BYTE_ORDER_MARK))
    if keyword and data[keyword.end() :].lstrip()[:6].upper() == b"BINARY":
        raise UserError("is a binary OFF file, which is not read: save it as text")
    text = _without_comments(plain_text(data))
    keyword = _OFF_KEYWORD.match(text)
    extras = keyword.groups() if keyword else (None,) * 5
    if any(extras[3:]):
        raise UserError("is an OFF file of four or more dimensions, which is not read: save it as OFF")
    lines = [line for line in text[keyword.end() if keyword else 0 :].split(b"\n") if line.strip()]
    if lines and len(lines[0].split()) == 1:  # the three counts on a line each
        lines = [b" ".join(lines[:3]), *lines[3:]]
    words = lines[0].split(maxsplit=3) if lines else []
    if len(words) < 2:
        raise UserError(f"{_CUT_SHORT}: an OFF file begins with its numbers of vertices and faces")
    vertex_count, face_count = int(words[0]), int(words[1])
    if min(vertex_count, face_count) < 0:
        raise UserError(f"{_CUT_SHORT}: it promises {vertex_count} vertices and {face_count} faces")
    if len(lines) == 1 + vertex_count + face_count:
        blocks = _blocks(lines[1 : 1 + vertex_count])
        vertices = np.concatenate([np.empty((0, 3)), *map(_first_three, blocks)])
        faces = [_off_faces(block) for block in _blocks(lines[1 + vertex_count :])]
        corners = np.concatenate([np.empty(0), *(block[0] for block in faces)])
        counts = np.concatenate([np.empty(0, np.int64), *(block[1] for block in faces)])
    else:  # not a line for each: then one number after the other, and faces have no colors
        numbers = _numbers(b" ".join([*words[3:], *lines[1:]]))
        width = 3 + sum(size for size, letter in zip(_OFF_EXTRAS, extras, strict=False) if letter)
        vertices = numbers[: vertex_count * width].reshape(vertex_count, width)[:, :3]
        (corners, counts), used = _walk_rows(numbers[vertex_count * width :], face_count, 1, 0)
        if vertex_count * width + used != len(numbers):
            raise UserError(f"{_CUT_SHORT}: its lines are not those of {vertex_count} vertices and {face_count} faces")
    if counts.min(initial=0) < 0 or len(corners) != counts.sum():
        raise UserError(f"{_CUT_SHORT}: a face has fewer corners than it says")
    return Polygons(vertices, corners.astype(np.int64), counts)


def parse_ply(data: bytes) -> Polygons:
    """Reads a PLY file, in text or binary: the elements `vertex`, `face` and `tristrips`, whatever else it holds.

    Args:
        data: the whole file.

    Returns:
        The polygons; strips as triangles.

    Raises:
        UserError: its header describes no mesh, or the file ends early; the message does not name the file.
        ValueError: a number is damaged.
    """
    data = data.removeprefix(_BYTE_ORDER_MARK)
    end = _PLY_END.search(data)
    header = re.split(rb"\r\n|\r|\n", data[: end.start()]) if end else []
    if end is None or header[0].strip() != b"ply":
        raise UserError(f"{_CUT_SHORT}: a PLY file begins with 'ply' and a header that ends in 'end_header'")
    order, elements = _ply_header(header)
    body = data[end.end() :]
    reader = _PlyText(body) if not order else _PlyBinary(body, order)
    vertices = np.empty((0, 3))
    corners, counts = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for element in elements:
        columns = reader.read(element)
        if element.name == "vertex":
            if not {"x", "y", "z"} <= columns.keys():
                raise UserError("has vertices without x, y and z: export it again as a mesh")
            vertices = np.stack([np.asarray(columns[axis], np.float64) for axis in "xyz"], axis=1)
        elif element.name in ("face", "tristrips"):
            indices = columns.get("vertex_indices", columns.get("vertex_index"))
            if not isinstance(indices, tuple):
                raise UserError(f"has an element {element.name!r} without vertex_indices: export it again as a mesh")
            if element.name == "tristrips":
                indices = _strip_triangles(*indices)
            corners.append(indices[0].astype(np.int64))
            counts.append(indices[1])
    return Polygons(vertices, np.concatenate(corners), np.concatenate(counts))


def parse_stl(data: bytes) -> Polygons:
    """Reads an STL file, in text or binary.

    A binary file may have bytes behind its triangles, and one that says 0 triangles has as many as its length tells; a
    text may lack its `endsolid` where its surface is closed, so that no facet can be missing.

    Args:
        data: the whole file.

    Returns:
        The triangles, each with corners of its own.

    Raises:
        UserError: the file is cut short; the message does not name the file.
        ValueError: a number is damaged.
    """
    promised = int.from_bytes(data[_STL_START_BYTES - 4 : _STL_START_BYTES], "little")
    size = len(data) - _STL_START_BYTES
    is_exact = size == promised * _STL_TRIANGLE.itemsize and len(data) > _STL_START_BYTES
    text = data.removeprefix(_BYTE_ORDER_MARK) if is_exact else plain_text(data)
    if not is_exact and text[:512].lstrip()[:5].lower() == b"solid" and _STL_VERTEX.search(text):
        blocks = _blocks(_STL_VERTEX.finditer(text))
        points = np.concatenate([_numbers(b" ".join(match.group(1) for match in block)) for block in blocks])
        points = points.reshape(-1, 3)
        ends = [match.end() for match in _STL_FACET_END.finditer(text)]
        rest = text[ends[-1] if ends else 0 :].strip().lower()
        if len(points) != 3 * len(ends) or not (rest.startswith(_STL_END) or _STL_END.startswith(rest)):
            raise UserError(f"{_CUT_SHORT}: a facet has three vertices and ends in 'endloop' and 'endfacet'")
        if not rest.startswith(_STL_END) and not _is_closed(points):
            raise UserError(f"{_CUT_SHORT}: it lacks its 'endsolid', and its surface has holes")
    elif size < 0:
        raise UserError(f"{_CUT_SHORT}: it holds no facets")
    else:
        if promised == 0:
            promised = size // _STL_TRIANGLE.itemsize
        if promised * _STL_TRIANGLE.itemsize > size:
            held = size // _STL_TRIANGLE.itemsize
            raise UserError(f"{_CUT_SHORT}: it promises {promised} triangles and holds {held}")
        triangles = np.frombuffer(data, _STL_TRIANGLE, promised, _STL_START_BYTES)
        points = triangles["corners"].reshape(-1, 3).astype(np.float64)
    return Polygons(points, np.arange(len(points)), np.full(len(points) // 3, 3))


def _is_closed(points: np.ndarray) -> bool:
    """Whether every edge of triangles `[3 T, 3]` belongs to an even number of them."""
    corners = np.unique(points, axis=0, return_inverse=True)[1].reshape(-1, 3)
    edges = np.sort(np.concatenate([corners[:, :2], corners[:, 1:], corners[:, ::2]]), axis=1)
    return not (np.unique(edges, axis=0, return_counts=True)[1] % 2).any()


def plain_text(data: bytes) -> bytes:
    """A text file as UTF-8 without a byte-order mark, each line ended by a line feed."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = data.decode("utf-16").encode()
    return data.removeprefix(_BYTE_ORDER_MARK).replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _without_comments(text: bytes) -> bytes:
    return re.sub(rb"#[^\n]*", b"", text) if b"#" in text else text


def _numbers(text: bytes) -> np.ndarray:
    """The numbers of a text, parted by white space, `[K]` float64."""
    if not text or text.isspace():  # of which NumPy makes -1
        return np.empty(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # NumPy 1 only warns of what is no number
        try:
            return np.fromstring(text, sep=" ")
        except (ValueError, DeprecationWarning) as error:
            raise ValueError("a word stands where a number should") from error


def _blocks(items: Iterable[T]) -> Iterator[list[T]]:
    """The items in lists of a bounded length, so that words of a large text are not all held at a time."""
    iterator = iter(items)
    while block := list(itertools.islice(iterator, _BLOCK_ITEMS)):
        yield block


def _off_faces(lines: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """The corners and counts of faces, a line each; what stands behind the corners is a color."""
    rows = [line.split() for line in lines]
    counts = np.array([int(row[0]) for row in rows])
    words = (word for row, count in zip(rows, counts.tolist(), strict=True) for word in row[1:][:count])
    return _numbers(b" ".join(words)), counts


def _first_three(lines: list[bytes]) -> np.ndarray:
    """The first three numbers of each line, `[K, 3]` float64."""
    return _numbers(b" ".join(b" ".join(line.split(maxsplit=3)[:3]) for line in lines)).reshape(len(lines), 3)


@dataclasses.dataclass(frozen=True)
class _PlyProperty:
    """One property of a PLY element; `size_type` is the type of a list's length, None for a single number."""

    name: str
    type: str
    size_type: str | None


@dataclasses.dataclass(frozen=True)
class _PlyElement:
    name: str
    count: int
    properties: list[_PlyProperty]


# The values of each property by its name: [N] numbers, or the numbers of all lists [C] and their lengths [N].
_PlyColumns = dict[str, np.ndarray | tuple[np.ndarray, np.ndarray]]


def _ply_header(lines: list[bytes]) -> tuple[str, list[_PlyElement]]:
    """The byte order ("" for text), and the elements."""
    order, elements = None, list[_PlyElement]()
    for line in lines[1:]:
        match line.split():
            case [b"format", name, _]:
                order = _PLY_ORDERS.get(name)
            case [b"element", name, count]:
                elements.append(_PlyElement(name.decode("latin-1"), int(count), []))
            case [b"property", b"list", size, kind, name]:
                size_type, value_type = (_PLY_TYPES[word.decode("latin-1")] for word in (size, kind))
                elements[-1].properties.append(_PlyProperty(name.decode("latin-1"), value_type, size_type))
            case [b"property", kind, name]:
                elements[-1].properties.append(
                    _PlyProperty(name.decode("latin-1"), _PLY_TYPES[kind.decode("latin-1")], None)
                )
    if order is None or any(element.count < 0 for element in elements):
        raise UserError(f"{_CUT_SHORT}: its header has no format, or a negative count")
    return order, elements


class _PlyText:
    """The numbers of a PLY file in text; rows may be broken into lines in any way."""

    def __init__(self, body: bytes) -> None:
        self._numbers = _numbers(body)
        self._place = 0

    def read(self, element: _PlyElement) -> _PlyColumns:
        """The values of the next element."""
        columns: _PlyColumns = {}
        lists = [place for place, item in enumerate(element.properties) if item.size_type]
        rest = self._numbers[self._place :]
        if not lists:
            width = len(element.properties)
            rows = _exactly(rest, element.count * width).reshape(element.count, width)
            self._place += rows.size
            return {item.name: rows[:, place] for place, item in enumerate(element.properties)}
        if len(lists) == 1:
            item = element.properties[lists[0]]
            found, used = _walk_rows(rest, element.count, lists[0] + 1, len(element.properties) - lists[0] - 1)
            self._place += used
            return {item.name: found}
        found_lists: dict[str, list[np.ndarray]] = {element.properties[place].name: [] for place in lists}
        for _ in range(element.count):
            for item in element.properties:
                size = 1
                if item.size_type:
                    size = int(_exactly(self._numbers[self._place :], 1)[0])
                    self._place += 1
                values = _exactly(self._numbers[self._place :], size)
                self._place += size
                if item.size_type:
                    found_lists[item.name].append(values)
        for name, parts in found_lists.items():
            columns[name] = _joined(parts)
        return columns


class _PlyBinary:
    """The bytes of a binary PLY file."""

    def __init__(self, body: bytes, order: str) -> None:
        self._body = body
        self._order = order
        self._place = 0

    def read(self, element: _PlyElement) -> _PlyColumns:
        """The values of the next element."""
        if not element.count:
            return {item.name: self._nothing(item) for item in element.properties}
        sizes = [0] * len(element.properties)
        for place, item in enumerate(element.properties):  # of the first row
            if item.size_type:
                head = np.dtype(self._row_type(element.properties[:place], sizes))
                size_type = np.dtype(self._order + item.size_type)
                (size,) = _bytes_as(self._body, size_type, 1, self._place + head.itemsize)
                sizes[place] = int(size)
        row = np.dtype(self._row_type(element.properties, sizes))
        lists = [place for place, item in enumerate(element.properties) if item.size_type]
        if not lists or len(self._body) - self._place >= element.count * row.itemsize:
            rows = _bytes_as(self._body, row, element.count, self._place)
            if all((rows[f"size{place}"] == sizes[place]).all() for place in lists):  # all rows are of one length
                self._place += element.count * row.itemsize
                return {
                    item.name: (rows[f"value{place}"].reshape(-1), rows[f"size{place}"].astype(np.int64))
                    if item.size_type
                    else rows[f"value{place}"]
                    for place, item in enumerate(element.properties)
                }
        return dict(self._walk(element))

    def _walk(self, element: _PlyElement) -> Iterator[tuple[str, np.ndarray | tuple[np.ndarray, np.ndarray]]]:
        """Reads rows of unequal lengths one by one; of these only lists are needed."""
        readers = [
            (item, struct.Struct(self._order + _STRUCT_LETTERS[item.size_type]) if item.size_type else None)
            for item in element.properties
        ]
        parts: dict[str, list[np.ndarray]] = {item.name: [] for item, size in readers if size}
        for _ in range(element.count):
            for item, size_reader in readers:
                size = 1
                if size_reader:
                    (size,) = size_reader.unpack_from(self._body, self._place)
                    self._place += size_reader.size
                dtype = np.dtype(self._order + item.type)
                if size_reader:
                    parts[item.name].append(_bytes_as(self._body, dtype, size, self._place))
                self._place += size * dtype.itemsize
        for name, values in parts.items():
            yield name, _joined(values)

    def _row_type(self, properties: list[_PlyProperty], sizes: list[int]) -> list[tuple]:
        """A row's fields, where the lists have these sizes."""
        fields: list[tuple] = []
        for place, (item, size) in enumerate(zip(properties, sizes, strict=False)):
            if item.size_type:
                fields += [(f"size{place}", self._order + item.size_type)]
                fields += [(f"value{place}", self._order + item.type, (size,))]
            else:
                fields.append((f"value{place}", self._order + item.type))
        return fields

    def _nothing(self, item: _PlyProperty) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        empty = np.empty(0, item.type)
        return (empty, np.empty(0, np.int64)) if item.size_type else empty


_STRUCT_LETTERS = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "f4": "f", "f8": "d"}


def _walk_rows(numbers: np.ndarray, count: int, before: int, after: int) -> tuple[tuple[np.ndarray, np.ndarray], int]:
    """Reads rows with one list each out of a row of numbers.

    Args:
        numbers: `[K]`.
        count: how many rows.
        before: numbers of a row up to and with the list's length.
        after: numbers of a row behind the list.

    Returns:
        The lists' numbers `[C]` and their lengths `[count]`; and how many numbers were read.
    """
    if not count:
        return (np.empty(0), np.empty(0, np.int64)), 0
    _exactly(numbers, count * before)  # before room is made for so many
    size = int(_exactly(numbers, before)[-1])
    width = before + max(size, 0) + after
    if len(numbers) >= count * width:
        rows = numbers[: count * width].reshape(count, width)
        if (rows[:, before - 1] == size).all():  # as in meshes of triangles alone
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
        raise UserError(f"{_CUT_SHORT}: it ends in face {row} of {count}") from error
    if place > len(numbers) or sizes.min() < 0:
        raise UserError(f"{_CUT_SHORT}: it ends in face {count} of {count}")
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return (numbers[np.repeat(starts, sizes) + within], sizes), place


def _strip_triangles(corners: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The triangles of strips, each ended by -1 or by its list; every second one is turned, as a strip turns it."""
    found = [np.empty((0, 3), np.int64)]
    ends = np.cumsum(counts)
    for strip in np.split(corners.astype(np.int64), ends[:-1]):
        for part in np.split(strip, np.flatnonzero(strip < 0)):
            part = part[part >= 0]
            if len(part) >= 3:
                triangles = np.stack([part[:-2], part[1:-1], part[2:]], axis=1)
                triangles[1::2] = triangles[1::2, [1, 0, 2]]
                found.append(triangles)
    triangles = np.concatenate(found)
    return triangles.reshape(-1), np.full(len(triangles), 3)


def _joined(parts: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Lists one after the other, and their lengths."""
    return np.concatenate([np.empty(0), *parts]), np.fromiter(map(len, parts), np.int64, len(parts))


def _exactly(numbers: np.ndarray, count: int) -> np.ndarray:
    """The first so many numbers, and no fewer."""
    if count < 0 or len(numbers) < count:
        raise UserError(f"{_CUT_SHORT}: {count} numbers should follow, and {len(numbers)} do")
    return numbers[:count]


def _bytes_as(data: bytes, dtype: np.dtype, count: int, offset: int) -> np.ndarray:
    """So many numbers from a place of the data on."""
    if count < 0 or len(data) - offset < count * dtype.itemsize:
        raise UserError(f"{_CUT_SHORT}: {count} numbers should follow at byte {offset} of its data")
    return np.frombuffer(data, dtype, count, offset)
