"""The checksums of TFRecord files, masked CRC-32C, of many records at a time and without TensorFlow."""

import functools
from collections.abc import Sequence

import numpy as np

_POLYNOMIAL = 0x82F63B78  # Castagnoli's, bits reversed
_MASK_DELTA = 0xA282EAD8
# A CRC begins from a register of ones; these four bytes lead there from one of zeros, which zeros before them keep.
_PREFIX = np.array([0x54, 0x64, 0x1F, 0x64], np.uint8)
_BLOCK = 256
_CHUNK_BYTES = 1 << 19


def masked_crc32c(messages: Sequence[bytes]) -> np.ndarray:
    """The checksums of messages, as TFRecord files hold them.

    The register after a message is a sum over GF(2) of one table entry for each byte and its place, so all messages and
    all blocks of 256 bytes go through numpy at once; blocks are joined by the register's four bytes.

    Args:
        messages: of any lengths.

    Returns:
        `[len(messages)]` uint32: `((crc >> 15) | (crc << 17)) + 0xa282ead8`, see tensorflow/core/lib/hash/crc32c.h.
    """
    if not messages:
        return np.zeros(0, np.uint32)
    width = -(-(max(map(len, messages)) + len(_PREFIX)) // _BLOCK) * _BLOCK
    at_once = max(1, _CHUNK_BYTES // width)
    registers = [
        _registers(_aligned(messages[start : start + at_once], width)) for start in range(0, len(messages), at_once)
    ]
    crc = ~np.concatenate(registers)
    return (crc >> np.uint32(15) | crc << np.uint32(17)) + np.uint32(_MASK_DELTA)


def _aligned(messages: Sequence[bytes], width: int) -> np.ndarray:
    """Messages behind the prefix as rows `[count, width]` uint8, right-aligned, zeros before them."""
    rows = np.zeros((len(messages), width), np.uint8)
    for row, message in zip(rows, messages, strict=True):
        start = width - len(message)
        row[start - len(_PREFIX) : start] = _PREFIX
        row[start:] = np.frombuffer(message, np.uint8)
    return rows


def _registers(rows: np.ndarray) -> np.ndarray:
    """The registers `[count]` uint32 that rows `[count, blocks * 256]` uint8 lead to from zero."""
    count = len(rows)
    tables = _tables()
    columns = np.ascontiguousarray(rows.reshape(-1, _BLOCK).T)  # [256, count * blocks]
    sums = np.zeros(columns.shape[1], np.uint32)
    for place in np.flatnonzero(columns.any(axis=1)):
        sums ^= tables[place][columns[place]]
    register = np.zeros(count, np.uint32)
    for of_block in sums.reshape(count, -1).T:
        carried = register.astype("<u4").view(np.uint8).reshape(count, 4)
        register = of_block ^ np.bitwise_xor.reduce([tables[byte][carried[:, byte]] for byte in range(4)])
    return register


@functools.cache
def _tables() -> np.ndarray:
    """`[256, 256]` uint32: the register after byte b at place j of a block of zeros, from a register of zeros."""
    single = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        single = single >> np.uint32(1) ^ np.where(single & np.uint32(1), np.uint32(_POLYNOMIAL), np.uint32(0))
    tables = np.empty((_BLOCK, 256), np.uint32)
    tables[-1] = single
    for place in reversed(range(_BLOCK - 1)):
        later = tables[place + 1]
        tables[place] = single[later & np.uint32(255)] ^ later >> np.uint32(8)  # after one more zero
    return tables
