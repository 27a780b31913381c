"""What writing records refuses before TensorFlow starts, and what it says."""

import dataclasses

import numpy as np
import PIL.Image
import pytest

from tests.conftest import RECORDS
from tests.fakes import box_mesh, random_grids, write_mat, write_off, write_records, write_shape_tree
from vae_gan3d import phases
from vae_gan3d.config.shapes import ReadOptions
from vae_gan3d.data.grids import pad_grid
from vae_gan3d.data.pipeline import read_labeled_record
from vae_gan3d.data.record_reader import read_sources
from vae_gan3d.data.record_set import find_records
from vae_gan3d.data.shape_files import read_grid
from vae_gan3d.errors import UserError
from vae_gan3d.files import folder_lock


class Started(Exception):
    """TensorFlow would start now."""


@pytest.fixture(autouse=True)
def no_tensorflow(monkeypatch):
    def start(*, verbose):
        raise Started

    monkeypatch.setattr(phases, "start_tensorflow", start)


@pytest.mark.parametrize(
    ("split", "command"),
    [
        ("train", "train.py --flagfile=quick32 --save_path=RUN"),
        ("test", "test.py --phase=evaluate --checkpoint=RUN"),
    ],
)
def test_written_records_are_followed_by_what_to_do_with_them(tmp_path, monkeypatch, capsys, split, command):
    manifest = write_records(tmp_path / "out", random_grids(3, 16), split=split)
    monkeypatch.setattr(phases, "start_tensorflow", lambda *, verbose: None)
    monkeypatch.setattr("vae_gan3d.data.record_writer.create_record_sets", lambda *_, **__: {split: manifest})
    data = write_shape_tree(tmp_path / "data")
    config = dataclasses.replace(
        RECORDS, data_dir=data, output_dir=tmp_path / "out", folder_split=split, split_name=split
    )
    assert phases.create_records(config) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"next: python {command} --records={tmp_path / 'out'} --split_name={split}"


def write(data, out, monkeypatch, **changed):
    """Writes records of a folder as the script does."""
    monkeypatch.setattr(phases, "start_tensorflow", lambda *, verbose: None)
    config = dataclasses.replace(RECORDS, data_dir=data, output_dir=out, workers=1, **changed)
    assert phases.create_records(config) == 0


def test_classes_are_counted_and_the_first_shapes_drawn(tmp_path, monkeypatch, capsys):
    data, out = write_shape_tree(tmp_path / "data", train=5), tmp_path / "my out"
    write_mat(data / "chair/30/train/chair_000000001_2.mat", np.zeros((30, 30, 30)))  # left out
    write(data, out, monkeypatch, shards=3)
    lines = capsys.readouterr().out.splitlines()
    assert "classes of train: chair 4, table 5" in lines
    assert any(str(out / "train.png") in line and "z, the last axis, is up" in line for line in lines)
    assert lines[-1].endswith(f"'--records={out}' --split_name=train")
    with PIL.Image.open(out / "train.png") as picture:
        assert picture.format == "PNG"
    # The picture is no part of the set.
    assert find_records(str(out)).count == 9


def test_the_picture_shows_the_records(tmp_path, monkeypatch):
    data, out = write_shape_tree(tmp_path / "data", train=5), tmp_path / "out"
    write_mat(data / "chair/30/train/chair_000000001_2.mat", np.zeros((30, 30, 30)))
    drawn = []
    monkeypatch.setattr(
        "vae_gan3d.viewing.record_preview.save_sheet", lambda path, grids, **words: drawn.append((grids, words))
    )
    write(data, out, monkeypatch, shards=3)
    ((grids, words),) = drawn
    expected = [f"chair_000000001_{number}" for number in (1, 3, 4, 5)] + [f"table_000000001_{n}" for n in (1, 2, 3, 4)]
    assert words["titles"] == expected
    assert (words["columns"], words["row_labels"]) == (4, ["0 chair", "1 table"])
    for grid, name in zip(grids, expected, strict=True):
        path = data / name.split("_")[0] / "30/train" / f"{name}.mat"
        np.testing.assert_array_equal(grid, pad_grid(read_grid(path)))


def test_a_picture_that_fails_loses_no_records(tmp_path, monkeypatch, capsys):
    def fail(*words, **names):
        raise MemoryError

    monkeypatch.setattr("vae_gan3d.viewing.record_preview.save_sheet", fail)
    write(write_shape_tree(tmp_path / "data"), tmp_path / "out", monkeypatch)
    said = capsys.readouterr()
    assert "warning: no picture of the first shapes was drawn (MemoryError)" in said.err
    assert said.out.splitlines()[-1].startswith("next: ")
    assert find_records(str(tmp_path / "out")).count == 6


def test_holding_out_writes_two_sets_with_one_command(tmp_path, monkeypatch, capsys):
    data, out = tmp_path / "data", tmp_path / "out"
    for model in range(11):
        for turn in (1, 2):
            grid = random_grids(1, 16, seed=10 * model + turn)[0]
            write_mat(data / f"chair/30/train/chair_{model:09d}_{turn}.mat", grid)
    write(data, out, monkeypatch, holdout=0.1)
    train, test = find_records(str(out), "train"), find_records(str(out), "test")
    assert (train.count, test.count) == (18, 4)
    sources = read_sources(test, range(4))
    assert [source.rpartition("/")[2] for source in sources] == [
        f"chair_{model:09d}_{turn}.mat" for model in (0, 10) for turn in (1, 2)
    ]
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == [
        f"next: python train.py --flagfile=quick32 --save_path=RUN --records={out} --split_name=train",
        f"next: python test.py --phase=evaluate --checkpoint=RUN --records={out} --split_name=test",
    ]


