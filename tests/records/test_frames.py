import struct

import numpy as np
import pytest

from tests.fakes import write_tfrecords
from vae_gan3d.errors import UserError
from vae_gan3d.records.frames import begins_as_records, scan_frames


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
