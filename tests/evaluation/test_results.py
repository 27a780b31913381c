"""Result files: backup of earlier ones, JSON, the table, shape files."""

import json
import re

import numpy as np
import pytest
import trimesh

import vae_gan3d
from tests.fakes import box_grid
from vae_gan3d.config import ShapeFilesConfig
from vae_gan3d.data.shape_files import read_grid
from vae_gan3d.data.surfaces import MeshCheck
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation import results as module
from vae_gan3d.evaluation.results import (
    back_up_results,
    file_names,
    metrics_table,
    replace_results,
    write_metrics,
    write_shape_files,
)

PATTERNS = ("samples.*", "sample-*")


def write(folder, *names):
    for name in names:
        (folder / name).write_text(name)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_nothing_is_moved_and_nothing_said_where_there_is_no_earlier_result(tmp_path, capsys):
    write(tmp_path, "notes.txt")
    back_up_results(tmp_path, PATTERNS)
    assert names(tmp_path) == ["notes.txt"]
    assert capsys.readouterr().err == ""


def test_each_earlier_result_gets_a_folder_of_its_own(tmp_path, capsys):
    for number in (1, 2):
        write(tmp_path, "samples.npy", "samples.png", f"sample-00{number}.stl", "notes.txt")
        back_up_results(tmp_path, PATTERNS)
        assert capsys.readouterr().err == (
            f"note: the earlier result in {tmp_path} was moved to {tmp_path / f'earlier-{number}'}\n"
        )
    assert names(tmp_path) == ["earlier-1", "earlier-2", "notes.txt"]
    assert names(tmp_path / "earlier-1") == ["sample-001.stl", "samples.npy", "samples.png"]
    assert names(tmp_path / "earlier-2") == ["sample-002.stl", "samples.npy", "samples.png"]
    assert (tmp_path / "earlier-1" / "samples.npy").read_text() == "samples.npy"


def test_a_folder_is_moved_where_its_pattern_says_so(tmp_path):
    for name in ("model", "samples.d"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, "weights")
    back_up_results(tmp_path, ("samples.*", "model/"))
    assert names(tmp_path) == ["earlier-1", "samples.d"]
    assert names(tmp_path / "earlier-1" / "model") == ["weights"]


def test_finished_results_replace_earlier_ones(tmp_path):
    folder, made = tmp_path / "results", tmp_path / "made"
    for place in (folder, made):
        (place / "model").mkdir(parents=True)
        write(place / "model", f"weights of {place.name}")
        write(place, "samples.npy")
    replace_results(folder, made, ("samples.*", "model/"))
    assert names(folder) == ["earlier-1", "model", "samples.npy"]
    assert names(folder / "model") == ["weights of made"]
    assert names(folder / "earlier-1" / "model") == ["weights of results"]
    assert names(made) == []


def test_a_number_is_not_taken_twice(tmp_path):
    (tmp_path / "earlier-7").mkdir()
    write(tmp_path, "samples.npy")
    back_up_results(tmp_path, PATTERNS)
    assert names(tmp_path) == ["earlier-7", "earlier-8"]


def test_what_the_phase_reads_stays(tmp_path):
    write(tmp_path, "sample-1.txt", "sample-2.txt")
    back_up_results(tmp_path, PATTERNS, inputs=["3", str(tmp_path / "." / "sample-1.txt")])
    assert names(tmp_path) == ["earlier-1", "sample-1.txt"]


def test_a_file_in_the_way_is_one_line(tmp_path, monkeypatch):
    write(tmp_path, "samples.npy")

    def refuse(path, target):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.replace", refuse)
    with pytest.raises(UserError, match=r"cannot move .*samples\.npy to .*earlier-1: Permission denied; give another"):
        back_up_results(tmp_path, PATTERNS)