def shapes_to_hold_out(data, count):
    """So many models of one shape each."""
    for model in range(count):
        write_mat(data / f"chair/30/train/chair_{model:09d}_1.mat", random_grids(1, 30, seed=model)[0])


def files_of_sets(out):
    """What the two sets are made of, by the sets' names, and the bytes of their files."""
    sets = {name: find_records(str(out), name) for name in ("train", "test")}
    sources = {name: set(read_sources(found, range(found.count))) for name, found in sets.items()}
    files = {path.name: path.read_bytes() for path in out.iterdir() if path.suffix in (".json", ".tfrecords")}
    return sources, files


@pytest.mark.parametrize("shards", [1, 2])
def test_both_sets_stay_whole_where_one_of_them_cannot_be_written_again(tmp_path, monkeypatch, shards):
    """Else a shape of the old test set is in the new training set too."""
    data, out = tmp_path / "data", tmp_path / "out"
    shapes_to_hold_out(data, 20)
    write(data, out, monkeypatch, holdout=0.2, shards=shards)
    before = files_of_sets(out)
    assert [len(before[0][name]) for name in ("train", "test")] == [16, 4]
    damaged = data / "chair/30/train/chair_000000010_1.mat"  # 0 and 10 of 20 are a tenth
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:100])
    with pytest.raises(UserError, match=r"chair_000000010_1\.mat"):
        write(data, out, monkeypatch, holdout=0.1, shards=shards)
    assert files_of_sets(out) == before
    damaged.write_bytes(whole)
    write(data, out, monkeypatch, holdout=0.1, shards=shards)
    sources, _ = files_of_sets(out)
    assert [len(sources[name]) for name in ("train", "test")] == [18, 2]
    assert not sources["train"] & sources["test"]


def test_sets_of_which_one_cannot_get_its_place_are_both_refused(tmp_path, monkeypatch):
    data, out = tmp_path / "data", tmp_path / "out"
    shapes_to_hold_out(data, 10)
    write(data, out, monkeypatch, holdout=0.2)
    (out / "test.tfrecords").unlink()
    (out / "test.tfrecords/in the way").mkdir(parents=True)
    with pytest.raises(UserError, match="cannot write records to"):
        write(data, out, monkeypatch, holdout=0.1)
    for name in ("train", "test"):
        with pytest.raises(UserError):
            find_records(str(out), name)


@pytest.mark.parametrize(
    ("axis", "remedy"),
    [(None, "give --up_axis=z or x"), ("z", "give --up_axis=y or x"), ("x", "give --up_axis=z or y")],
)
def test_the_axes_that_were_not_used_are_offered(tmp_path, monkeypatch, capsys, axis, remedy):
    import trimesh

    (tmp_path / "data/box/train").mkdir(parents=True)
    trimesh.creation.box((3, 2, 1)).export(tmp_path / "data/box/train/a.glb")
    write(
        tmp_path / "data",
        tmp_path / "out",
        monkeypatch,
        classes=("all",),
        reading=ReadOptions(resolution=16, up_axis=axis),
    )
    assert any(line.endswith(f"if they lie on their side, {remedy}") for line in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize("shards", [1, 3])
def test_a_data_set_file_becomes_records(tmp_path, monkeypatch, capsys, shards):
    grids, labels = random_grids(7, 16), np.array([1, 0, 1, 1, 0, 1, 0])
    grids[3] = 0  # left out
    path = tmp_path / "mugs.npz"
    np.savez_compressed(
        path, x=grids.astype(np.float32)[..., None], labels=labels, class_names=np.array(["cup", "mug"])
    )
    write(path, tmp_path / "out", monkeypatch, shards=shards, classes=("all",))
    records = find_records(str(tmp_path / "out"))
    assert records.classes == ("cup", "mug")
    found = {source: number for number, source in enumerate(read_sources(records, range(records.count)))}
    # Every tenth of a class is for test, and each has fewer.
    assert set(found) == {f"mugs.npz:{number}" for number in (0, 1, 2, 4, 5, 6)}
    for source, number in found.items():
        grid, label = read_labeled_record(records, number, 16)
        place = int(source.rpartition(":")[2])
        np.testing.assert_array_equal(grid, grids[place])
        assert label == labels[place]
    assert "mugs.npz: 7 shapes of 16x16x16, 2 classes by its labels" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"shards": 7}, "7 shards for 6 shapes are not possible"),
        ({"split_name": "a/b"}, "split name 'a/b' is not a plain file name"),
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
    for name in ("a", "b"):
        write_off(tmp_path / f"data/box/train/{name}.off", box_mesh())
    with pytest.raises(Started):
        phases.create_records(dataclasses.replace(RECORDS, data_dir=tmp_path / "data", output_dir=tmp_path / "out"))
    assert capsys.readouterr().out.splitlines()[1:] == ["meshes are read with z up (--up_axis)"]


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
