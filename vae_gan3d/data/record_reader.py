"""Records as rows of packed bits, all in memory or by index from the files; schema 1 and the legacy record."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from vae_gan3d.data.grids import check_resolution, packed_bytes
from vae_gan3d.data.record_set import RecordSet
from vae_gan3d.data.tfrecords import CLASS_NAME, IMAGE, LABEL, RESOLUTION, SOURCE, VOXELS, read_frames
from vae_gan3d.errors import UserError
from vae_gan3d.text import printable

# The spec of tf.io.parse_example for schema 1. The three features that training needs are required.
RECORD_FEATURES = {
    VOXELS: tf.io.FixedLenFeature([], tf.string),
    RESOLUTION: tf.io.FixedLenFeature([], tf.int64),
    LABEL: tf.io.FixedLenFeature([], tf.int64),
    CLASS_NAME: tf.io.FixedLenFeature([], tf.string, default_value=""),
    SOURCE: tf.io.FixedLenFeature([], tf.string, default_value=""),
}

# A legacy record: raw uint8, C order, one byte a voxel, 64³ in the original.
LEGACY_FEATURES = {IMAGE: tf.io.FixedLenFeature([], tf.string)}


def encode_example(packed: bytes, *, resolution: int, label: int, class_name: str, source: str) -> bytes:
    """Serialises one grid as a tf.train.Example of schema 1.

    Args:
        packed: the packed grid (`grids.pack_grid`), resolution³ / 8 bytes.
        resolution: 16, 32, 64 or 128.
        label: the index of the class in the manifest's classes, 0 or more.
        class_name: the class.
        source: the file that the grid came from, relative to the data folder, with forward slashes.

    Returns:
        The serialised example.

    Raises:
        UserError: the number of bytes does not fit the resolution, or a value is out of range.
    """
    check_resolution(resolution)
    if len(packed) != packed_bytes(resolution):
        raise UserError(f"{source}: {len(packed)} bytes are not a packed {resolution}³ grid; pack it with pack_grid")
    if label < 0:
        raise UserError(f"{source}: label {label} is negative; labels count from 0")
    features = {
        VOXELS: _bytes(packed),
        RESOLUTION: _integer(resolution),
        LABEL: _integer(label),
        CLASS_NAME: _bytes(class_name.encode("utf-8", "surrogateescape")),
        SOURCE: _bytes(source.encode("utf-8", "surrogateescape")),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString(deterministic=True)


def _bytes(value: bytes) -> tf.train.Feature:
    """One bytes value as a feature."""
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _integer(value: int) -> tf.train.Feature:
    """One integer as a feature."""
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


_CHUNK_RECORDS = 1024
# Beside its grid a record holds names. The longest are the class and the path.
_MOST_BYTES_OF_NAMES = 1 << 16


@dataclasses.dataclass(frozen=True, eq=False)
class PackedGrids:
    """Grids as packed bits.

    Attributes:
        rows: `[count, resolution³ / 8]` uint8, each row a grid packed by `grids.pack_grid`.
        labels: `[count]` int64, indices into the set's classes.
        resolution: the side of the packed grids.
    """

    rows: np.ndarray
    labels: np.ndarray
    resolution: int


def row_resolution(record_set: RecordSet, resolution: int | None) -> int:
    """The resolution of rows: the stored one, or the wanted one if that is smaller.

    Raises:
        UserError: the wanted resolution is not possible, or cannot be reached from the stored one by whole factors.
    """
    stored = check_resolution(record_set.resolution)
    if resolution is None:
        return stored
    wanted = check_resolution(resolution)
    if max(stored, wanted) % min(stored, wanted):
        raise UserError(f"records of {stored}³ cannot become {wanted}³: choose a resolution that is a whole multiple")
    return min(stored, wanted)


def load_packed(record_set: RecordSet, resolution: int | None = None) -> PackedGrids:
    """Reads a whole set into memory; TensorFlow checks every record's checksum.

    Args:
        record_set: the set.
        resolution: the resolution that is wanted later. If it is smaller than the stored one, the grids are max-pooled
            to it now.

    Returns:
        The rows in the order of the files.

    Raises:
        UserError: a record is damaged or does not fit the set; the message names the file and the record.
    """
    side = row_resolution(record_set, resolution)
    _check_lengths(record_set)
    rows = np.empty((record_set.count, packed_bytes(side)), np.uint8)
    labels = np.empty(record_set.count, np.int64)
    position = 0
    for path, index in zip(record_set.files, record_set.frames, strict=True):
        done = 0
        try:
            for chunk in tf.data.TFRecordDataset(str(path)).batch(_CHUNK_RECORDS).as_numpy_iterator():
                end = done + len(chunk)
                if end > index.count:
                    break
                target = slice(position + done, position + end)
                rows[target], labels[target] = _decode(record_set, chunk.tolist(), path, range(done, end), side)
                done = end
        except tf.errors.DataLossError as error:
            raise _damaged(path, done) from error
        if done != index.count:
            raise _damaged(path, done)
        position += done
    return PackedGrids(rows, labels, side)


def _damaged(path: pathlib.Path, done: int) -> UserError:
    """The error for a file whose records differ from its index."""
    return UserError(f"{path} is damaged after record {done}: write or fetch the records again")


class RowReader:
    """Reads the rows of given records from the files. Keeps nothing in memory."""

    def __init__(self, record_set: RecordSet, resolution: int | None = None) -> None:
        """Checks the set, without reading rows.

        Args:
            record_set: the set.
            resolution: as in `load_packed`.

        Raises:
            UserError: the resolution cannot be reached, or a record is far longer than its grid.
        """
        self.resolution = row_resolution(record_set, resolution)
        _check_lengths(record_set)
        self._record_set = record_set
        self._starts = np.cumsum([0] + [index.count for index in record_set.frames])

    def read(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reads some records.

        Args:
            numbers: `[B]` int64 record indices in [0, count).

        Returns:
            rows `[B, resolution³ / 8]` uint8, and labels `[B]` int64.

        Raises:
            UserError: a record is damaged or does not fit the set.
        """
        rows = np.empty((len(numbers), packed_bytes(self.resolution)), np.uint8)
        labels = np.empty(len(numbers), np.int64)
        files = np.searchsorted(self._starts, numbers, side="right") - 1
        for file in np.unique(files):
            chosen = np.flatnonzero(files == file)
            local = numbers[chosen] - self._starts[file]
            path = self._record_set.files[file]
            serialized = read_frames(path, self._record_set.frames[file], local.tolist())
            rows[chosen], labels[chosen] = _decode(self._record_set, serialized, path, local.tolist(), self.resolution)
        return rows, labels


