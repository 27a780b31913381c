import dataclasses

import numpy as np
import pytest

from tests.fakes import legacy_example, random_grids, write_legacy_records, write_mat, write_records, write_tfrecords
from vae_gan3d.data.manifest import read_manifest, write_manifest
from vae_gan3d.data.record_set import (
    LEGACY_CLASSES,
    describe_absent,
    describe_folder,
    describe_wrong_file,
    find_records,
    is_legacy,
)
from vae_gan3d.errors import UserError


def refusal(records, **options) -> str:
    with pytest.raises(UserError) as caught:
        find_records(str(records), **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def three_shards(tmp_path):
    """Seven grids of 16³ in three shards of 3, 2 and 2."""
    write_records(tmp_path, random_grids(7, 16), shards=3)
    return tmp_path


def test_a_file_a_folder_and_a_pattern_name_the_same_set(tmp_path):
    write_records(tmp_path, random_grids(4, 16), labels=[0, 1, 1, 0], classes=("chair", "table"))
    for records in (tmp_path / "train.tfrecords", tmp_path, tmp_path / "tr*.tfrecords"):
        found = find_records(str(records))
        assert found.files == (tmp_path / "train.tfrecords",)
        assert (found.count, found.resolution, found.classes, found.legacy) == (4, 16, ("chair", "table"), False)
        assert found.manifest.split == "train"
        assert found.frames[0].count == 4


def test_a_folder_with_shards_gives_all_of_them(three_shards):
    found = find_records(str(three_shards))
    assert [index.count for index in found.frames] == [3, 2, 2]
    assert found.count == 7


def test_one_shard_stands_for_itself(three_shards):
    (three_shards / "train-00000-of-00003.tfrecords").unlink()
    found = find_records(str(three_shards / "train-00002-of-00003.tfrecords"))
    assert (len(found.files), found.count) == (1, 2)


def test_a_folder_of_several_sets_gives_the_named_one(tmp_path):
    for split, count in (("train", 3), ("test", 2)):
        write_records(tmp_path, random_grids(count, 16), split=split)
    assert find_records(str(tmp_path)).count == 3
    assert find_records(str(tmp_path), "test").count == 2
    assert "holds no set 'other' but test, train" in refusal(tmp_path, split_name="other")
    assert "several sets (test, train)" in refusal(tmp_path / "*.tfrecords")


def test_the_only_set_of_a_folder_needs_no_name(tmp_path):
    write_records(tmp_path, random_grids(2, 16), split="chairs")
    assert find_records(str(tmp_path)).count == 2


def test_a_folder_whose_name_looks_like_a_pattern_is_found(tmp_path):
    write_records(tmp_path / "set[1]", random_grids(2, 16))
    assert find_records(str(tmp_path / "set[1]" / "train.tfrecords")).count == 2


def test_what_matches_nothing_is_refused(tmp_path):
    assert "no records match" in refusal(tmp_path / "absent.tfrecords")
    assert "no records match" in refusal(tmp_path / "*.tfrecords")
    assert "holds no .tfrecords files" in refusal(tmp_path)


def test_a_missing_shard_is_named(three_shards):
    (three_shards / "train-00001-of-00003.tfrecords").unlink()
    assert "train-00001-of-00003.tfrecords is missing" in refusal(three_shards)
    assert "train-00001-of-00003.tfrecords is missing" in refusal(three_shards / "train-*")


def test_shards_left_by_another_set_are_no_part_of_it(tmp_path):
    write_records(tmp_path, random_grids(4, 16), shards=2)
    (tmp_path / "train.json").rename(tmp_path / "kept")
    write_records(tmp_path, random_grids(3, 16))
    assert find_records(str(tmp_path)).files == (tmp_path / "train.tfrecords",)
    message = refusal(tmp_path / "train-00000-of-00002.tfrecords")
    assert "is not a file of the set in" in message


def test_a_missing_manifest_means_an_incomplete_set(tmp_path):
    write_records(tmp_path, random_grids(2, 16))
    (tmp_path / "train.json").unlink()
    assert "train.json is missing: the set is not complete; run create_tf_record.py again" in refusal(tmp_path)


def test_a_file_cut_at_the_edge_of_a_record_is_found_by_its_bytes(tmp_path):
    write_records(tmp_path, random_grids(3, 16))
    path = tmp_path / "train.tfrecords"
    last = find_records(str(path)).frames[0].offsets[-1] - 12
    path.write_bytes(path.read_bytes()[:last])
    assert f"train.tfrecords has {last} bytes, but" in refusal(path)


def test_a_wrong_count_is_found(tmp_path):
    manifest = write_records(tmp_path, random_grids(3, 16))
    shard = dataclasses.replace(manifest.shards[0], records=4)
    write_manifest(tmp_path / "train.json", dataclasses.replace(manifest, shards=(shard,)))
    assert "train.tfrecords has 3 records, but 4 in its manifest" in refusal(tmp_path)


def test_one_changed_byte_is_found_by_the_digest_unless_that_is_left_out(tmp_path):
    write_records(tmp_path, random_grids(3, 16))
    path = tmp_path / "train.tfrecords"
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    assert "sha256 differs" in refusal(path)
    assert find_records(str(path), verify=False).count == 3


def test_an_empty_set_is_refused(tmp_path):
    write_records(tmp_path, random_grids(1, 16))
    write_tfrecords(tmp_path / "train.tfrecords", [])
    manifest = read_manifest(tmp_path / "train.json")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    shard = dataclasses.replace(manifest.shards[0], records=0, bytes=0, sha256=empty)
    write_manifest(tmp_path / "train.json", dataclasses.replace(manifest, shards=(shard,)))
    assert "holds no records" in refusal(tmp_path)


@pytest.mark.parametrize("side", [16, 64])
def test_legacy_records_are_known_by_their_image(tmp_path, side):
    write_legacy_records(tmp_path / "train.tfrecords", random_grids(2, side))
    found = find_records(str(tmp_path / "train.tfrecords"))
    assert (found.legacy, found.resolution, found.count, found.manifest) == (True, side, 2, None)
    assert found.classes == LEGACY_CLASSES
    assert is_legacy(tmp_path / "train.tfrecords")


def test_records_of_schema_1_are_not_legacy(tmp_path):
    write_records(tmp_path, random_grids(1, 16))
    assert not is_legacy(tmp_path / "train.tfrecords")


def test_legacy_images_that_are_no_cube_are_refused(tmp_path):
    write_tfrecords(tmp_path / "a.tfrecords", [legacy_example(bytes(30**3))])
    assert "has images of 27000 bytes" in refusal(tmp_path / "a.tfrecords")


def test_legacy_files_of_two_resolutions_are_refused(tmp_path):
    for side in (16, 32):
        write_legacy_records(tmp_path / f"a{side}.tfrecords", random_grids(1, side))
    assert "(a16.tfrecords 16³, a32.tfrecords 32³)" in refusal(tmp_path / "a*")


def test_a_legacy_file_that_is_empty_or_of_another_kind_is_refused(tmp_path):
    (tmp_path / "a.tfrecords").write_bytes(b"")
    assert "holds no records" in refusal(tmp_path / "a.tfrecords")
    write_tfrecords(tmp_path / "b.tfrecords", [b"no example"])
    assert "holds neither 'voxels' nor 'image'" in refusal(tmp_path / "b.tfrecords")
    (tmp_path / "c.tfrecords").write_bytes(np.arange(100, dtype=np.uint8).tobytes())
    assert "cut short or damaged" in refusal(tmp_path / "c.tfrecords")


WRITE = "write them as records first, python create_tf_record.py --data_dir={} --output_dir=RECORDS"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("generator.weights.h5", "which create_tf_record.py writes: give one, or the folder of one"),
        ("chair.mat", f"but holds shapes, by its name: {WRITE.format('FOLDER')}"),
        ("CHAIR.OFF", f"but holds shapes, by its name: {WRITE.format('FOLDER')}"),
        ("volumetric_data.zip", f"but an archive: unpack it, and if it holds shapes {WRITE.format('FOLDER')}"),
        ("notes.pdf", "which create_tf_record.py writes: give one, or the folder of one"),
    ],
)
def test_a_file_of_another_kind(tmp_path, name, expected):
    assert describe_wrong_file(tmp_path / name) == f"{tmp_path / name} is not a .tfrecords file, {expected}"


