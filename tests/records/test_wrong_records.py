"""What is said of paths that are no records."""

import pytest

from tests.fakes import random_grids, write_legacy_records, write_mat, write_records
from vae_gan3d.errors import UserError
from vae_gan3d.records.record_set import find_records
from vae_gan3d.records.wrong_records import describe_absent, describe_folder, describe_wrong_file

WRITE = "write them as records first, python create_tf_record.py --data_dir={} --output_dir=RECORDS"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("generator.weights.h5", "which create_tf_record.py writes: give one, or the folder of one"),
        ("chair.mat", f"but holds shapes, by its name: {WRITE.format('FOLDER')}"),
        ("CHAIR.OFF", f"but holds shapes, by its name: {WRITE.format('FOLDER')}"),
        ("volumetric_data.zip", f"but an archive: unpack it, and where it holds shapes {WRITE.format('FOLDER')}"),
        ("notes.pdf", "which create_tf_record.py writes: give one, or the folder of one"),
    ],
)
def test_a_file_of_another_kind(tmp_path, name, expected):
    assert describe_wrong_file(tmp_path / name) == f"{tmp_path / name} is not a .tfrecords file, {expected}"


def test_files_beside_records(tmp_path):
    write_records(tmp_path, random_grids(1, 16))
    write_records(tmp_path, random_grids(1, 16), split="test")
    manifest, other = describe_wrong_file(tmp_path / "train.json"), describe_wrong_file(tmp_path / "train.csv")
    assert manifest.endswith(
        f"train.json is not a .tfrecords file, but what describes those beside it: give {tmp_path}"
    )
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