def _check_lengths(record_set: RecordSet) -> None:
    """Refuses records that are far longer than a grid, before one is read into memory."""
    most = _grid_bytes(record_set) + _MOST_BYTES_OF_NAMES
    for path, index in zip(record_set.files, record_set.frames, strict=True):
        for number in np.flatnonzero(index.lengths > most)[:1]:
            raise _disagrees(path, number, f"has {index.lengths[number]} bytes, far more than a grid of its set takes")


def _grid_bytes(record_set: RecordSet) -> int:
    """The bytes of one grid in its record."""
    return record_set.resolution**3 if record_set.legacy else packed_bytes(record_set.resolution)


def _decode(
    record_set: RecordSet, serialized: Sequence[bytes], path: pathlib.Path, numbers: Sequence[int], side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Parses serialised records and checks them against the set; `numbers` are their indices in the file."""
    spec = LEGACY_FEATURES if record_set.legacy else RECORD_FEATURES
    try:
        with tf.device("/CPU:0"):
            parsed = tf.io.parse_example(tf.constant(serialized, tf.string), spec)
    except (tf.errors.InvalidArgumentError, UnicodeDecodeError) as error:
        # TensorFlow quotes what it cannot parse, and fails again if that is not text.
        raise UserError(
            f"{path}: one of the records {numbers[0]} to {numbers[-1]} has a missing or wrong feature "
            f"({', '.join(spec)}): write the records again"
        ) from error
    stored = record_set.resolution
    voxels = parsed[IMAGE if record_set.legacy else VOXELS].numpy()
    size = _grid_bytes(record_set)
    for number, item in zip(numbers, voxels, strict=True):
        if len(item) != size:
            raise _disagrees(path, number, f"has {len(item)} bytes of voxels, not the {size} of a {stored}³ grid")
    rows = np.frombuffer(b"".join(voxels), np.uint8).reshape(len(voxels), size)
    if record_set.legacy:
        _check_legacy_values(path, numbers, rows)
        return _pool_rows(np.packbits(rows, axis=1), stored, side), np.zeros(len(rows), np.int64)
    labels = parsed[LABEL].numpy()
    _check_numbers(record_set, path, numbers, {name: value.numpy() for name, value in parsed.items()})
    return _pool_rows(rows, stored, side), labels


def _check_legacy_values(path: pathlib.Path, numbers: Sequence[int], rows: np.ndarray) -> None:
    """Refuses legacy images that are not zeros and ones, such as floats written as bytes."""
    wrong = np.flatnonzero(rows.max(axis=1) > 1)
    if wrong.size:
        raise _disagrees(path, numbers[wrong[0]], f"has the voxel value {rows[wrong[0]].max()}, not 0 or 1")


def _check_numbers(
    record_set: RecordSet, path: pathlib.Path, numbers: Sequence[int], parsed: dict[str, np.ndarray]
) -> None:
    """Refuses a record whose resolution or label does not fit the set."""
    labels, resolutions = parsed[LABEL], parsed[RESOLUTION]
    wrong = (resolutions != record_set.resolution) | (labels < 0) | (labels >= len(record_set.classes))
    for place in np.flatnonzero(wrong)[:1]:
        source = parsed[SOURCE][place].decode("utf-8", "replace")
        raise _disagrees(
            path,
            numbers[place],
            f"({source}) has resolution {resolutions[place]} and label {labels[place]} in a set of "
            f"{record_set.resolution}³ with {len(record_set.classes)} classes",
        )


def _disagrees(path: pathlib.Path, number: int, what: str) -> UserError:
    """The error for a record that does not fit its set."""
    return UserError(f"{path}: record {number} {what}: write the records again")


def _pool_rows(rows: np.ndarray, stored: int, side: int) -> np.ndarray:
    """Max-pools packed grids from `stored`³ to `side`³, halving one axis after the other."""
    if side == stored:
        return rows
    grids = np.unpackbits(rows, axis=1).reshape(-1, stored, stored, stored)
    while grids.shape[1] > side:
        grids = np.maximum(grids[:, 0::2], grids[:, 1::2])
        grids = np.maximum(grids[:, :, 0::2], grids[:, :, 1::2])
        grids = np.maximum(grids[..., 0::2], grids[..., 1::2])
    return np.packbits(grids.reshape(len(rows), -1), axis=1)


def read_sources(record_set: RecordSet, numbers: Sequence[int]) -> list[str]:
    """Reads the sources of a few records.

    Args:
        record_set: the records.
        numbers: record indices in [0, count).

    Returns:
        For each record the path of its file relative to the data folder, with forward slashes and `printable`; empty
        for legacy records, which do not hold it.

    Raises:
        ValueError: there is no such record.
        UserError: a record is damaged.
    """
    wrong = [number for number in numbers if not 0 <= number < record_set.count]
    if wrong:
        raise ValueError(f"there is no record {wrong[0]}: the set has {record_set.count}, counted from 0")
    if record_set.legacy or not len(numbers):
        return [""] * len(numbers)
    serialized = [_serialized(record_set, number) for number in numbers]
    parsed = tf.io.parse_example(tf.constant(serialized, tf.string), {SOURCE: RECORD_FEATURES[SOURCE]})
    return [printable(source.decode("utf-8", "surrogateescape")) for source in parsed[SOURCE].numpy()]


def _serialized(record_set: RecordSet, number: int) -> bytes:
    ends = np.cumsum([index.count for index in record_set.frames])
    file = int(np.searchsorted(ends, number, side="right"))
    index = record_set.frames[file]
    local = number - int(ends[file]) + index.count
    return read_frames(record_set.files[file], index, [local])[0]
