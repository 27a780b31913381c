"""Mesh files through trimesh: every format, and files that are no meshes."""

import io

import numpy as np
import pytest

from tests.solid_shapes import box_mesh, corner_mesh, join_meshes, write_off
from vae_gan3d.errors import UserError
from vae_gan3d.voxels.mesh_reader import is_mesh, read_mesh
from vae_gan3d.voxels.orientation import turn_grid
from vae_gan3d.voxels.read_options import ReadOptions
from vae_gan3d.voxels.reader_process import read_grids
from vae_gan3d.voxels.readers import GridError, read_grid
from vae_gan3d.voxels.voxelize import voxelize

trimesh = pytest.importorskip("trimesh")
OPTIONS = ReadOptions(16)


@pytest.mark.parametrize("suffix", [".off", ".obj", ".stl", ".ply", ".glb"])
def test_every_format_gives_the_same_grid(tmp_path, suffix):
    corners, faces = corner_mesh()
    trimesh.Trimesh(corners, faces, process=False).export(tmp_path / f"a{suffix}")
    assert is_mesh(tmp_path / f"a{suffix}") and not is_mesh(tmp_path / "a.mat")
    expected = voxelize(corners, faces, 16)
    # y is up in .glb, unless one says otherwise.
    assert np.array_equal(read_grid(tmp_path / f"a{suffix}", options=ReadOptions(16, up_axis="z")), expected)
    usual = turn_grid(expected, "y") if suffix == ".glb" else expected
    assert np.array_equal(read_grid(tmp_path / f"a{suffix}", options=OPTIONS), usual)


@pytest.mark.parametrize("header", ["OFF\n", "OFF", "OFF\n# a note\n\n"])
def test_the_merged_header_of_modelnet_is_read(tmp_path, header):
    path = write_off(tmp_path / "a.off", box_mesh(), header)
    assert read_grid(path, options=OPTIONS).sum() == 14**3


def test_polygons_and_colors_of_faces_are_read(tmp_path):
    corners, _ = box_mesh()
    sides = ["0 1 3 2", "4 6 7 5", "0 4 5 1", "2 3 7 6", "0 2 6 4", "1 5 7 3"]
    lines = [
        "OFF",
        "8 6 0",
        *(" ".join(map(str, corner)) for corner in corners),
        *(f"4 {side} 255 0 0" for side in sides),
    ]
    (tmp_path / "a.off").write_text("\n".join(lines))
    assert read_grid(tmp_path / "a.off", options=OPTIONS).sum() == 14**3


def test_the_bodies_of_a_scene_are_at_their_places(tmp_path):
    scene = trimesh.Scene()
    body = trimesh.Trimesh(*box_mesh(), process=False)
    scene.add_geometry(body)
    scene.add_geometry(body, transform=trimesh.transformations.translation_matrix([6, 0, 0]))
    scene.export(tmp_path / "a.glb")
    grid = read_grid(tmp_path / "a.glb", options=ReadOptions(16, up_axis="z"))
    # Two cubes of two voxels, 14 voxels apart from end to end.
    expected = np.zeros_like(grid)
    expected[1:3, 7:9, 7:9] = expected[13:15, 7:9, 7:9] = 1
    assert np.array_equal(grid, expected)


def test_nothing_is_opened_that_a_file_refers_to(tmp_path, monkeypatch):
    (tmp_path / "other.mtl").write_text("newmtl x\nmap_Kd other.png\n")
    (tmp_path / "a.obj").write_text("mtllib other.mtl\nusemtl x\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    opened = []
    real = io.open
    for place in ("builtins.open", "io.open"):
        monkeypatch.setattr(
            place, lambda file, *words, **names: opened.append(str(file)) or real(file, *words, **names)
        )
    read_mesh(tmp_path / "a.obj")
    assert opened == [str(tmp_path / "a.obj")]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.off", "OFF\n", "damaged or cut short"),
        ("a.off", "OFF\n3 1 0\n0 0 0\n1 0 0\n", "damaged or cut short"),
        ("a.off", "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 9\n", "vert"),
        ("a.off", "OFF\n3 0 0\n0 0 0\n1 0 0\n0 1 0\n", "holds no triangles"),
        ("a.obj", "v 0 0 0\nv 1 0 0\nv 0 1 nan\nf 1 2 3\n", "not a finite number"),
        ("a.obj", "v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n", "no triangle with an area"),
        ("a.obj", "v 0 0 0\n", "holds no triangles"),
        ("a.stl", "solid x\nendsolid x\n", "a.stl: "),
        ("a.ply", "ply\nformat ascii 1.0\nelement vertex 9\n", "damaged or cut short"),
        ("a.glb", "glTF, but not really", "damaged or cut short"),
    ],
)
def test_what_is_no_mesh_is_told_in_one_line(tmp_path, name, text, reason):
    (tmp_path / name).write_text(text)
    with pytest.raises(GridError) as caught:
        read_grid(tmp_path / name, options=OPTIONS)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_reading_processes_read_meshes_as_they_are_told(tmp_path):
    paths = [write_off(tmp_path / f"{number}.off", corner_mesh()) for number in range(5)]
    (tmp_path / "5.off").write_text("OFF\n9 9 9\n")
    results = list(read_grids([*paths, tmp_path / "5.off"], workers=2, options=ReadOptions(16, "surface", "x")))
    expected = read_grid(paths[0], options=ReadOptions(16, "surface", "x"))
    assert all(np.array_equal(result.grid, expected) for result in results[:5])
    assert "5.off: the file is damaged" in results[5].error


def test_trimesh_is_named_where_it_is_missing(tmp_path, monkeypatch):
    path = write_off(tmp_path / "a.off", join_meshes(box_mesh()))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"a\.off: reading meshes needs trimesh: pip install trimesh$"):
        read_grid(path)
