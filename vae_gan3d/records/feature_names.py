"""The names of the features in a record, and a look at them that needs no TensorFlow.

Schema 1 has all of the names but `IMAGE`; a legacy record has `IMAGE` alone.
"""

from collections.abc import Iterator

VOXELS = "voxels"
RESOLUTION = "resolution"
LABEL = "label"
CLASS_NAME = "class_name"
SOURCE = "source"
IMAGE = "image"

_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}


def byte_features(serialized: bytes) -> dict[str, int]:
    """Names the features of a serialised tf.train.Example.

    The message is Example{1: Features{1: map entry{1: name, 2: Feature{1: BytesList{1: bytes}}}}}, see
    tensorflow/core/example/feature.proto.

    Args:
        serialized: one record's data.

    Returns:
        For each feature, the bytes of its first bytes value; -1 where it holds none.

    Raises:
        ValueError: the bytes are no such message.
    """
    found: dict[str, int] = {}
    view = memoryview(serialized)
    for features in _fields(view, 1):
        for entry in _fields(features, 1):
            name = next(_fields(entry, 1), memoryview(b""))
            value = next(
                (item for part in _fields(entry, 2) for held in _fields(part, 1) for item in _fields(held, 1)), None
            )
            found[bytes(name).decode("utf-8")] = -1 if value is None else len(value)
    return found


def _fields(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """Yields the length-delimited fields of one number."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            _, position = _varint(message, position)
            continue
        if kind == _LENGTH_DELIMITED:
            size, position = _varint(message, position)
        elif kind in _FIXED_SIZES:
            size = _FIXED_SIZES[kind]
        else:
            raise ValueError(f"field type {kind} at byte {position} is not one of a record: write the record again")
        if position + size > len(message):
            raise ValueError(f"a field passes the record's end at byte {position}: write the record again")
        if kind == _LENGTH_DELIMITED and number == wanted:
            yield message[position : position + size]
        position += size


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Reads a base-128 number; returns it and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            break
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError(f"a number at byte {position} does not end: write the record again")
