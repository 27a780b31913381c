"""Which files a shard is made of, and when it would become another one."""

import dataclasses
import hashlib
import json
import os
import pathlib

import pytest

import vae_gan3d
from tests.data.conftest import create_records, names, write
from tests.fakes import box_grid, write_mat, write_shape_tree
from vae_gan3d.config.shapes import DEFAULT_READING, ReadOptions
from vae_gan3d.data import record_writer, shards
from vae_gan3d.data.pipeline import read_record
from vae_gan3d.data.record_set import find_records
from vae_gan3d.data.sandbox import GridResult
from vae_gan3d.data.shape_files import read_grid
from vae_gan3d.data.shape_folders import find_shapes
from vae_gan3d.data.shards import find_shard, fit_grid, keep_notes, note_path, plan_shards, read_plan, write_shards
from vae_gan3d.errors import UserError

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
    assert plans(tree)[0].code != hashlib.sha256().hexdigest()  # of no code at all
    before = digests(tree)
    monkeypatch.setattr(shards, "code_digest", lambda: "other")
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


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """The plan of a shard of three chairs, which is read in this process."""

    def read_grids(paths, *, workers, options):
        return (GridResult(path, read_grid(path, options=options), None) for path in paths)

    monkeypatch.setattr(shards, "read_grids", read_grids)
    listing = find_shapes(write_shape_tree(tmp_path / "data", classes=("chair",)), ("all",), "train")
    return plan_shards(listing, ["a.tfrecords"], resolution=32, may_shrink=False, reading=DEFAULT_READING)[0]


@pytest.fixture
def folder(tmp_path, plan):
    """A folder with that shard."""
    made = tmp_path / "out" / "shards"
    made.mkdir(parents=True)
    write_shards([plan], made, workers=1, progress=False)
    return made


def test_a_shard_has_a_note(plan, folder):
    assert sorted(path.name for path in folder.iterdir()) == ["a.tfrecords", "a.tfrecords.json"]
    found = find_shard(plan, folder, folder.parent)
    assert (found.shard.name, found.shard.records, found.skipped) == ("a.tfrecords", 3, ())
    assert (found.plan, found.shard.bytes) == (plan.digest, (folder / "a.tfrecords").stat().st_size)


def test_the_bar_ends_full(plan, tmp_path, capsys):
    write_shards([plan], tmp_path, workers=1, progress=True)
    last = capsys.readouterr().err.split("\r")[-1]
    assert last.startswith("shapes to records: 100%")
    assert " 3/3 " in last


def test_a_shard_is_found_where_it_is_published_but_not_under_another_in_the_folder(plan, folder):
    target = folder.parent / "a.tfrecords"
    (folder / "a.tfrecords").rename(target)
    assert find_shard(plan, folder, folder.parent) is not None
    # This file would take the place of the other.
    (folder / "a.tfrecords").write_bytes(b"cut")
    assert find_shard(plan, folder, folder.parent) is None


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"shard": 1}', '{"shard": {}, "skipped": [], "plan": ""}'])
def test_a_damaged_note_is_none(plan, folder, note):
    note_path(folder, plan.name).write_text(note, encoding="ascii")
    assert find_shard(plan, folder, folder.parent) is None


def test_a_note_says_what_wrote_it_and_one_without_is_read(plan, folder):
    path = note_path(folder, plan.name)
    fields = json.loads(path.read_text(encoding="ascii"))
    header = {"format": "vae_gan3d.shard", "schema": 1, "version": vae_gan3d.__version__}
    assert {name: fields[name] for name in header} == header
    older = {name: value for name, value in fields.items() if name not in {*header, "digest"}}
    path.write_text(json.dumps(older), encoding="ascii")
    assert find_shard(plan, folder, folder.parent) is not None
    path.write_text(json.dumps({**older, **header, "schema": 2}), encoding="ascii")
    assert find_shard(plan, folder, folder.parent) is None


def test_a_note_of_another_plan_is_none(plan, folder):
    path = note_path(folder, plan.name)
    fields = json.loads(path.read_text(encoding="ascii"))
    path.write_text(json.dumps({**fields, "plan": "0" * 64}), encoding="ascii")
    assert find_shard(plan, folder, folder.parent) is None


def test_changed_bytes_of_the_same_length_are_found(plan, folder):
    path = folder / "a.tfrecords"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert find_shard(plan, folder, folder.parent) is None


def test_all_but_the_notes_of_the_set_is_removed(plan, folder):
    (folder / "b.tfrecords.json").touch()
    (folder / ".left").mkdir()
    keep_notes(folder, [plan.name])
    assert [path.name for path in folder.iterdir()] == ["a.tfrecords.json"]


def test_where_nothing_can_be_written_one_line_says_so(plan, folder):
    with pytest.raises(UserError, match=r"cannot write records to .*shards: No such file.*; was the folder removed\?"):
        write_shards([plan], folder / "absent", workers=1, progress=False)


def test_a_smaller_grid_is_zoomed_and_a_larger_one_pooled_only_on_request():
    # A 16³ grid with its lowest voxel set becomes a 32³ grid with the lowest 2³ block set: 8 voxels.
    assert fit_grid(box_grid(16, 0, 1), 32, may_shrink=False).sum() == 8
    assert fit_grid(box_grid(64, 0, 2), 32, may_shrink=True).sum() == 1
    with pytest.raises(UserError, match="is 64³ in a set of 32³: give --resolution=32 or make two sets"):
        fit_grid(box_grid(64, 0, 2), 32, may_shrink=False)


