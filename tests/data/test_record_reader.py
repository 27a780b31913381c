import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.fakes import box_grid, legacy_example, random_grids, write_legacy_records, write_records, write_tfrecords
from vae_gan3d.data.grids import pack_grid, resize_grid
from vae_gan3d.data.record_reader import RECORD_FEATURES, RowReader, encode_example, load_packed, read_sources
from vae_gan3d.data.record_set import find_records
from vae_gan3d.errors import UserError


def test_an_example_gives_back_what_was_put_in():
    packed = pack_grid(box_grid(16, 3, 9))
    serialized = encode_example(packed, resolution=16, label=2, class_name="bücherregal", source="x/30/train/é_1.mat")
    parsed = tf.io.parse_single_example(serialized, RECORD_FEATURES)
    assert parsed["voxels"].numpy() == packed
    assert int(parsed["resolution"]) == 16
    assert int(parsed["label"]) == 2
    assert parsed["class_name"].numpy().decode() == "bücherregal"
    assert parsed["source"].numpy().decode() == "x/30/train/é_1.mat"


def test_the_same_grid_gives_the_same_bytes():
    packed = pack_grid(box_grid(16, 3, 9))
    fields = {"resolution": 16, "label": 0, "class_name": "chair", "source": "a.mat"}
    assert encode_example(packed, **fields) == encode_example(packed, **fields)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"packed": bytes(511)}, "511 bytes"),
        ({"resolution": 30}, "resolution 30 is not possible"),
        ({"label": -1}, "label -1 is negative"),
    ],
)
def test_values_out_of_range_are_refused(change, reason):
    fields = {"packed": bytes(512), "resolution": 16, "label": 0, "class_name": "chair", "source": "a.mat", **change}
    with pytest.raises(UserError, match=reason):
        encode_example(fields.pop("packed"), **fields)


def packed_rows(grids) -> np.ndarray:
    return np.stack([np.frombuffer(pack_grid(grid), np.uint8) for grid in grids])


def test_rows_and_labels_are_in_the_order_of_the_files(tmp_path):
    # Five grids in two shards: 0, 2, 4 in the first, 1, 3 in the second.
    grids = random_grids(5, 16)
    write_records(tmp_path, grids, labels=[0, 1, 0, 1, 1], classes=("chair", "table"), shards=2)
    packed = load_packed(find_records(str(tmp_path)))
    assert np.array_equal(packed.rows, packed_rows(grids[[0, 2, 4, 1, 3]]))
    assert packed.labels.tolist() == [0, 0, 1, 1, 1]
    assert (packed.resolution, packed.rows.dtype, packed.labels.dtype) == (16, np.uint8, np.int64)


def test_a_smaller_resolution_is_pooled_while_loading(tmp_path):
    grids = random_grids(3, 64, occupancy=0.02)
    write_records(tmp_path, grids)
    packed = load_packed(find_records(str(tmp_path)), 16)
    assert packed.resolution == 16
    assert np.array_equal(packed.rows, packed_rows([resize_grid(grid, 16) for grid in grids]))


def test_a_larger_resolution_keeps_the_stored_rows(tmp_path):
    write_records(tmp_path, random_grids(2, 16))
    assert load_packed(find_records(str(tmp_path)), 64).resolution == 16


def test_legacy_records_are_packed_with_label_zero(tmp_path):
    grids = random_grids(3, 16)
    write_legacy_records(tmp_path / "train.tfrecords", grids)
    packed = load_packed(find_records(str(tmp_path / "train.tfrecords")))
    assert np.array_equal(packed.rows, packed_rows(grids))
    assert packed.labels.tolist() == [0, 0, 0]


@pytest.mark.parametrize("legacy", [False, True])
def test_reading_by_number_equals_loading(tmp_path, legacy):
    grids = random_grids(7, 32)
    if legacy:
        for number in range(2):
            write_legacy_records(tmp_path / f"train{number}.tfrecords", grids[number::2])
        found = find_records(str(tmp_path / "train*"))
    else:
        write_records(tmp_path, grids, labels=[0, 1, 0, 1, 1, 0, 1], classes=("a", "b"), shards=2)
        found = find_records(str(tmp_path))
    numbers = np.array([6, 0, 3, 3, 4], np.int64)
    for resolution in (16, 32):
        packed = load_packed(found, resolution)
        rows, labels = RowReader(found, resolution).read(numbers)
        assert np.array_equal(rows, packed.rows[numbers])
        assert np.array_equal(labels, packed.labels[numbers])


def test_a_changed_byte_names_the_file(tmp_path):
    write_records(tmp_path, random_grids(3, 16))
    path = tmp_path / "train.tfrecords"
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"train\.tfrecords is damaged after record"):
        load_packed(find_records(str(path), verify=False))


def test_a_file_that_changed_after_it_was_checked_is_found(tmp_path):
    write_records(tmp_path, random_grids(3, 16))
    found = find_records(str(tmp_path))
    write_records(tmp_path, random_grids(2, 16))
    with pytest.raises(UserError, match="is damaged after record 2"):
        load_packed(found)
    write_records(tmp_path, random_grids(4, 16))
    with pytest.raises(UserError, match="is damaged after record 0"):
        load_packed(found)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"classes": ("only",)},
            r"record 1 \(b/30/train/1\.mat\) has resolution 16 and label 1 in a set of 16³ with 1 cl",
        ),
        ({"resolution": 32}, "record 0 has 512 bytes of voxels, not the 4096 of a 32³ grid"),
        ({"legacy": True}, "records 0 to 1 .*image"),
    ],
)
def test_a_record_that_disagrees_with_its_set_is_named(tmp_path, change, reason):
    write_records(tmp_path, random_grids(2, 16), labels=[0, 1], classes=("a", "b"))
    found = dataclasses.replace(find_records(str(tmp_path)), **change)
    with pytest.raises(UserError, match=reason):
        load_packed(found)
    with pytest.raises(UserError, match="write the records again"):
        RowReader(found).read(np.array([0, 1]))


def test_legacy_values_that_are_not_zero_or_one_are_refused(tmp_path):
    # float64 of 64³ has as many bytes as uint8 of 128³; its values give it away (1.0 ends in the bytes F0 3F).
    image = np.zeros((64, 64, 64))
    image[0, 0, 0] = 1
    write_tfrecords(tmp_path / "a.tfrecords", [legacy_example(image.tobytes())])
    found = find_records(str(tmp_path / "a.tfrecords"))
    with pytest.raises(UserError, match="record 0 has the voxel value 240, not 0 or 1"):
        load_packed(found)


def test_an_impossible_resolution_is_refused(tmp_path):
    write_records(tmp_path, random_grids(1, 16))
    with pytest.raises(UserError, match="resolution 30 is not possible"):
        load_packed(find_records(str(tmp_path)), 30)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_changed_byte_of_a_single_record_is_found(tmp_path, legacy):
    path = tmp_path / "train.tfrecords"
    if legacy:
        write_legacy_records(path, random_grids(3, 16))
    else:
        write_records(tmp_path, random_grids(3, 16))
    reader = RowReader(find_records(str(path)))
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)
    reader.read(np.array([0, 1]))
    with pytest.raises(UserError, match=r"train\.tfrecords is cut short or damaged at byte \d+ \(record 2\)"):
        reader.read(np.array([1, 2]))


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
