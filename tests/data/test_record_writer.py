import numpy as np
import pytest

from tests.data.conftest import create_records, names, write
from tests.fakes import box_grid, box_mesh, random_grids, write_legacy_records, write_mat, write_off
from vae_gan3d.config.shapes import ReadOptions
from vae_gan3d.data import record_writer, shards
from vae_gan3d.data.grids import pad_grid
from vae_gan3d.data.manifest import read_manifest
from vae_gan3d.data.pipeline import read_record
from vae_gan3d.data.record_reader import load_packed
from vae_gan3d.data.record_set import find_records
from vae_gan3d.data.sandbox import GridResult
from vae_gan3d.data.shape_files import read_grid
from vae_gan3d.data.shape_folders import find_shapes
from vae_gan3d.errors import UserError


def test_shapes_reach_the_records_padded_with_their_labels(tmp_path, tree):
    listing = find_shapes(tree, ("table", "chair"), "train")
    manifest = write(listing, tmp_path / "out")
    assert names(tmp_path / "out") == ["train.json", "train.tfrecords"]
    assert (manifest.records, manifest.resolution, manifest.classes) == (6, 32, ("table", "chair"))
    assert read_manifest(tmp_path / "out" / "train.json") == manifest
    found = find_records(str(tmp_path / "out"))
    assert load_packed(found).labels.tolist() == [0, 0, 0, 1, 1, 1]
    for number, shape in enumerate(listing.files):
        assert np.array_equal(read_record(found, number, 32), pad_grid(read_grid(shape.path)))
    assert b"table/30/train/table_000000001_1.mat" in (tmp_path / "out" / "train.tfrecords").read_bytes()


@pytest.mark.usefixtures("readers_in_this_process")
def test_file_i_goes_to_shard_i_modulo_shards(tmp_path, tree):
    listing = find_shapes(tree, ("all",), "train")
    manifest = write(listing, tmp_path / "out", shards=4)
    # Six files in four shards: 0 and 4, 1 and 5, 2, 3.
    assert [shard.records for shard in manifest.shards] == [2, 2, 1, 1]
    found = find_records(str(tmp_path / "out"))
    order = [0, 4, 1, 5, 2, 3]
    for number, file in enumerate(order):
        assert np.array_equal(read_record(found, number, 32), pad_grid(read_grid(listing.files[file].path)))


@pytest.mark.usefixtures("readers_in_this_process")
@pytest.mark.parametrize(("resolution", "stored"), [(None, 32), (64, 32), (32, 32), (16, 16)])
def test_the_stored_resolution_is_capped_but_never_zoomed_up(tmp_path, tree, resolution, stored):
    listing = find_shapes(tree, ("chair",), "train")
    assert write(listing, tmp_path / "out", resolution=resolution).resolution == stored


@pytest.mark.usefixtures("readers_in_this_process")
def test_a_larger_grid_in_a_set_is_an_error_that_resolution_mends(tmp_path, tree):
    write_mat(tree / "chair/30/train/chair_000000001_9.mat", random_grids(1, 60)[0])
    listing = find_shapes(tree, ("chair",), "train")
    with pytest.raises(UserError, match=r"chair_000000001_9\.mat: is 64³ in a set of 32³"):
        write(listing, tmp_path / "out")
    with pytest.raises(UserError, match="is 64³ in a set of 32³"):
        write(listing, tmp_path / "out", resolution=64)
    assert write(listing, tmp_path / "out", resolution=32).records == 4


@pytest.mark.usefixtures("readers_in_this_process")
def test_a_bad_file_publishes_nothing_and_keeps_the_old_set(tmp_path, tree):
    listing = find_shapes(tree, ("chair",), "train")
    write(listing, tmp_path / "out")
    before = {name: (tmp_path / "out" / name).read_bytes() for name in names(tmp_path / "out")}
    (tree / "chair/30/train/chair_000000001_2.mat").write_bytes(b"damage")
    with pytest.raises(UserError) as caught:
        write(listing, tmp_path / "out", shards=2)
    assert "1 of 3 files in" in str(caught.value)
    assert "chair/30/train/chair_000000001_2.mat: the file is damaged" in str(caught.value)
    assert "leave them out with --skip_bad" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert names(tmp_path / "out") == [".train.shards", *before]
    assert {name: (tmp_path / "out" / name).read_bytes() for name in before} == before


@pytest.mark.usefixtures("readers_in_this_process")
def test_bad_files_can_be_left_out_and_are_named_in_the_manifest(tmp_path, tree):
    (tree / "chair/30/train/chair_000000001_1.mat").write_bytes(b"damage")
    manifest = write(find_shapes(tree, ("chair",), "train"), tmp_path / "out", skip_bad=True)
    assert manifest.records == 2
    assert [skipped.path for skipped in manifest.skipped] == ["chair/30/train/chair_000000001_1.mat"]
    assert "damaged" in manifest.skipped[0].reason


