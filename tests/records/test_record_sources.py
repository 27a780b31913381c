"""Which files records came from."""

import pytest

from tests.fakes import random_grids, write_legacy_records, write_records
from vae_gan3d.records.record_set import find_records
from vae_gan3d.records.record_sources import read_sources


@pytest.mark.parametrize("shards", [1, 3])
def test_sources_of_records_in_any_order(tmp_path, shards):
    classes = ("chair", "table")
    write_records(tmp_path, random_grids(7, 16), labels=[0, 1, 0, 1, 0, 1, 0], classes=classes, shards=shards)
    records = find_records(str(tmp_path))
    # The writer deals grid i to shard i % shards, and records count file by file.
    order = [item for shard in range(shards) for item in range(shard, 7, shards)]
    expected = [f"{classes[item % 2]}/30/train/{item}.mat" for item in order]
    assert read_sources(records, range(7)) == expected
    assert read_sources(records, [6, 0, 3]) == [expected[6], expected[0], expected[3]]
    assert read_sources(records, []) == []


def test_legacy_records_do_not_tell(tmp_path):
    write_legacy_records(tmp_path / "train.tfrecords", random_grids(2, 64))
    assert read_sources(find_records(str(tmp_path / "train.tfrecords")), [1, 0]) == ["", ""]


@pytest.mark.parametrize("number", [-1, 2])
def test_a_record_that_is_not_there_is_refused(tmp_path, number):
    write_records(tmp_path, random_grids(2, 16))
    with pytest.raises(ValueError, match=f"there is no record {number}: the set has 2, counted from 0"):
        read_sources(find_records(str(tmp_path)), [0, number])
