"""`.vox` files of MagicaVoxel (github.com/ephtracy/voxel-model): voxels without their colors."""

import dataclasses
import struct

import numpy as np

from vae_gan3d.data.formats.format import Format, Grid
from vae_gan3d.data.grids import check_sides
from vae_gan3d.errors import UserError

_VERSION = 150
_MOST_VISITS = 100_000  # of nodes: a small file can name the same ones again and again
_CHUNK = struct.Struct("<4s2I")
_DAMAGED = "the file is damaged or cut short"
_NO_TURN = 0b0000100  # the first two axes in their places, no sign changed


@dataclasses.dataclass(frozen=True, eq=False)
class _Model:
    """One model: its size `[3]`, and the places of its voxels `[K, 3]` int64."""

    size: np.ndarray
    voxels: np.ndarray


def parse_vox(data: bytes) -> np.ndarray:
    """Reads the contents of a `.vox` file: all its models, each where the scene puts it; hidden ones are left out.

    Args:
        data: the whole file.

    Returns:
        `[X, Y, Z]` uint8, z up: the box around the models' own boxes, so that one model lies as it was drawn.

    Raises:
        UserError: it is no such file, cut short, too large, or holds no model; the message does not name the file.
    """
    if data[:4] != b"VOX ":
        raise UserError("is not a MagicaVoxel file, which begins with 'VOX ': save it again")
    models: list[_Model] = []
    nodes: dict[int, tuple] = {}
    hidden_layers: set[int] = set()
    size = None
    place = 8 + _CHUNK.size  # the version, and the head of MAIN, which holds all others
    while place < len(data):
        if place + _CHUNK.size > len(data):
            raise UserError(f"{_DAMAGED}: it ends in the head of a chunk")
        name, length, _ = _CHUNK.unpack_from(data, place)
        content = data[place + _CHUNK.size : place + _CHUNK.size + length]
        if len(content) < length:
            raise UserError(f"{_DAMAGED}: a chunk promises {length} bytes and has {len(content)}")
        place += _CHUNK.size + length
        if name == b"SIZE":
            size = np.array(struct.unpack_from("<3I", content), np.int64)
            check_sides(tuple(size.tolist()))
        elif name == b"XYZI":
            models.append(_read_model(content, size))
        elif name in _NODES:
            number, node = _NODES[name](_Reader(content))
            nodes[number] = node
        elif name == b"LAYR":
            reader = _Reader(content)
            number = reader.integer()
            if reader.words().get(b"_hidden") == b"1":
                hidden_layers.add(number)
    if not models:
        raise UserError("holds no model: draw one in MagicaVoxel and save it again")
    placed = _place_models(models, nodes, hidden_layers)
    if not placed:
        raise UserError("holds hidden models alone: show one in MagicaVoxel and save it again")
    low = np.min([box[0] for box, _ in placed], axis=0)
    high = np.max([box[1] for box, _ in placed], axis=0)
    shape = tuple((high - low).tolist())
    check_sides(shape)
    grid = np.zeros(shape, np.uint8)
    for _, voxels in placed:
        grid[tuple((voxels - low).T)] = 1
    return grid


def encode_vox(grid: np.ndarray) -> bytes:
    """The contents of a `.vox` file.

    Args:
        grid: `[X, Y, Z]` uint8 in {0, 1}, z up, at most 256 a side.

    Returns:
        Bytes from which `parse_vox` reads the grid, with the palette that MagicaVoxel begins with.
    """
    voxels = np.argwhere(grid)
    colored = np.full((len(voxels), 4), 79, np.uint8)
    colored[:, :3] = voxels
    chunks = _chunk(b"SIZE", struct.pack("<3I", *grid.shape))
    chunks += _chunk(b"XYZI", struct.pack("<I", len(voxels)) + colored.tobytes())
    return struct.pack("<4sI", b"VOX ", _VERSION) + _CHUNK.pack(b"MAIN", 0, len(chunks)) + chunks


def _chunk(name: bytes, content: bytes) -> bytes:
    return _CHUNK.pack(name, len(content), 0) + content


def _read_model(content: bytes, size: np.ndarray | None) -> _Model:
    """One model; a voxel outside of its box is damage."""
    (count,) = struct.unpack_from("<I", content)
    if size is None or len(content) < 4 + 4 * count:
        raise UserError(f"{_DAMAGED}: a model promises {count} voxels, or has no size")
    voxels = np.frombuffer(content, np.uint8, 4 * count, 4).reshape(count, 4)[:, :3].astype(np.int64)
    if (voxels >= size).any():
        raise UserError(f"{_DAMAGED}: a voxel lies outside of its model")
    return _Model(size, voxels)


