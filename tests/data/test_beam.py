"""Where Apache Beam is missing, one line says what to do."""

import importlib.util
import json

import numpy as np
import pytest

from tests.data.conftest import create_records
from tests.fakes import box_grid, write_mat, write_shape_tree
from vae_gan3d.config.shapes import DEFAULT_READING
from vae_gan3d.data import beam_package, shards
from vae_gan3d.data.record_set import find_records
from vae_gan3d.data.shape_folders import find_shapes
from vae_gan3d.data.shards import plan_shards
from vae_gan3d.errors import UserError


def test_without_beam_one_line_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(beam_package.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        UserError,
        match=r"^--runner=beam needs Apache Beam, .*pip install .*-r requirements-beam.lock",
    ):
        beam_package.require_beam()


def test_with_beam_nothing_is_said(monkeypatch):
    monkeypatch.setattr(beam_package.importlib.util, "find_spec", lambda name: name == "apache_beam")
    beam_package.require_beam()


pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("apache_beam") is None, reason="Apache Beam is not installed here: make test-beam"
)
PROCESSES = ("--direct_num_workers=2", "--direct_running_mode=multi_processing")


@pytest.fixture
def listing(tmp_path):
    """Ten shapes of two classes, of which one is damaged, one empty, and one larger than the others."""
    tree = write_shape_tree(tmp_path / "data", train=5)
    (tree / "chair/30/train/chair_000000001_2.mat").write_bytes(b"damage")
    write_mat(tree / "chair/30/train/chair_000000001_3.mat", np.zeros((30, 30, 30)))
    write_mat(tree / "table/30/train/table_000000001_5.mat", box_grid(40, 0, 40))
    return find_shapes(tree, ("table", "chair"), "train")


def write(listing, folder, **options):
    arguments = {"split_name": "train", "shards": 3, "skip_bad": True, "workers": 1, "progress": False, **options}
    return create_records(listing, folder, **arguments)


def contents(folder):
    """The bytes of a set's files by their names; the manifest is one of them."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("options", [(), PROCESSES])
def test_shards_and_manifest_are_those_of_the_local_way(tmp_path, listing, options):
    manifest = write(listing, tmp_path / "local")
    assert write(listing, tmp_path / "beam", beam_options=options) == manifest
    assert contents(tmp_path / "beam") == contents(tmp_path / "local")
    assert [len(manifest.skipped), manifest.records, find_records(str(tmp_path / "beam")).count] == [3, 7, 7]
    assert sorted(path.suffix for path in (tmp_path / "beam" / ".train.shards").iterdir()) == [".json"] * 3


def test_after_a_failure_only_the_missing_shards_are_written(tmp_path, listing, monkeypatch):
    write(listing, tmp_path / "local")
    write_shard, written = shards._write_shard, []

    def fail_in_the_second(plan, folder, results):
        if "00001" in plan.name:
            raise OSError(28, "No space left on device")
        write_shard(plan, folder, results)

    def note_and_write(plan, folder, results):
        written.append(plan.name)
        write_shard(plan, folder, results)

    monkeypatch.setattr(shards, "_write_shard", fail_in_the_second)
    with pytest.raises(UserError, match=r"^Beam's pipeline failed \(cannot write records .*No space left") as caught:
        write(listing, tmp_path / "beam", beam_options=())
    assert "\n" not in str(caught.value)
    notes = [json.loads(path.read_text()) for path in (tmp_path / "beam" / ".train.shards").glob("*.json")]
    kept = {note["shard"]["name"] for note in notes}
    monkeypatch.setattr(shards, "_write_shard", note_and_write)
    write(listing, tmp_path / "beam", beam_options=())
    names = {f"train-0000{number}-of-00003.tfrecords" for number in range(3)}
    assert "train-00001-of-00003.tfrecords" in written
    assert kept
    assert (set(written), len(written)) == (names - kept, 3 - len(kept))
    assert contents(tmp_path / "beam") == contents(tmp_path / "local")


def test_a_shard_that_was_removed_is_written_by_beam_and_the_others_stay(tmp_path, listing):
    write(listing, tmp_path / "out")
    before = contents(tmp_path / "out")
    times = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.tfrecords")}
    (tmp_path / "out" / "train-00002-of-00003.tfrecords").unlink()
    write(listing, tmp_path / "out", beam_options=())
    assert contents(tmp_path / "out") == before
    same = [name for name, time in times.items() if (tmp_path / "out" / name).stat().st_mtime_ns == time]
    assert sorted(same) == ["train-00000-of-00003.tfrecords", "train-00001-of-00003.tfrecords"]


def test_a_repeated_element_writes_nothing_again(tmp_path, listing, monkeypatch):
    from vae_gan3d.data import beam

    plan = plan_shards(listing, ["a.tfrecords"], resolution=32, may_shrink=False, reading=DEFAULT_READING)[0]
    (tmp_path / "a.plan").write_text(plan.text, encoding="ascii")
    beam.write_planned_shard(str(tmp_path / "a.plan"), workers=1)
    monkeypatch.setattr(shards, "read_grids", None)
    beam.write_planned_shard(str(tmp_path / "a.plan"), workers=1)
    assert (tmp_path / "a.tfrecords.json").is_file()
    with pytest.raises(UserError, match=r"cannot read .*b\.plan.*all machines must share the output folder"):
        beam.write_planned_shard(str(tmp_path / "b.plan"), workers=1)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--direct_num_workers=x",), "--beam_options: argument --direct_num_workers: invalid int value: 'x'"),
        (("--runner=NoRunner",), "Beam's pipeline failed .*NoRunner"),
    ],
)
def test_wrong_options_are_refused_in_one_line(tmp_path, listing, options, reason):
    with pytest.raises(UserError, match=reason):
        write(listing, tmp_path / "out", beam_options=options)


def test_an_option_that_beam_does_not_know_is_noted(tmp_path, listing, capsys):
    write(listing, tmp_path / "out", beam_options=("--direct_workers=2",))
    assert "note: Beam knows no option --direct_workers; only its runner may" in capsys.readouterr().err
