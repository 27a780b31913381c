"""Which files a shard is made of, and when it would become another one."""

import dataclasses
import os

import pytest

from tests.fakes import write_shape_tree
from vae_gan3d.records import shard_plan
from vae_gan3d.records.shard_plan import plan_shards, read_plan
from vae_gan3d.voxels.read_options import ReadOptions
from vae_gan3d.voxels.shape_folders import find_shapes

READING = ReadOptions(32, "surface", "y")


@pytest.fixture
def tree(tmp_path):
    return write_shape_tree(tmp_path / "data")


def plans(tree, classes=("all",), names=("a", "b"), **changed):
    options = {"resolution": 32, "may_shrink": False, "reading": READING, **changed}
    return plan_shards(find_shapes(tree, classes, "train"), names, **options)


def digests(tree, **changed):
    return [plan.digest for plan in plans(tree, **changed)]


def test_files_are_dealt_in_turn_with_their_labels(tree):
    first, second = plans(tree)
    assert [(file.source, file.label) for file in second.files] == [
        ("chair/30/train/chair_000000001_2.mat", 0),
        ("table/30/train/table_000000001_1.mat", 1),
        ("table/30/train/table_000000001_3.mat", 1),
    ]
    assert (first.name, second.name, len(first.files)) == ("a", "b", 3)
    assert all(path.is_absolute() and path.is_file() for path in first.paths)
    assert first.files[0].size == first.paths[0].stat().st_size


def test_a_plan_comes_back_from_its_text(tree):
    for plan in plans(tree):
        assert read_plan(plan.text) == plan


def test_a_name_that_is_no_unicode_comes_back_from_the_text(tree):
    plan = plans(tree)[0]
    odd = dataclasses.replace(plan, files=(dataclasses.replace(plan.files[0], source=os.fsdecode(b"chair/\xff.mat")),))
    assert read_plan(odd.text) == odd
    assert len(odd.digest) == 64


@pytest.mark.parametrize(
    "changed",
    [
        {"resolution": 16},
        {"may_shrink": True},
        {"reading": ReadOptions(32, "solid", "y")},
        {"names": ("c", "d")},
        {"names": ("a", "b", "c")},
        {"classes": ("table", "chair")},
    ],
)
def test_other_options_are_another_plan(tree, changed):
    assert digests(tree) == digests(tree)
    assert not set(digests(tree)).intersection(digests(tree, **changed))


def test_a_changed_file_changes_the_plan_of_its_shard_alone(tree):
    before = digests(tree)
    os.utime(tree / "chair/30/train/chair_000000001_1.mat", ns=(1, 1))
    after = digests(tree)
    assert (after[0] == before[0], after[1] == before[1]) == (False, True)


def test_other_code_is_another_plan(tree, monkeypatch):
    before = digests(tree)
    monkeypatch.setattr(shard_plan, "_code_digest", lambda: "other")
    assert not set(before).intersection(digests(tree))


def test_a_file_that_is_gone_is_left_to_reading(tree):
    listing = find_shapes(tree, ("all",), "train")
    listing.files[0].path.unlink()
    plan = plan_shards(listing, ["a"], resolution=32, may_shrink=False, reading=READING)[0]
    assert (plan.files[0].size, plan.files[0].modified) == (-1, -1)


def test_another_bin_file_of_a_gltf_is_another_plan(tmp_path):
    # At the same size, as where an exporter wrote the numbers anew.
    (tmp_path / "mug").mkdir()
    for name in ("a.gltf", "a.bin"):
        (tmp_path / "mug" / name).write_bytes(b"1234")
    before = digests(tmp_path, names=("a",))
    assert digests(tmp_path, names=("a",)) == before
    (tmp_path / "mug" / "a.bin").write_bytes(b"4321")
    os.utime(tmp_path / "mug" / "a.bin", ns=(1, 10**18 * 3))
    assert digests(tmp_path, names=("a",)) != before
