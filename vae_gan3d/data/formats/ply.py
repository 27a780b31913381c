"""PLY files, in text or binary: the elements `vertex`, `face` and `tristrips`."""

import dataclasses
import re
import struct
from collections.abc import Iterator

import numpy as np

from vae_gan3d.data.formats.format import Format
from vae_gan3d.data.formats.polygons import (
    BYTE_ORDER_MARK,
    CUT_SHORT,
    Polygons,
    parse_numbers,
    read_list_rows,
    take_numbers,
)
from vae_gan3d.errors import UserError
from vae_gan3d.files import PROGRAM

_TYPES = {
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
_ORDERS = {b"ascii": "", b"binary_little_endian": "<", b"binary_big_endian": ">"}
_END = re.compile(rb"(?:^|[\r\n])end_header[ \t]*(\r\n|\r|\n|$)")
_STRUCT_LETTERS = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "f4": "f", "f8": "d"}


def parse_ply(data: bytes) -> Polygons:
    """Reads the contents of a PLY file: the elements `vertex`, `face` and `tristrips`.

    Returns:
        The polygons; strips are cut into triangles.

    Raises:
        UserError: its header describes no mesh, or the file ends too early; the message does not name the file.
        ValueError: a number is damaged.
    """
    data = data.removeprefix(BYTE_ORDER_MARK)
    end = _END.search(data)
    header = re.split(rb"\r\n|\r|\n", data[: end.start()]) if end else []
    if end is None or header[0].strip() != b"ply":
        raise UserError(f"{CUT_SHORT}: a PLY file begins with 'ply' and a header that ends in 'end_header'")
    order, elements = _parse_header(header)
    body = data[end.end() :]
    reader = _TextBody(body) if not order else _BinaryBody(body, order)
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


@dataclasses.dataclass(frozen=True)
class _Property:
    """A property of an element; `size_type` is the type of a list's length, None for a single number."""

    name: str
    type: str
    size_type: str | None


@dataclasses.dataclass(frozen=True)
class _Element:
    name: str
    count: int
    properties: list[_Property]


# Values by property: [N] numbers, or the numbers of all lists [C] and their lengths [N].
_Columns = dict[str, np.ndarray | tuple[np.ndarray, np.ndarray]]


def _parse_header(lines: list[bytes]) -> tuple[str, list[_Element]]:
    """The byte order ("" for text), and the elements."""
    order, elements = None, list[_Element]()
    for line in lines[1:]:
        match line.split():
            case [b"format", name, _]:
                order = _ORDERS.get(name)
            case [b"element", name, count]:
                elements.append(_Element(name.decode("latin-1"), int(count), []))
            case [b"property", b"list", size, kind, name]:
                size_type, value_type = (_TYPES[word.decode("latin-1")] for word in (size, kind))
                elements[-1].properties.append(_Property(name.decode("latin-1"), value_type, size_type))
            case [b"property", kind, name]:
                elements[-1].properties.append(_Property(name.decode("latin-1"), _TYPES[kind.decode("latin-1")], None))
    if order is None or any(element.count < 0 for element in elements):
        raise UserError(f"{CUT_SHORT}: its header has no format, or a negative count")
    return order, elements


class _TextBody:
    """The numbers of a PLY file in text; rows may be broken into lines in any way."""

    def __init__(self, body: bytes) -> None:
        self._numbers = parse_numbers(body)
        self._place = 0

    def read(self, element: _Element) -> _Columns:
        """The values of the next element."""
        columns: _Columns = {}
        lists = [place for place, item in enumerate(element.properties) if item.size_type]
        rest = self._numbers[self._place :]
        if not lists:
            width = len(element.properties)
            rows = take_numbers(rest, element.count * width).reshape(element.count, width)
            self._place += rows.size
            return {item.name: rows[:, place] for place, item in enumerate(element.properties)}
        if len(lists) == 1:
            item = element.properties[lists[0]]
            found, used = read_list_rows(rest, element.count, lists[0] + 1, len(element.properties) - lists[0] - 1)
            self._place += used
            return {item.name: found}
        found_lists: dict[str, list[np.ndarray]] = {element.properties[place].name: [] for place in lists}
        for _ in range(element.count):
            for item in element.properties:
                size = 1
                if item.size_type:
                    size = int(take_numbers(self._numbers[self._place :], 1)[0])
                    self._place += 1
                values = take_numbers(self._numbers[self._place :], size)
                self._place += size
                if item.size_type:
                    found_lists[item.name].append(values)
        for name, parts in found_lists.items():
            columns[name] = _joined(parts)
        return columns


class _BinaryBody:
    """The bytes of a binary PLY file."""

    def __init__(self, body: bytes, order: str) -> None:
        self._body = body
        self._order = order
        self._place = 0

    def read(self, element: _Element) -> _Columns:
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

    def _walk(self, element: _Element) -> Iterator[tuple[str, np.ndarray | tuple[np.ndarray, np.ndarray]]]:
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

    def _row_type(self, properties: list[_Property], sizes: list[int]) -> list[tuple]:
        """A row's fields, where the lists have these sizes."""
        fields: list[tuple] = []
        for place, (item, size) in enumerate(zip(properties, sizes, strict=False)):
            if item.size_type:
                fields += [(f"size{place}", self._order + item.size_type)]
                fields += [(f"value{place}", self._order + item.type, (size,))]
            else:
                fields.append((f"value{place}", self._order + item.type))
        return fields

    def _nothing(self, item: _Property) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        empty = np.empty(0, item.type)
        return (empty, np.empty(0, np.int64)) if item.size_type else empty


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


def _bytes_as(data: bytes, dtype: np.dtype, count: int, offset: int) -> np.ndarray:
    """So many numbers from a place of the data on."""
    if count < 0 or len(data) - offset < count * dtype.itemsize:
        raise UserError(f"{CUT_SHORT}: {count} numbers should follow at byte {offset} of its data")
    return np.frombuffer(data, dtype, count, offset)


def _encode(vertices: np.ndarray, triangles: np.ndarray) -> bytes:
    """A binary file with smooth normals."""
    import trimesh  # optional package
    from trimesh.exchange import ply

    mesh = trimesh.Trimesh(vertices, triangles, process=False)
    comment = f"\ncomment {PROGRAM}\nelement ".encode("ascii")
    return ply.export_ply(mesh, vertex_normal=True).replace(b"\nelement ", comment, 1)


PLY = Format(
    extensions=(".ply",),
    read_mesh=lambda path: parse_ply(path.read_bytes()).to_mesh(),
    encode_mesh=_encode,
)