def test_a_note_with_a_changed_count_is_none(plan, folder):
    path = note_path(folder, plan.name)
    path.write_text(path.read_text(encoding="ascii").replace('"records": 3', '"records": 2'), encoding="ascii")
    assert find_shard(plan, folder, folder.parent) is None


class Counted:
    """Reads in this process, and counts the files of each call; the first call looks at the first grid alone."""

    def __init__(self, monkeypatch):
        self.read = []
        for module in (record_writer, shards):
            monkeypatch.setattr(module, "read_grids", self)

    def __call__(self, paths, *, workers, options):
        self.read.append(len(paths))
        return (GridResult(path, read_grid(path, options=options), None) for path in paths)

    def written_again(self):
        """The files that were read for shards since the last call of this."""
        read, self.read = self.read[1:], []
        return read


def times(folder):
    return [path.stat().st_mtime_ns for path in sorted(folder.glob("*.tfrecords"))]


def damage(path):
    path.write_bytes(path.read_bytes()[:-1] + b"?")


@pytest.mark.parametrize("mishap", [pathlib.Path.unlink, damage])
def test_of_a_set_with_a_missing_or_damaged_shard_that_one_is_written_again(
    tmp_path, tree, capsys, monkeypatch, mishap
):
    counted = Counted(monkeypatch)
    listing = find_shapes(tree, ("all",), "train")
    manifest = write(listing, tmp_path / "out", shards=4)
    # Six files in four shards: 2, 2, 1 and 1.
    assert counted.written_again() == [6]
    before = times(tmp_path / "out")
    mishap(tmp_path / "out" / "train-00001-of-00004.tfrecords")
    assert create_records(listing, tmp_path / "out", split_name="train", shards=4) == manifest
    assert counted.written_again() == [2]
    assert "note: kept 3 of 4 shards" in capsys.readouterr().err
    after = times(tmp_path / "out")
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, True, True]
    assert find_records(str(tmp_path / "out")).count == 6
    assert write(listing, tmp_path / "out", shards=4) == manifest
    assert counted.written_again() == []


def test_after_an_error_the_shards_before_it_are_not_written_again(tmp_path, tree, monkeypatch):
    counted = Counted(monkeypatch)
    listing = find_shapes(tree, ("all",), "train")
    expected = write(listing, tmp_path / "whole", shards=3)
    counted.written_again()
    encode, left = shards.encode_example, [None] * 3

    def fail_in_the_second_shard(*arguments, **options):
        left.pop()
        return encode(*arguments, **options)

    with monkeypatch.context() as patch, pytest.raises(IndexError):
        patch.setattr(shards, "encode_example", fail_in_the_second_shard)
        write(listing, tmp_path / "out", shards=3)
    # Nothing but the first shard, whole with its note, and no set.
    assert names(tmp_path / "out") == [".train.shards"]
    first = "train-00000-of-00003.tfrecords"
    assert names(tmp_path / "out" / ".train.shards") == [first, f"{first}.json"]
    counted.written_again()
    assert write(listing, tmp_path / "out", shards=3) == expected
    assert counted.written_again() == [4]
    assert [path.read_bytes() for path in sorted((tmp_path / "out").glob("*.tfrecords"))] == [
        path.read_bytes() for path in sorted((tmp_path / "whole").glob("*.tfrecords"))
    ]


def test_a_changed_file_or_another_resolution_writes_again_what_it_concerns(tmp_path, tree, monkeypatch):
    counted = Counted(monkeypatch)
    write(find_shapes(tree, ("all",), "train"), tmp_path / "out", shards=3)
    counted.written_again()
    write_mat(tree / "chair/30/train/chair_000000001_3.mat", box_grid(30, 0, 9))
    listing = find_shapes(tree, ("all",), "train")
    write(listing, tmp_path / "out", shards=3)
    # File 2 of six lies in the last of three shards.
    assert counted.written_again() == [2]
    assert read_record(find_records(str(tmp_path / "out")), 4, 32).sum() == 9**3
    assert write(listing, tmp_path / "out", shards=3, resolution=16).resolution == 16
    assert counted.written_again() == [6]


@pytest.mark.usefixtures("readers_in_this_process")
def test_bad_files_are_not_read_again_to_be_left_out(tmp_path, tree, monkeypatch):
    (tree / "chair/30/train/chair_000000001_2.mat").write_bytes(b"damage")
    (tree / "chair/30/train/chair_000000001_3.mat").write_bytes(b"damage")
    listing = find_shapes(tree, ("chair", "table"), "train")
    with pytest.raises(UserError, match="2 of 6 files"):
        write(listing, tmp_path / "out", shards=2)
    monkeypatch.setattr(shards, "read_grids", None)
    manifest = write(listing, tmp_path / "out", shards=2, skip_bad=True)
    # Files 1 and 2, of the second and the first shard, in the order of the listing.
    assert [file.path[-6:] for file in manifest.skipped] == ["_2.mat", "_3.mat"]
    assert [shard.records for shard in manifest.shards] == [2, 2]


def test_what_could_not_be_read_is_read_again_without_a_change(tmp_path, tree, monkeypatch):
    counted = Counted(monkeypatch)
    listing = find_shapes(tree, ("chair", "table"), "train")

    def read_but_the_last(paths, *, workers, options):
        *results, _ = counted(paths, workers=workers, options=options)
        yield from results
        yield GridResult(paths[-1], None, f"{paths[-1]}: took too long")

    with monkeypatch.context() as patch, pytest.raises(UserError, match="took too long"):
        patch.setattr(shards, "read_grids", read_but_the_last)
        write(listing, tmp_path / "out", shards=2)
    counted.written_again()
    assert write(listing, tmp_path / "out", shards=2).skipped == ()
    # The shard that the last file is in.
    assert counted.written_again() == [3]
