"""The framing of TFRecord files, read without TensorFlow: where every record begins and how long it is."""

import dataclasses
import mmap
import os
import pathlib
import struct

import numpy as np

from vae_gan3d.errors import UserError

HEADER_BYTES = 12
FOOTER_BYTES = 4
_LENGTH = struct.Struct("<Q")


@dataclasses.dataclass(frozen=True, eq=False)
class FrameIndex:
    """Where the records of one file lie.

    Attributes:
        offsets: `[count]` int64, the byte at which each record's data begins (its 12-byte header lies before it).
        lengths: `[count]` int64, the bytes of each record's data.
    """

    offsets: np.ndarray
    lengths: np.ndarray

    @property
    def count(self) -> int:
        """The number of records."""
        return len(self.offsets)


def scan_frames(path: pathlib.Path) -> FrameIndex:
    """Walks over the record lengths of a TFRecord file; the data itself is not read.

    A forged length crashes TensorFlow's reader, so every length is held against the file's end here first. Checksums
    are left to TensorFlow.

    Args:
        path: an uncompressed TFRecord file: records of 8-byte little-endian length, 4-byte checksum, data, 4-byte
            checksum.

    Returns:
        The index; empty for an empty file.

    Raises:
        UserError: the file cannot be opened, or a record passes the file's end.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                return _index([], [])
            with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as view:
                return _walk(path, view, size)
    except OSError as error:
        raise _unreadable(path, error) from error


def begins_as_records(path: pathlib.Path) -> bool:
    """Whether a file may be a TFRecord file: it is empty, or its first record ends within it.

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


def _unreadable(path: pathlib.Path, error: OSError) -> UserError:
    return UserError(f"cannot read {path}: {error.strerror}; check the path and its permissions")


def _walk(path: pathlib.Path, view: mmap.mmap, size: int) -> FrameIndex:
    """Follows the lengths from record to record."""
    offsets: list[int] = []
    lengths: list[int] = []
    position = 0
    while position < size:
        start = position + HEADER_BYTES
        length = _LENGTH.unpack_from(view, position)[0] if start <= size else size
        end = start + length + FOOTER_BYTES
        if end > size:
            raise UserError(
                f"{path} is cut short or damaged at byte {position} (record {len(offsets)}): "
                "write or fetch the records again"
            )
        offsets.append(start)
        lengths.append(length)
        position = end
    return _index(offsets, lengths)


def _index(offsets: list[int], lengths: list[int]) -> FrameIndex:
    """Packs the two lists as int64 arrays."""
    return FrameIndex(np.asarray(offsets, np.int64), np.asarray(lengths, np.int64))
