import os
import struct
import tracemalloc

import numpy as np
import pytest
import tensorflow as tf

from tests.fakes import box_grid, legacy_example, write_tfrecords
from vae_gan3d.data.grids import pack_grid
from vae_gan3d.data.record_reader import encode_example
from vae_gan3d.data.tfrecords import begins_as_records, byte_features, masked_crc32c, read_frames, scan_frames
from vae_gan3d.errors import UserError


def test_the_features_of_schema_1_are_found():
    # 16³ / 8 = 512 bytes; "chair" has 5 and "a/b.mat" 7; integers hold no bytes.
    packed = pack_grid(box_grid(16, 0, 2))
    serialized = encode_example(packed, resolution=16, label=3, class_name="chair", source="a/b.mat")
    assert byte_features(serialized) == {
        "voxels": 512,
        "resolution": -1,
        "label": -1,
        "class_name": 5,
        "source": 7,
    }


def test_the_legacy_feature_is_found():
    assert byte_features(legacy_example(bytes(300))) == {"image": 300}


def test_floats_are_passed_over():
    feature = tf.train.Feature(float_list=tf.train.FloatList(value=[1.0, 2.0]))
    example = tf.train.Example(features=tf.train.Features(feature={"weight": feature}))
    assert byte_features(example.SerializeToString()) == {"weight": -1}


def test_no_bytes_are_no_features():
    assert byte_features(b"") == {}


@pytest.mark.parametrize(
    "serialized", [b"\x0a", b"\x0a\x05\x0a", b"\x0b", b"\xff" * 12, legacy_example(bytes(300))[:-1]]
)
def test_other_bytes_are_refused(serialized):
    with pytest.raises(ValueError, match="write the record again"):
        byte_features(serialized)


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


def test_offsets_and_lengths_are_those_of_the_records(tmp_path):
    # A record of n bytes takes 12 + n + 4: the data begins at 12, at 12 + 3 + 4 + 12 = 31, and at 31 + 0 + 16 = 47.
    path = tmp_path / "a.tfrecords"
    write_tfrecords(path, [b"abc", b"", b"de"])
    frames = scan_frames(path)
    assert frames.count == 3
    assert frames.offsets.tolist() == [12, 31, 47]
    assert frames.lengths.tolist() == [3, 0, 2]
    assert frames.offsets.dtype == frames.lengths.dtype == np.int64
    assert path.read_bytes()[47:49] == b"de"


def test_an_empty_file_has_no_records(tmp_path):
    (tmp_path / "a.tfrecords").write_bytes(b"")
    assert scan_frames(tmp_path / "a.tfrecords").count == 0


@pytest.mark.parametrize("removed", [1, 4, 5, 10, 17])
def test_a_file_cut_short_names_the_byte_and_the_record(tmp_path, removed):
    # Two records of 2 bytes take 18 each: the second begins at byte 18.
    path = tmp_path / "a.tfrecords"
    write_tfrecords(path, [b"ab", b"cd"])
    path.write_bytes(path.read_bytes()[:-removed])
    with pytest.raises(UserError, match=r"cut short or damaged at byte 18 \(record 1\)"):
        scan_frames(path)


@pytest.mark.parametrize("length", [7, 2**31, 2**62, 2**64 - 1])
def test_a_forged_length_is_refused(tmp_path, length):
    path = tmp_path / "a.tfrecords"
    write_tfrecords(path, [b"abcdef"])
    path.write_bytes(struct.pack("<Q", length) + path.read_bytes()[8:])
    with pytest.raises(UserError, match="cut short or damaged at byte 0"):
        scan_frames(path)


def test_zeros_are_no_records_and_take_no_memory(tmp_path):
    # Each 16 of them are a record of length 0, but for the checksum, which is not 0.
    path = tmp_path / "a.tfrecords"
    path.write_bytes(b"")
    os.truncate(path, 64 << 30)  # which takes no room on the disk
    tracemalloc.start()
    with pytest.raises(UserError, match=r"damaged at byte 0 \(record 0\)"):
        scan_frames(path)
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_the_record_is_named_beyond_the_first_headers(tmp_path):
    # 5,000 empty records of 16 bytes each, the last of which is cut.
    path = tmp_path / "a.tfrecords"
    write_tfrecords(path, [b""] * 5000)
    assert scan_frames(path).offsets[[0, 4095, 4096, 4999]].tolist() == [12, 65_532, 65_548, 79_996]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"damaged at byte 79984 \(record 4999\)"):
        scan_frames(path)


@pytest.mark.parametrize(("data", "begins"), [(b"", True), (b"PK\x03\x04", False), (b"MATLAB 5.0 MAT-file", False)])
def test_other_files_do_not_begin_as_records(tmp_path, data, begins):
    (tmp_path / "a").write_bytes(data)
    assert begins_as_records(tmp_path / "a") == begins


def test_records_begin_as_such_though_a_later_one_is_cut(tmp_path):
    path = tmp_path / "a.tfrecords"
    write_tfrecords(path, [b"ab", b"cd"])
    for end, begins in ((36, True), (19, True), (18, True), (17, False)):
        path.write_bytes(path.read_bytes()[:end])
        assert begins_as_records(path) == begins


@pytest.mark.parametrize("read", [scan_frames, begins_as_records])
def test_an_absent_file_is_a_user_error(tmp_path, read):
    with pytest.raises(UserError, match="cannot read"):
        read(tmp_path / "absent")


@pytest.mark.parametrize("offset", range(8 + 4))
def test_a_changed_length_or_its_checksum_names_the_record(tmp_path, offset):
    # Three records of 300 bytes take 316 each; a changed length may end within the file.
    path = tmp_path / "a.tfrecords"
    write_tfrecords(path, [bytes([number]) * 300 for number in range(3)])
    for bits in (1, 2, 16, 255):
        data = bytearray(path.read_bytes())
        data[316 + offset] ^= bits
        (tmp_path / "changed.tfrecords").write_bytes(data)
        with pytest.raises(UserError, match=r"changed\.tfrecords is cut short or damaged at byte 316 \(record 1\)"):
            scan_frames(tmp_path / "changed.tfrecords")


def test_data_is_read_by_number_and_checked(tmp_path):
    path = tmp_path / "a.tfrecords"
    write_tfrecords(path, [b"abc", b"", b"de"])
    frames = scan_frames(path)
    assert read_frames(path, frames, [2, 0, 1, 2]) == [b"de", b"abc", b"", b"de"]
    assert read_frames(path, frames, []) == []
    whole = path.read_bytes()
    # The third record's data and checksum lie at 47 to 52.
    for offset in range(47, 53):
        path.write_bytes(whole[:offset] + bytes([whole[offset] ^ 1]) + whole[offset + 1 :])
        assert read_frames(path, frames, [0, 1]) == [b"abc", b""]
        with pytest.raises(UserError, match=r"damaged at byte 35 \(record 2\)"):
            read_frames(path, frames, [0, 2])
    path.write_bytes(whole[:50])
    with pytest.raises(UserError, match=r"damaged at byte 35 \(record 2\)"):
        read_frames(path, frames, [2])
