"""TFRecord files without TensorFlow: features of an Example, masked CRC-32C, and the positions of records."""

import dataclasses
import os
import pathlib
import struct
from collections.abc import Iterator, Sequence

import google_crc32c
import numpy as np

from vae_gan3d.errors import UserError

VOXELS = "voxels"
RESOLUTION = "resolution"
LABEL = "label"
CLASS_NAME = "class_name"
SOURCE = "source"
IMAGE = "image"

_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}


def byte_features(serialized: bytes) -> dict[str, int]:
    """Finds the features of a serialised tf.train.Example.

    The message is Example{1: Features{1: map entry{1: name, 2: Feature{1: BytesList{1: bytes}}}}}, see
    tensorflow/core/example/feature.proto.

    Args:
        serialized: one record's data.

    Returns:
        For each feature the size of its first bytes value; -1 if it has none.

    Raises:
        ValueError: the bytes are not an Example.
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
            raise ValueError(f"field type {kind} at byte {position} is not valid in a record: write the record again")
        if position + size > len(message):
            raise ValueError(f"a field exceeds the record's end at byte {position}: write the record again")
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


_MASK_DELTA = 0xA282EAD8


def masked_crc32c(messages: Sequence[bytes]) -> np.ndarray:
    """The checksums of messages, as in TFRecord files.

    Args:
        messages: of any lengths.

    Returns:
        `[len(messages)]` uint32: `((crc >> 15) | (crc << 17)) + 0xa282ead8`, see tensorflow/core/lib/hash/crc32c.h.
    """
    crc = np.array([google_crc32c.value(message) for message in messages], np.uint32)
    return (crc >> np.uint32(15) | crc << np.uint32(17)) + np.uint32(_MASK_DELTA)


HEADER_BYTES = 12
FOOTER_BYTES = 4
_LENGTH_BYTES = 8
_LENGTH = struct.Struct("<Q")
_CHECKSUM = np.dtype("<u4")
# Checksums are tested in blocks, so that a file of zeros, which looks like millions of empty records, is refused early.
_HEADERS_AT_ONCE = 4096


@dataclasses.dataclass(frozen=True, eq=False)
class FrameIndex:
    """The positions of the records of one file.

    Attributes:
        offsets: `[count]` int64, the byte at which each record's data begins, after its header of 12 bytes.
        lengths: `[count]` int64, the bytes of each record's data.
    """

    offsets: np.ndarray
    lengths: np.ndarray

    @property
    def count(self) -> int:
        """The number of records."""
        return len(self.offsets)


def scan_frames(path: pathlib.Path) -> FrameIndex:
    """Reads and checks the record lengths of a TFRecord file, without the data.

    A wrong length crashes TensorFlow's reader, so every length is checked against its checksum and the file's end.

    Args:
        path: an uncompressed TFRecord file: records of 8-byte little-endian length, 4-byte checksum, data, 4-byte
            checksum.

    Returns:
        The index; empty for an empty file.

    Raises:
        UserError: the file cannot be opened, a record exceeds the file's end, or a length does not fit its checksum.
    """
    try:
        with open(path, "rb") as file:
            return _walk(path, file.fileno(), os.fstat(file.fileno()).st_size)
    except OSError as error:
        raise _unreadable(path, error) from error


def begins_as_records(path: pathlib.Path) -> bool:
    """Whether a file may be a TFRecord file: it is empty, or its first record ends inside the file.

    Raises:
        UserError: the file cannot be opened.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(HEADER_BYTES)
    except OSError as error:
        raise _unreadable(path, error) from error
    return not size or (
        len(start) == HEADER_BYTES and HEADER_BYTES + _LENGTH.unpack_from(start)[0] + FOOTER_BYTES <= size
    )


def read_frames(path: pathlib.Path, index: FrameIndex, numbers: Sequence[int]) -> list[bytes]:
    """Reads the data of some records of a file.

    Args:
        path: the file.
        index: the index of the file.
        numbers: indices of records in the file, in any order.

    Returns:
        The data of each.

    Raises:
        UserError: the file cannot be read, or the data does not fit its checksum; the message names the record.
    """
    data, expected = [], bytearray()
    try:
        # If the file has become shorter, reading gives an error; a mapped file would end the interpreter.
        with open(path, "rb") as file:
            for number in numbers:
                length = int(index.lengths[number])
                file.seek(int(index.offsets[number]))
                framed = file.read(length + FOOTER_BYTES)
                if len(framed) != length + FOOTER_BYTES:
                    raise _damaged(path, int(index.offsets[number]) - HEADER_BYTES, number)
                data.append(framed[:length])
                expected += framed[length:]
    except OSError as error:
        raise _unreadable(path, error) from error
    for place in np.flatnonzero(masked_crc32c(data) != np.frombuffer(expected, _CHECKSUM))[:1]:
        raise _damaged(path, int(index.offsets[numbers[place]]) - HEADER_BYTES, numbers[place])
    return data


def _walk(path: pathlib.Path, file: int, size: int) -> FrameIndex:
    """Follows the lengths from record to record, see `scan_frames`."""
    starts: list[int] = []
    headers: list[bytes] = []
    position = 0
    while position < size:
        starts.append(position)
        headers.append(os.pread(file, HEADER_BYTES, position))
        length = _LENGTH.unpack_from(headers[-1])[0] if len(headers[-1]) == HEADER_BYTES else size
        position += HEADER_BYTES + length + FOOTER_BYTES
        if len(headers) == _HEADERS_AT_ONCE or position >= size:
            wrong = _first_wrong(headers, last_is_whole=position <= size)
            if wrong is not None:
                number = len(starts) - len(headers) + wrong
                raise _damaged(path, starts[number], number)
            headers = []
    offsets = np.asarray(starts, np.int64) + HEADER_BYTES
    ends = np.asarray([*starts[1:], size] if starts else [], np.int64)
    return FrameIndex(offsets, ends - FOOTER_BYTES - offsets)


def _first_wrong(headers: Sequence[bytes], *, last_is_whole: bool) -> int | None:
    """The index of the first header whose length does not fit its checksum, or whose record exceeds the file's end."""
    whole = len(headers) if last_is_whole else len(headers) - 1
    found = masked_crc32c([header[:_LENGTH_BYTES] for header in headers[:whole]])
    expected = np.frombuffer(b"".join(header[_LENGTH_BYTES:] for header in headers[:whole]), _CHECKSUM)
    # After a wrong length all later ones are wrong too, so the first one counts.
    wrong = [*np.flatnonzero(found != expected).tolist(), *range(whole, len(headers))]
    return wrong[0] if wrong else None


def _damaged(path: pathlib.Path, position: int, number: int) -> UserError:
    return UserError(
        f"{path} is cut short or damaged at byte {position} (record {number}): write or fetch the records again"
    )


def _unreadable(path: pathlib.Path, error: OSError) -> UserError:
    return UserError(f"cannot read {path}: {error.strerror}; check the path and its permissions")
