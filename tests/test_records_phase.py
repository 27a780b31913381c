"""What writing records refuses before TensorFlow starts, and what it says."""

import dataclasses

import pytest

from tests.fakes import random_grids, write_records, write_shape_tree
from tests.solid_shapes import box_mesh, write_off
from tests.test_config import RECORDS
from vae_gan3d import phases
from vae_gan3d.errors import UserError
from vae_gan3d.folder_lock import folder_lock


class Started(Exception):
    """TensorFlow would start now."""


@pytest.fixture(autouse=True)
def no_tensorflow(monkeypatch):
    def start(*, verbose):
        raise Started

    monkeypatch.setattr(phases, "start_tensorflow", start)


@pytest.mark.parametrize(
    ("split", "command"),
    [("train", "train.py --save_path=RUN"), ("test", "test.py --phase=evaluate --checkpoint=RUN")],
)
def test_written_records_are_followed_by_what_to_do_with_them(tmp_path, monkeypatch, capsys, split, command):
    manifest = write_records(tmp_path / "out", random_grids(3, 16), split=split)
    monkeypatch.setattr(phases, "start_tensorflow", lambda *, verbose: None)
    monkeypatch.setattr("vae_gan3d.records.writer.create_records", lambda listing, folder, **_: manifest)
    data = write_shape_tree(tmp_path / "data")
    config = dataclasses.replace(
        RECORDS, data_dir=data, output_dir=tmp_path / "out", folder_split=split, split_name=split
    )
    assert phases.create_records(config) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"next: python {command} --records={tmp_path / 'out'} --split_name={split}"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"shards": 7}, "7 shards for 6 shapes are not possible"),
        ({"split_name": "a/b"}, "split name 'a/b' is no plain file name"),
    ],
)
def test_a_set_that_cannot_be_written_is_refused_before_its_folder_is_made(tmp_path, changed, message):
    config = dataclasses.replace(RECORDS, data_dir=write_shape_tree(tmp_path / "data"), output_dir=tmp_path / "out")
    with pytest.raises(UserError, match=message):
        phases.create_records(dataclasses.replace(config, **changed))
    assert not (tmp_path / "out").exists()
    with pytest.raises(Started):
        phases.create_records(config)


def test_the_layout_that_was_found_is_named(tmp_path, capsys):
    data = write_shape_tree(tmp_path / "data")
    with pytest.raises(Started):
        phases.create_records(dataclasses.replace(RECORDS, data_dir=data, output_dir=tmp_path / "out"))
    assert capsys.readouterr().out == (
        f"found 6 shapes of the split train in {data}, laid out as 3D ShapeNets (CLASS/30/{{train,test}}/*.mat)\n"
    )


def test_how_meshes_are_turned_is_said_once(tmp_path, capsys):
    pytest.importorskip("trimesh")
    for name in ("a", "b"):
        write_off(tmp_path / f"data/box/train/{name}.off", box_mesh())
    with pytest.raises(Started):
        phases.create_records(dataclasses.replace(RECORDS, data_dir=tmp_path / "data", output_dir=tmp_path / "out"))
    assert capsys.readouterr().out.splitlines()[1:] == ["meshes are read with z up (--up_axis)"]


def test_a_folder_of_meshes_needs_trimesh(tmp_path, monkeypatch):
    write_off(tmp_path / "data/box/train/a.off", box_mesh())
    config = dataclasses.replace(RECORDS, data_dir=tmp_path / "data", output_dir=tmp_path / "out")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"^reading meshes needs trimesh: pip install trimesh$"):
        phases.create_records(config)
    assert not (tmp_path / "out").exists()


def test_beam_is_missed_before_anything_is_made(tmp_path, monkeypatch):
    data = write_shape_tree(tmp_path / "data")
    config = dataclasses.replace(RECORDS, data_dir=data, output_dir=tmp_path / "out", runner="beam")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"^--runner=beam needs Apache Beam"):
        phases.create_records(config)
    assert not (tmp_path / "out").exists()


def test_one_set_is_written_by_one_process_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(phases, "start_tensorflow", lambda *, verbose: None)
    data, out = write_shape_tree(tmp_path / "data"), tmp_path / "out"
    out.mkdir()
    config = dataclasses.replace(RECORDS, data_dir=data, output_dir=out, folder_split="train", split_name="train")
    with (
        folder_lock(out, "--output_dir", ".train.lock"),
        pytest.raises(UserError, match=r"out is in use by process \d+ on .* another --output_dir or --split_name"),
    ):
        phases.create_records(config)
    assert list(out.iterdir()) == []
