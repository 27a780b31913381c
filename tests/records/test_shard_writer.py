"""Shards and the notes beside them."""

import json

import pytest

import vae_gan3d
from tests.fakes import box_grid, write_shape_tree
from vae_gan3d.errors import UserError
from vae_gan3d.records import shard_writer
from vae_gan3d.records.shard_plan import plan_shards
from vae_gan3d.records.shard_writer import find_shard, fit_grid, keep_notes, note_path, write_shards
from vae_gan3d.voxels.read_options import DEFAULT_READING
from vae_gan3d.voxels.reader_process import GridResult
from vae_gan3d.voxels.readers import read_grid
from vae_gan3d.voxels.shape_folders import find_shapes


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """The plan of a shard of three chairs, which is read in this process."""

    def read_grids(paths, *, workers, options):
        return (GridResult(path, read_grid(path, options=options), None) for path in paths)

    monkeypatch.setattr(shard_writer, "read_grids", read_grids)
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
