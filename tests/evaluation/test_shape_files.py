"""Shapes of a phase as files."""

import re

import numpy as np
import pytest

from tests.fakes import box_grid
from vae_gan3d.config import ShapeFilesConfig
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation import shape_files
from vae_gan3d.evaluation.shape_files import file_names, require_writable, write_shape_files
from vae_gan3d.voxels import mesh_packages
from vae_gan3d.voxels.mesh_files import MeshCheck
from vae_gan3d.voxels.readers import read_grid

trimesh = pytest.importorskip("trimesh")
pytest.importorskip("skimage")

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
    monkeypatch.setattr(shape_files, "check_mesh_file", lambda path: MeshCheck(path.suffix != ".ply", True, 12))
    write_shape_files(tmp_path, ["a"], [BOX], ShapeFilesConfig(("stl", "ply")), threshold=0.5)
    output = capsys.readouterr()
    assert "warning: not closed: a.ply; repair" in output.err
    assert "every mesh is closed" not in output.out


def test_missing_packages_are_told_before_any_work(monkeypatch):
    monkeypatch.setattr(mesh_packages.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"--formats=stl,npy needs trimesh and scikit-image: pip install"):
        require_writable(ShapeFilesConfig(("stl", "npy")))
    require_writable(ShapeFilesConfig(("npy", "binvox", "mat")))
    require_writable(ShapeFilesConfig())


def test_files_are_called_as_their_shapes_each_name_once():
    assert file_names(["a/chair.mat", "3", "b/chair.npy", "c/chair.mat"]) == ["chair", "record-3", "chair-2", "chair-3"]
