"""Which files records came from."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from vae_gan3d.records.feature_names import SOURCE
from vae_gan3d.records.frames import read_frames
from vae_gan3d.records.record_set import RecordSet
from vae_gan3d.records.schema import RECORD_FEATURES
from vae_gan3d.wording import printable


def read_sources(record_set: RecordSet, numbers: Sequence[int]) -> list[str]:
    """Reads the sources of a few records.

    Args:
        record_set: the records.
        numbers: record numbers in [0, count), in the order of the files.

    Returns:
        For each record the path of its file relative to the data folder, with forward slashes; for a legacy record,
        which does not hold it, an empty text. Names are `printable`.

    Raises:
        ValueError: there is no such record.
        UserError: one is damaged.
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