def test_files_beside_records(tmp_path):
    write_records(tmp_path, random_grids(1, 16))
    write_records(tmp_path, random_grids(1, 16), split="test")
    manifest, other = describe_wrong_file(tmp_path / "train.json"), describe_wrong_file(tmp_path / "train.csv")
    assert manifest.endswith(f"give {tmp_path}")
    assert other.endswith(f"give one, or the folder of one; {tmp_path} holds test.tfrecords, train.tfrecords")


def test_a_folder_of_shapes_a_run_and_a_folder_above_records(tmp_path):
    for name in ("shapes/chair/30/train/a.mat", "run/samples.npy", "run/model.ckpt-3.index"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    write_records(tmp_path / "above" / "records", random_grids(1, 16))
    found = {name: describe_folder(tmp_path / name) for name in ("shapes", "run", "above")}
    shapes = tmp_path / "shapes"
    assert found["shapes"] == f"{shapes} holds no .tfrecords files, but shapes: {WRITE.format(shapes)}"
    assert found["run"].endswith(
        "holds no .tfrecords files: write some with create_tf_record.py, or give another folder"
    )
    assert found["above"].endswith(f"files itself: give a folder in it that does, {tmp_path / 'above' / 'records'}")


def test_what_is_absent_is_answered_with_what_lies_beside_it(tmp_path):
    write_records(tmp_path / "records", random_grids(1, 16))
    (tmp_path / "empty").mkdir()
    wanted = "give a .tfrecords file, a folder or a pattern"
    given = tmp_path / "records" / "tran.tfrecords"
    assert describe_absent(str(given)) == (
        f"no records match '{given}': {wanted}; {tmp_path / 'records'} holds train.tfrecords"
    )
    given = tmp_path / "record"
    assert describe_absent(str(given)).endswith(f"{wanted}; there are records in {tmp_path / 'records'}")
    assert describe_absent(str(tmp_path / "empty" / "*")).endswith(wanted)


def test_records_of_another_name_are_read_all_the_same(tmp_path):
    write_legacy_records(tmp_path / "old.mat", random_grids(2, 16))
    assert find_records(str(tmp_path / "old.mat")).count == 2


def test_what_is_no_record_file_is_refused_by_its_first_bytes(tmp_path):
    write_mat(tmp_path / "chair.mat", random_grids(1, 16)[0])
    for name in ("chair.mat", "*.mat"):
        with pytest.raises(UserError, match=r"chair\.mat is not a \.tfrecords file, but holds shapes"):
            find_records(str(tmp_path / name))
    with pytest.raises(UserError, match=r"holds no \.tfrecords files, but shapes"):
        find_records(str(tmp_path))
    with pytest.raises(UserError, match="no records match"):
        find_records(str(tmp_path / "absent"))
