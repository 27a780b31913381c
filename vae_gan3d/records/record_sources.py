"""Which files records came from."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from vae_gan3d.records.feature_names import SOURCE
from vae_gan3d.records.record_set import RecordSet
from vae_gan3d.records.schema import RECORD_FEATURES


def read_sources(record_set: RecordSet, numbers: Sequence[int]) -> list[str]:
    """Reads the sources of a few records.

    Args:
        record_set: the records.
        numbers: record numbers in [0, count), in the order of the files.

    Returns:
        For each record the path of its file relative to the data folder, with forward slashes; for a legacy record,
        which does not hold it, an empty text.

    Raises:
        ValueError: there is no such record.
    """
    wrong = [number for number in numbers if not 0 <= number < record_set.count]
    if wrong:
        raise ValueError(f"there is no record {wrong[0]}: the set has {record_set.count}, counted from 0")
    if record_set.legacy or not len(numbers):
        return [""] * len(numbers)
    serialized = [_serialized(record_set, number) for number in numbers]
    parsed = tf.io.parse_example(tf.constant(serialized, tf.string), {SOURCE: RECORD_FEATURES[SOURCE]})
    return [source.decode("utf-8", "replace") for source in parsed[SOURCE].numpy()]


def _serialized(record_set: RecordSet, number: int) -> bytes:
    ends = np.cumsum([index.count for index in record_set.frames])
    file = int(np.searchsorted(ends, number, side="right"))
    index = record_set.frames[file]
    local = number - int(ends[file]) + index.count
    with open(record_set.files[file], "rb") as opened:
        opened.seek(int(index.offsets[local]))
        return opened.read(int(index.lengths[local]))
