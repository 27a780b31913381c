"""A set in several shards is written again only where something is missing, damaged or changed."""

import pathlib

import pytest

from tests.fakes import box_grid, write_mat
from tests.record_writing import names, write
from vae_gan3d.errors import UserError
from vae_gan3d.records import shard_writer, writer
from vae_gan3d.records.pipeline import read_record
from vae_gan3d.records.record_set import find_records
from vae_gan3d.records.writer import create_records
from vae_gan3d.voxels.reader_process import GridResult
from vae_gan3d.voxels.readers import read_grid
from vae_gan3d.voxels.shape_folders import find_shapes


class Counted:
    """Reads in this process, and counts the files of each call; the first call looks at the first grid alone."""

    def __init__(self, monkeypatch):
        self.read = []
        for module in (writer, shard_writer):
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
    assert "note: kept 3 of 4 shards, which are whole and made of the same files" in capsys.readouterr().err
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
    encode, left = shard_writer.encode_example, [None] * 3

    def fail_in_the_second_shard(*arguments, **options):
        left.pop()
        return encode(*arguments, **options)

    with monkeypatch.context() as patch, pytest.raises(IndexError):
        patch.setattr(shard_writer, "encode_example", fail_in_the_second_shard)
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
    monkeypatch.setattr(shard_writer, "read_grids", None)
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
        patch.setattr(shard_writer, "read_grids", read_but_the_last)
        write(listing, tmp_path / "out", shards=2)
    counted.written_again()
    assert write(listing, tmp_path / "out", shards=2).skipped == ()
    # The shard that the last file is in.
    assert counted.written_again() == [3]