def test_numbers_are_rounded_and_nothing_is_null(tmp_path):
    metrics = {"iou": 2 / 3, "one_nna": {"chamfer": None}, "worst": [{"iou": 1e-9, "index": 3}], "prior": "normal"}
    write_metrics(tmp_path / "metrics.json", metrics)
    read = json.loads((tmp_path / "metrics.json").read_text())
    assert read == {
        "format": "vae_gan3d.metrics",
        "schema": 1,
        "version": vae_gan3d.__version__,
        "iou": 0.666667,
        "one_nna": {"chamfer": None},
        "worst": [{"iou": 0.0, "index": 3}],
        "prior": "normal",
    }


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_has_not_is_refused_and_leaves_no_file(tmp_path, value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_metrics(tmp_path / "metrics.json", {"mmd": {"chamfer": value}})
    assert list(tmp_path.iterdir()) == []


BOTH = {"voxel_iou": 0.25, "chamfer": 0.00123}
METRICS = {
    "iou": 0.76321,
    "precision": 0.8,
    "recall": 0.9,
    "one_nna": BOTH,
    "coverage": BOTH,
    "mmd": BOTH,
    "jsd": 0.0,
    "occupancy_generated": 0.05,
    "occupancy_real": 0.06,
    "empty_samples": 3,
    "nearest_train_distance": 0.31,
    "nearest_train_distance_real": 0.35,
    "svm_accuracy": 0.91,
    "svm_accuracy_random_encoder": 0.81,
    "svm_accuracy_discriminator": 0.92,
    "svm_accuracy_random_discriminator": 0.82,
    "bound": {"one_nna": BOTH, "coverage": BOTH, "mmd": BOTH, "jsd": 0.02},
}


def cells(table):
    """The lines of the table itself, split at two spaces or more: name, model, bound."""
    lines = table.split("\n\n")[0].splitlines()
    return {line[:25].strip(): line[25:].split()[:2] for line in lines}


def test_every_measure_stands_beside_its_bound():
    found = cells(metrics_table(METRICS))
    assert found["measure"] == ["model", "bound"]
    assert found["IoU"] == ["0.7632", "1.000"]
    assert found["1-NNA, voxels"] == ["0.2500", "0.2500"]
    assert found["MMD, Chamfer"] == ["0.001230", "0.001230"]
    assert found["JSD"] == ["0.000", "0.02000"]
    assert found["occupancy"] == ["0.05000", "0.06000"]
    assert found["empty samples"][0] == "3"
    assert found["nearest training shape"] == ["0.3100", "0.3500"]
    assert found["SVM accuracy"] == ["0.9100", "-"]
    assert found["untrained discriminator"] == ["0.8200", "-"]


def test_columns_are_aligned_and_every_measure_has_its_line_of_meaning():
    rows, meanings = metrics_table(METRICS).split("\n\n")
    header, rule, *lines = rows.splitlines()
    assert set(rule) == {"-"}
    end = header.index("bound") + len("bound")
    assert all(line[end - 1] != " " and line[end : end + 2].strip() == "" for line in lines)
    assert len(meanings.splitlines()) == len(lines) + 1
    assert all(len(line) <= 160 for line in meanings.splitlines())


@pytest.mark.parametrize("missing", ["bound", "jsd", "svm_accuracy"])
def test_what_is_not_there_becomes_a_dash(missing):
    found = cells(metrics_table({**METRICS, missing: None}))
    assert (found["JSD"][1] == "-") == (missing == "bound")
    assert (found["JSD"][0] == "-") == (missing == "jsd")
    assert (found["SVM accuracy"][0] == "-") == (missing == "svm_accuracy")
    assert found["IoU"] == ["0.7632", "1.000"]


BOX = 0.9 * box_grid(16, 4, 12).astype(np.float32)
EMPTY = np.zeros((16, 16, 16), np.float32)
ALL = ShapeFilesConfig(("stl", "obj", "ply", "glb", "binvox", "npy", "mat"), size_mm=80)


def two_boxes():
    grid = BOX.copy()
    grid[1:3, 1:3, 1:3] = 0.9
    return grid


def test_every_format_of_a_shape(tmp_path, capsys):
    write_shape_files(tmp_path, ["box"], [BOX], ALL, threshold=0.5)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"box.{name}" for name in ALL.formats)
    for extension in ("binvox", "npy", "mat"):
        np.testing.assert_array_equal(read_grid(tmp_path / f"box.{extension}"), box_grid(16, 4, 12))
    mesh = trimesh.load(tmp_path / "box.stl", force="mesh")
    np.testing.assert_allclose(mesh.extents, 80, rtol=0.01)
    output = capsys.readouterr()
    assert output.out == (
        "wrote 1 shape as stl, obj, ply, glb, binvox, npy, mat; every mesh is closed and 80 mm long\n"
    )


