import json
import pathlib

import pytest

from vae_gan3d.data.manifest import (
    Manifest,
    Shard,
    SkippedFile,
    manifest_path,
    read_manifest,
    set_name,
    shard_names,
    write_manifest,
)
from vae_gan3d.errors import UserError

MANIFEST = Manifest(
    split="train",
    resolution=32,
    classes=("chair", "table"),
    shards=(
        Shard("train-00000-of-00002.tfrecords", 3, 99, "a" * 64),
        Shard("train-00001-of-00002.tfrecords", 2, 66, "0" * 64),
    ),
    skipped=(SkippedFile("chair/30/train/x.mat", "is not cubic"),),
    version="0.1.0",
)


def test_a_manifest_is_read_as_it_was_written(tmp_path):
    write_manifest(tmp_path / "train.json", MANIFEST)
    assert read_manifest(tmp_path / "train.json") == MANIFEST
    assert MANIFEST.records == 5
    fields = json.loads((tmp_path / "train.json").read_text())
    assert (fields["format"], fields["schema"]) == ("vae_gan3d.records", 1)
    assert fields["shards"][0] == {
        "name": "train-00000-of-00002.tfrecords",
        "records": 3,
        "bytes": 99,
        "sha256": "a" * 64,
    }


def test_names_of_one_file_and_of_shards():
    assert shard_names("train", 1) == ("train.tfrecords",)
    assert shard_names("test", 2) == ("test-00000-of-00002.tfrecords", "test-00001-of-00002.tfrecords")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("train.tfrecords", "train"),
        ("train-00003-of-00008.tfrecords", "train"),
        ("my-set-00003-of-00008.tfrecords", "my-set"),
        ("my-set.tfrecords", "my-set"),
        ("train.v2.tfrecords", "train.v2"),
    ],
)
def test_a_file_leads_to_its_manifest(file, name):
    assert set_name(file) == name
    assert manifest_path(pathlib.Path("folder") / file) == pathlib.Path("folder") / f"{name}.json"


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("format", "other", "of format other, not vae_gan3d.records"),
        ("schema", 2, "schema 2, and this program reads up to 1): update this program"),
        ("schema", True, "schema is True"),
        ("resolution", 30, "resolution is 30"),
        ("resolution", "32", "resolution is '32'"),
        ("classes", "chair", "classes is of type str"),
        ("classes", [], "classes are none"),
        ("classes", [1], "a class is of type int"),
        ("classes", ["a", "a"], "one is named twice"),
        ("shards", [], "shards are none"),
        ("shards", [1], "a shard is of type int"),
        ("split", None, "split is of type NoneType"),
        ("skipped", [{}], "'path' is missing"),
        ("version", 1, "version is of type int"),
    ],
)
def test_a_wrong_field_is_named(tmp_path, key, value, reason):
    write_manifest(tmp_path / "train.json", MANIFEST)
    fields = json.loads((tmp_path / "train.json").read_text())
    (tmp_path / "train.json").write_text(json.dumps({**fields, key: value}))
    with pytest.raises(UserError) as caught:
        read_manifest(tmp_path / "train.json")
    assert reason in str(caught.value)
    assert str(tmp_path / "train.json") in str(caught.value)


@pytest.mark.parametrize("key", ["format", "schema", "split", "resolution", "classes", "shards", "skipped", "version"])
def test_a_missing_field_is_named(tmp_path, key):
    write_manifest(tmp_path / "train.json", MANIFEST)
    fields = json.loads((tmp_path / "train.json").read_text())
    del fields[key]
    (tmp_path / "train.json").write_text(json.dumps(fields))
    with pytest.raises(UserError, match=f"'{key}' is missing"):
        read_manifest(tmp_path / "train.json")


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("name", "../train.tfrecords", "a shard's name is"),
        ("name", "C:\\train.tfrecords", "a shard's name is"),
        ("name", "train.txt", "a shard's name is"),
        ("records", -1, "is negative"),
        ("records", 1.5, "records of .* is of type float"),
        ("bytes", True, "bytes of .* is of type bool"),
        ("sha256", "a" * 63, "not 64 hexadecimal digits"),
        ("sha256", "G" * 64, "not 64 hexadecimal digits"),
    ],
)
def test_a_wrong_shard_is_refused(tmp_path, key, value, reason):
    write_manifest(tmp_path / "train.json", MANIFEST)
    fields = json.loads((tmp_path / "train.json").read_text())
    fields["shards"][0][key] = value
    (tmp_path / "train.json").write_text(json.dumps(fields))
    with pytest.raises(UserError, match=reason):
        read_manifest(tmp_path / "train.json")


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000], ids=["empty", "cut", "bytes", "deep"])
def test_what_is_no_json_is_a_user_error(tmp_path, data):
    (tmp_path / "train.json").write_bytes(data)
    with pytest.raises(UserError, match="is not a JSON file"):
        read_manifest(tmp_path / "train.json")


def test_what_is_no_object_and_what_is_absent_are_user_errors(tmp_path):
    (tmp_path / "train.json").write_text("[]")
    with pytest.raises(UserError, match="the whole is of type list"):
        read_manifest(tmp_path / "train.json")
    with pytest.raises(UserError, match="cannot read"):
        read_manifest(tmp_path / "absent.json")


@pytest.mark.parametrize(("old", "new"), [("chair", "Chair"), ('"records": 3', '"records": 4'), ("0.1.0", "0.1.1")])
def test_a_change_that_makes_sense_is_found_too(tmp_path, old, new):
    path = tmp_path / "train.json"
    write_manifest(path, MANIFEST)
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(UserError, match=r"train\.json is not a manifest .*: it was changed after it was written"):
        read_manifest(path)


def test_a_manifest_of_before_has_no_digest(tmp_path):
    path = tmp_path / "train.json"
    write_manifest(path, MANIFEST)
    fields = json.loads(path.read_text())
    del fields["digest"]
    path.write_text(json.dumps(fields))
    assert read_manifest(path) == MANIFEST