class _Reader:
    """The numbers and words of a chunk."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._place = 0

    def integer(self) -> int:
        """The next number."""
        (value,) = struct.unpack_from("<i", self._content, self._place)
        self._place += 4
        return value

    def words(self) -> dict[bytes, bytes]:
        """The next dictionary."""
        return {self._word(): self._word() for _ in range(self.integer())}

    def _word(self) -> bytes:
        length = self.integer()
        if not 0 <= length <= len(self._content) - self._place:
            raise UserError(f"{_DAMAGED}: a word promises {length} bytes")
        self._place += length
        return self._content[self._place - length : self._place]


def _transform_node(reader: _Reader) -> tuple[int, tuple]:
    """A node that moves and turns its child: ("move", child, layer, is hidden, rotation, translation)."""
    number, attributes = reader.integer(), reader.words()
    child, _, layer, frames = (reader.integer() for _ in range(4))
    frame = reader.words() if frames > 0 else {}
    translation = np.array(frame.get(b"_t", b"0 0 0").split(), np.int64)
    rotation = int(frame.get(b"_r", b"%d" % _NO_TURN))
    return number, ("move", child, layer, attributes.get(b"_hidden") == b"1", rotation, translation)


def _group_node(reader: _Reader) -> tuple[int, tuple]:
    """A node of several children: ("group", children)."""
    number, _ = reader.integer(), reader.words()
    return number, ("group", [reader.integer() for _ in range(reader.integer())])


def _shape_node(reader: _Reader) -> tuple[int, tuple]:
    """A node that shows a model, the first of an animation: ("shape", model)."""
    number, _ = reader.integer(), reader.words()
    reader.integer()
    return number, ("shape", reader.integer())


_NODES = {b"nTRN": _transform_node, b"nGRP": _group_node, b"nSHP": _shape_node}


def _place_models(
    models: list[_Model], nodes: dict[int, tuple], hidden_layers: set[int]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The box `[2, 3]` (low, and high not within) and the voxels `[K, 3]` of each model in the scene."""
    if not nodes:  # as older versions wrote one model
        return [(np.stack([np.zeros(3, np.int64), model.size]), model.voxels) for model in models[:1]]
    placed: list[tuple[np.ndarray, np.ndarray]] = []
    visits = 0
    waiting = [(0, np.eye(3, dtype=np.int64), np.zeros(3, np.int64), 0)]
    while waiting:
        number, turn, shift, depth = waiting.pop()
        visits += 1
        if number not in nodes or depth > len(nodes) or visits > _MOST_VISITS:
            raise UserError(f"{_DAMAGED}: its scene names a node that is not there, holds itself, or is too large")
        kind, *rest = nodes[number]
        if kind == "move":
            child, layer, is_hidden, rotation, translation = rest
            if not is_hidden and layer not in hidden_layers:
                waiting.append((child, turn @ _rotation(rotation), turn @ translation + shift, depth + 1))
        elif kind == "group":
            waiting += [(child, turn, shift, depth + 1) for child in rest[0]]
        else:
            if not 0 <= rest[0] < len(models):
                raise UserError(f"{_DAMAGED}: its scene names a model that is not there")
            placed.append(_moved(models[rest[0]], turn, shift))
    return placed


def _moved(model: _Model, turn: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A model's box and voxels, turned about the voxel corner at half its size, rounded down."""
    middle = model.size // 2
    ends = np.stack([-middle, model.size - middle]) @ turn.T + shift
    # In twice the steps, so that the middle of a voxel is a whole number.
    voxels = ((2 * (model.voxels - middle) + 1) @ turn.T - 1) // 2 + shift
    return np.stack([ends.min(axis=0), ends.max(axis=0)]), voxels


def _rotation(bits: int) -> np.ndarray:
    """The matrix `[3, 3]` of a rotation byte, which holds the column of the 1 in two rows, and three signs."""
    first, second = bits & 3, (bits >> 2) & 3
    if first == second or 3 in (first, second):
        raise UserError(f"{_DAMAGED}: {bits} is no rotation")
    matrix = np.zeros((3, 3), np.int64)
    for row, column in enumerate((first, second, 3 - first - second)):
        matrix[row, column] = -1 if bits >> (4 + row) & 1 else 1
    return matrix


VOX = Format(
    extensions=(".vox",),
    read_grid=lambda path: Grid(parse_vox(path.read_bytes())),
    encode_grid=encode_vox,
    up_axis="z",
    has_up_axis=True,
)
