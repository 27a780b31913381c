"""The checksums of TFRecord files, masked CRC-32C, without TensorFlow."""

from collections.abc import Sequence

import google_crc32c
import numpy as np

_MASK_DELTA = 0xA282EAD8


def masked_crc32c(messages: Sequence[bytes]) -> np.ndarray:
    """The checksums of messages, as TFRecord files hold them.

    Args:
        messages: of any lengths.

    Returns:
        `[len(messages)]` uint32: `((crc >> 15) | (crc << 17)) + 0xa282ead8`, see tensorflow/core/lib/hash/crc32c.h.
    """
    crc = np.array([google_crc32c.value(message) for message in messages], np.uint32)
    return (crc >> np.uint32(15) | crc << np.uint32(17)) + np.uint32(_MASK_DELTA)