@pytest.mark.usefixtures("readers_in_this_process")
def test_empty_grids_are_left_out_with_a_note_and_do_not_stop_the_run(tmp_path, tree, capsys):
    write_mat(tree / "chair/30/train/chair_000000001_1.mat", np.zeros((30, 30, 30)))
    listing = find_shapes(tree, ("chair",), "train")
    manifest = create_records(listing, tmp_path / "out", split_name="train", progress=True)
    assert manifest.records == 2
    assert [skipped.path for skipped in manifest.skipped] == ["chair/30/train/chair_000000001_1.mat"]
    assert (
        "note: 1 grid without an occupied voxel left out (first chair/30/train/chair_000000001_1.mat)"
        in capsys.readouterr().err
    )


@pytest.mark.usefixtures("readers_in_this_process")
def test_when_every_file_is_bad_there_is_no_set(tmp_path, tree):
    for path in (tree / "chair/30/train").iterdir():
        path.write_bytes(b"damage")
    with pytest.raises(UserError, match="none of the 3 files can be used"):
        write(find_shapes(tree, ("chair",), "train"), tmp_path / "out", skip_bad=True)
    assert names(tmp_path / "out") == []


@pytest.mark.usefixtures("readers_in_this_process")
def test_the_bad_files_are_listed_up_to_a_limit(tmp_path, tree, capsys, monkeypatch):
    monkeypatch.setattr(record_writer, "LISTED_FILES", 1)
    for number in (2, 3):
        (tree / f"chair/30/train/chair_000000001_{number}.mat").write_bytes(b"damage")
    listing = find_shapes(tree, ("chair",), "train")
    create_records(listing, tmp_path / "out", split_name="train", skip_bad=True, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "chair/30/train/chair_000000001_2.mat: the file is damaged" in shown.err
    assert "chair_000000001_3" not in shown.err
    assert "and 1 more" in shown.err


@pytest.mark.usefixtures("readers_in_this_process")
def test_stale_shards_of_the_old_set_are_removed(tmp_path, tree):
    listing = find_shapes(tree, ("chair",), "train")
    write(listing, tmp_path / "out", shards=3)
    (tmp_path / "out" / "test.tfrecords").write_bytes(b"of another set")
    write(listing, tmp_path / "out")
    assert names(tmp_path / "out") == ["test.tfrecords", "train.json", "train.tfrecords"]  # and no .train.shards


@pytest.mark.parametrize("fault", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_publishes_nothing_and_leaves_no_temporary_file(tmp_path, tree, monkeypatch, fault):
    def read_grids(paths, *, workers, options):
        yield GridResult(paths[0], box_grid(30, 0, 3), None)
        raise fault

    for module in (record_writer, shards):
        monkeypatch.setattr(module, "read_grids", read_grids)
    with pytest.raises(fault):
        write(find_shapes(tree, ("chair",), "train"), tmp_path / "out")
    assert names(tmp_path / "out") == []


@pytest.mark.usefixtures("readers_in_this_process")
def test_legacy_and_foreign_files_are_not_overwritten(tmp_path, tree):
    listing = find_shapes(tree, ("chair",), "train")
    write_legacy_records(tmp_path / "train.tfrecords", random_grids(1, 16))
    with pytest.raises(UserError, match="holds legacy records"):
        write(listing, tmp_path)
    (tmp_path / "train.tfrecords").write_bytes(b"something else")
    with pytest.raises(UserError, match="is in the way"):
        write(listing, tmp_path)
    assert (tmp_path / "train.tfrecords").read_bytes() == b"something else"


@pytest.mark.usefixtures("readers_in_this_process")
def test_a_set_without_its_manifest_is_written_again(tmp_path, tree):
    listing = find_shapes(tree, ("chair",), "train")
    write(listing, tmp_path / "out")
    (tmp_path / "out" / "train.json").unlink()
    assert write(listing, tmp_path / "out").records == 3


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"split_name": "a/b"}, "plain file name"),
        ({"split_name": ".."}, "plain file name"),
        ({"split_name": ""}, "plain file name"),
        ({"split_name": "x-00000-of-00001"}, "plain file name"),
        ({"shards": 0}, "0 shards for 3 shapes"),
        ({"shards": 4}, "4 shards for 3 shapes"),
        ({"resolution": 30}, "resolution 30 is not possible"),
    ],
)
def test_arguments_out_of_range_are_refused_before_anything_is_made(tmp_path, tree, options, reason):
    listing = find_shapes(tree, ("chair",), "train")
    with pytest.raises(UserError, match=reason):
        create_records(listing, tmp_path / "out", **{"split_name": "train", "progress": False, **options})
    assert not (tmp_path / "out").exists()


def test_meshes_are_written_as_grids_of_the_resolution(tmp_path):
    for number in range(3):
        write_off(tmp_path / f"data/box/train/{number}.off", box_mesh(high=(1, 1, 1 + number)))
    reading = ReadOptions(16, "surface")
    manifest = write(find_shapes(tmp_path / "data", ("all",), "train"), tmp_path / "out", reading=reading)
    assert (manifest.records, manifest.resolution) == (3, 16)
    expected = read_grid(tmp_path / "data/box/train/2.off", options=reading)
    assert np.array_equal(read_record(find_records(str(tmp_path / "out")), 2, 16), expected)
