"""Mesh files of every format as the same grid, and files that are no meshes."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import trimesh

from tests.fakes import box_mesh, corner_mesh, write_off
from tests.robustness.seed_files import dae_bytes, fbx_bytes, glb_bytes, gltf_bytes, gltf_tree, threemf_bytes
from vae_gan3d.config.shapes import ReadOptions
from vae_gan3d.data.formats.registry import MESH_EXTENSIONS, is_mesh
from vae_gan3d.data.orientation import turn_grid
from vae_gan3d.data.sandbox import read_grids
from vae_gan3d.data.shape_files import GridError, read_grid
from vae_gan3d.data.voxelize import voxelize

ROOT = pathlib.Path(__file__).resolve().parents[3]
OPTIONS = ReadOptions(16)
WRITERS = {
    ".glb": lambda corners, faces: glb_bytes(*gltf_tree(corners, faces)),
    ".gltf": lambda corners, faces: gltf_bytes(*gltf_tree(corners, faces)),
    ".dae": lambda corners, faces: dae_bytes(corners, faces, "Y"),
    ".3mf": threemf_bytes,
    ".fbx": fbx_bytes,
}
Y_UP = (".glb", ".gltf", ".dae", ".fbx")


@pytest.mark.parametrize("suffix", MESH_EXTENSIONS)
def test_every_format_gives_the_same_grid(tmp_path, suffix):
    corners, faces = corner_mesh()
    path = tmp_path / f"a{suffix}"
    if suffix in WRITERS:
        path.write_bytes(WRITERS[suffix](corners, faces))
    else:
        trimesh.Trimesh(corners, faces, process=False).export(path)
    assert is_mesh(path) and not is_mesh(tmp_path / "a.mat")
    expected = voxelize(corners, faces, 16)
    assert np.array_equal(read_grid(path, options=ReadOptions(16, up_axis="z")), expected)
    usual = turn_grid(expected, "y") if suffix in Y_UP else expected
    assert np.array_equal(read_grid(path, options=OPTIONS), usual)


@pytest.mark.parametrize(("up", "turned"), [("Z", ""), ("Y", "y")])
def test_the_axis_that_a_collada_file_names_is_up(tmp_path, up, turned):
    corners, faces = corner_mesh()
    (tmp_path / "a.dae").write_bytes(dae_bytes(corners, faces, up))
    expected = voxelize(corners, faces, 16)
    found = read_grid(tmp_path / "a.dae", options=OPTIONS)
    assert np.array_equal(found, turn_grid(expected, turned) if turned else expected)
    # What is given counts in the file's own axes, so that naming the file's axis changes nothing.
    for axis in "xyz":
        given = read_grid(tmp_path / "a.dae", options=ReadOptions(16, up_axis=axis))
        assert np.array_equal(given, turn_grid(expected, axis))


def test_lines_beside_the_triangles_of_a_collada_file_are_left_out(tmp_path):
    (tmp_path / "a.dae").write_bytes(dae_bytes(*box_mesh(), lines=True))
    assert read_grid(tmp_path / "a.dae", options=OPTIONS).sum() == 14**3


def test_a_collada_file_in_utf_16_is_read(tmp_path):
    text = (
        dae_bytes(*box_mesh(), lines=True)
        .decode()
        .replace('?xml version="1.0"', '?xml version="1.0" encoding="utf-16"')
    )
    (tmp_path / "a.dae").write_bytes(text.encode("utf-16"))
    assert read_grid(tmp_path / "a.dae", options=OPTIONS).sum() == 14**3


def test_lines_in_an_fbx_file_are_named_as_the_reason(tmp_path):
    # A polygon of the corners 0 and 1, beside the box.
    data = fbx_bytes(*box_mesh()).replace(
        b"PolygonVertexIndex: *36 {\n\t\t\ta: ", b"PolygonVertexIndex: *38 {\n\t\t\ta: 0,-2,"
    )
    (tmp_path / "a.fbx").write_bytes(data)
    with pytest.raises(GridError, match="lines or points"):
        read_grid(tmp_path / "a.fbx", options=OPTIONS)


def test_an_fbx_file_with_a_shape_key_in_use_is_refused(tmp_path):
    # Its weight in percent, as FBX in text has it; in binary it is a double behind the letter D.
    data = fbx_bytes(*box_mesh())
    for key, is_used in [(b"DeformPercent: 0", False), (b"DeformPercent: 50", True)]:
        (tmp_path / "a.fbx").write_bytes(data.replace(b"\t\tVersion: 232", b"\t\tVersion: 232\n\t\t" + key))
        if is_used:
            with pytest.raises(GridError, match="shape keys"):
                read_grid(tmp_path / "a.fbx", options=OPTIONS)
        else:
            assert read_grid(tmp_path / "a.fbx", options=OPTIONS).sum() == 14**3


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


@pytest.mark.skipif(not pathlib.Path("/proc/self/fd").exists(), reason="a system that does not list open files")
@pytest.mark.parametrize("suffix", [".obj", ".dae"])
def test_nothing_is_opened_that_a_file_refers_to(tmp_path, suffix):
    # A pipe that nobody writes would hold up whoever opens it.
    os.mkfifo(tmp_path / "other.mtl")
    if suffix == ".obj":
        (tmp_path / "a.obj").write_text("mtllib other.mtl\nusemtl x\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    else:
        image = b'<library_images><image id="i"><init_from>other.mtl</init_from></image></library_images>'
        data = dae_bytes(*box_mesh()).replace(b"<library_geometries>", image + b"<library_geometries>")
        (tmp_path / "a.dae").write_bytes(data)
    program = f"import pathlib; from vae_gan3d.data.shape_files import read_grid; read_grid(pathlib.Path('a{suffix}'))"
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, timeout=60, check=True)


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
        ("a.gltf", "{}", "damaged or cut short"),
        ("a.dae", "<COLLADA", "export it again"),
        ("a.3mf", "PK", "export it again"),
        ("a.fbx", "; FBX 7.4.0 project file\n", "export it again"),
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
