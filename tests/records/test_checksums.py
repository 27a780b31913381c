"""Masked CRC-32C against published values and TensorFlow's own records."""

import numpy as np
import tensorflow as tf

from vae_gan3d.records.checksums import masked_crc32c


def unmasked(masked):
    rotated = (int(masked) - 0xA282EAD8) % 2**32
    return (rotated >> 17 | rotated << 15) % 2**32


def test_published_values():
    # RFC 3720, appendix B.4, and the check value of the catalogue of CRCs.
    messages = [bytes(32), b"\xff" * 32, bytes(range(32)), b"123456789", b""]
    expected = [0x8A9136AA, 0x62A8AB43, 0x46DD794E, 0xE3069283, 0]
    assert [unmasked(value) for value in masked_crc32c(messages)] == expected


def test_no_messages():
    assert masked_crc32c([]).shape == (0,)


def test_tensorflow_writes_the_same(tmp_path):
    # Lengths about the blocks of 256 bytes, four of which hold the prefix, and more than one chunk.
    generator = np.random.default_rng(0)
    messages = [generator.bytes(length) for length in (0, 1, 3, 251, 252, 253, 508, 509, 4249, 40_000, 3_000_000, 5)]
    path = tmp_path / "a.tfrecords"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for message in messages:
            writer.write(message)
    data, expected = path.read_bytes(), []
    for message in messages:
        expected.append(int.from_bytes(data[12 + len(message) : 16 + len(message)], "little"))
        data = data[16 + len(message) :]
    assert masked_crc32c(messages).tolist() == expected