def test_without_formats_nothing_is_written_or_said(tmp_path, capsys):
    write_shape_files(tmp_path, ["box"], [BOX], ShapeFilesConfig(), threshold=0.5)
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""


def test_the_largest_piece_or_all(tmp_path, capsys):
    bodies = {}
    for components in ("largest", "all"):
        files = ShapeFilesConfig(("stl",), components)
        write_shape_files(tmp_path, ["a", components], [BOX, two_boxes()], files, threshold=0.5)
        bodies[components] = trimesh.load(tmp_path / f"{components}.stl", force="mesh").body_count
        note = capsys.readouterr().err
        if components == "largest":
            # 8 voxels of 520 are 1.5 %; the smooth surface rounds them off.
            assert note.startswith("note: 1 of 2 shapes fall into pieces") and "--components=all" in note
            assert re.search(r" 1\.[0-5]% of the volume of largest\.", note)
        else:
            assert "note" not in note
    assert bodies == {"largest": 1, "all": 2}


def test_of_several_shapes_in_pieces_the_greatest_loss_is_told_first(tmp_path, capsys):
    three_boxes = two_boxes()
    three_boxes[13:15, 13:15, 13:15] = 0.9
    names, shapes = ["a", "b", "c"], [two_boxes(), BOX, three_boxes]
    write_shape_files(tmp_path, names, shapes, ShapeFilesConfig(("stl",)), threshold=0.5)
    shares, names = zip(*re.findall(r"([\d.]+)% of the volume of (\w)", capsys.readouterr().err), strict=True)
    assert names == ("c", "a")
    assert float(shares[0]) == pytest.approx(2 * float(shares[1]), abs=0.2)


def test_a_speck_that_is_lost_is_no_loss_of_nothing(tmp_path, capsys):
    # One voxel beside 28^3 of them: 1 / 21,953 = 0.005 % of the volume, and less with its corners rounded off.
    grid = np.zeros((32, 32, 32), np.float32)
    grid[:28, :28, :28] = 0.9
    grid[30, 30, 30] = 0.9
    write_shape_files(tmp_path, ["sample-002"], [grid], ShapeFilesConfig(("stl",)), threshold=0.5)
    assert "less than 0.1% of the volume of sample-002" in capsys.readouterr().err


def test_an_empty_shape_has_no_file(tmp_path, capsys):
    write_shape_files(tmp_path, ["sample-000", "sample-001"], [BOX, EMPTY], ShapeFilesConfig(("stl",)), threshold=0.5)
    assert [path.name for path in tmp_path.iterdir()] == ["sample-000.stl"]
    output = capsys.readouterr()
    assert "note: no file of sample-001: empty at --threshold=0.5" in output.err
    assert output.out.startswith("wrote 1 shape as stl;")


def test_the_threshold_is_where_the_surface_lies(tmp_path):
    grid = EMPTY.copy()
    grid[4:12, 4:12, 4:12] = 0.3
    grid[6:10, 6:10, 4:12] = 0.8
    widths = []
    for threshold in (0.2, 0.5):
        write_shape_files(tmp_path, ["a"], [grid], ShapeFilesConfig(("stl",)), threshold=threshold)
        widths.append(trimesh.load(tmp_path / "a.stl", force="mesh").extents[0])
    # A cube of 100 mm, and a pillar of half its width.
    np.testing.assert_allclose(widths, (100, 50), rtol=0.15)


def test_a_mesh_that_is_not_closed_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, "check_mesh_file", lambda path: MeshCheck(path.suffix != ".ply", True, 12))
    write_shape_files(tmp_path, ["a"], [BOX], ShapeFilesConfig(("stl", "ply")), threshold=0.5)
    output = capsys.readouterr()
    assert "warning: not closed: a.ply; repair" in output.err
    assert "every mesh is closed" not in output.out


def test_files_are_called_as_their_shapes_each_name_once():
    assert file_names(["a/chair.mat", "3", "b/chair.npy", "c/chair.mat"]) == ["chair", "record-3", "chair-2", "chair-3"]
