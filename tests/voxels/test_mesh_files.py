"""Mesh files, read back by trimesh and, where a format is simple, by hand."""

import json
import struct

import numpy as np
import pytest

import vae_gan3d
from tests.fakes import box_grid
from vae_gan3d.config import MESH_FORMATS
from vae_gan3d.errors import UserError
from vae_gan3d.viewing.voxel_mesh import voxel_mesh
from vae_gan3d.voxels import mesh_packages
from vae_gan3d.voxels.mesh_files import MESH_EXTENSIONS, check_mesh_file, placed_mesh, write_mesh

trimesh = pytest.importorskip("trimesh")


def tall_box():
    """Sides of 2, 3 and 6 voxels, z the longest; on the floor, 60 mm high."""
    grid = np.zeros((8, 8, 8), np.uint8)
    grid[1:3, 2:5, 1:7] = 1
    vertices, triangles = voxel_mesh(grid)
    return placed_mesh(vertices, 60), triangles


def test_extensions_are_the_formats_of_the_flag():
    assert tuple(f".{name}" for name in MESH_FORMATS) == MESH_EXTENSIONS


def test_a_placed_mesh_stands_on_the_floor_with_its_longest_side_as_wanted():
    vertices, _ = tall_box()
    np.testing.assert_allclose(vertices.min(axis=0), (-10, -15, 0), atol=1e-5)
    np.testing.assert_allclose(vertices.max(axis=0), (10, 15, 60), atol=1e-5)


@pytest.mark.parametrize("size", [0, -1, np.nan, np.inf])
def test_sizes_that_are_none_are_refused(size):
    with pytest.raises(ValueError, match=r"give millimetres above 0"):
        placed_mesh(np.eye(3), size)


def test_a_point_has_no_size():
    with pytest.raises(ValueError, match="without extent"):
        placed_mesh(np.ones((3, 3)), 10)


@pytest.mark.parametrize("extension", MESH_EXTENSIONS)
def test_every_format_reads_back_closed_outward_and_of_its_volume(tmp_path, extension):
    path = tmp_path / f"box{extension}"
    write_mesh(*tall_box(), path)
    check = check_mesh_file(path)
    assert (check.watertight, check.outward, check.printable) == (True, True, True)
    mesh = trimesh.load(path, force="mesh")
    # 36 voxels of 10 mm; glTF counts in metres.
    assert mesh.volume == pytest.approx(36e3 * (1e-9 if extension == ".glb" else 1), rel=1e-4)


@pytest.mark.parametrize("extension", MESH_EXTENSIONS)
def test_z_is_up_but_for_gltf_where_y_is(tmp_path, extension):
    path = tmp_path / f"box{extension}"
    write_mesh(*tall_box(), path)
    low, high = trimesh.load(path, force="mesh").bounds
    if extension == ".glb":
        # A quarter turn about x: x stays, z becomes y, and y becomes -z.
        np.testing.assert_allclose((low, high), ((-0.01, 0, -0.015), (0.01, 0.06, 0.015)), atol=1e-6)
    else:
        np.testing.assert_allclose((low, high), ((-10, -15, 0), (10, 15, 60)), atol=1e-4)


@pytest.mark.parametrize("extension", MESH_EXTENSIONS)
def test_the_same_mesh_gives_the_same_bytes(tmp_path, extension):
    contents = []
    for name in ("a", "b"):
        write_mesh(*tall_box(), tmp_path / f"{name}{extension}")
        contents.append((tmp_path / f"{name}{extension}").read_bytes())
    assert contents[0] == contents[1]


def test_an_stl_is_binary_with_a_normal_and_three_corners_a_triangle(tmp_path):
    vertices, triangles = tall_box()
    write_mesh(vertices, triangles, tmp_path / "box.stl")
    data = (tmp_path / "box.stl").read_bytes()
    assert struct.unpack_from("<I", data, 80) == (len(triangles),)
    assert len(data) == 84 + 50 * len(triangles)
    numbers = np.frombuffer(data[84 : 84 + 48], "<f4").reshape(4, 3)
    np.testing.assert_allclose(numbers[1:], vertices[triangles[0]])


@pytest.mark.parametrize(
    ("extension", "begins", "ends"),
    [
        (".stl", b"", b"\0"),
        (".obj", b"# ", b"\n"),
        (".ply", b"\ncomment ", b"\nelement "),
        (".glb", b'"generator":"', b'"'),
    ],
)
def test_every_format_says_what_wrote_it(tmp_path, extension, begins, ends):
    path = tmp_path / f"box{extension}"
    write_mesh(*tall_box(), path)
    program = f"vae_gan3d {vae_gan3d.__version__}".encode("ascii")
    data = path.read_bytes()
    assert data.count(begins + program + ends) == 1
    assert extension != ".stl" or data[:80] == program.ljust(80, b"\0")


def test_gltf_has_smooth_normals_and_a_material_that_is_no_metal(tmp_path):
    write_mesh(*tall_box(), tmp_path / "box.glb")
    data = (tmp_path / "box.glb").read_bytes()
    header = json.loads(data[20 : 20 + struct.unpack_from("<I", data, 12)[0]])
    [mesh] = header["meshes"]
    assert {"POSITION", "NORMAL"} <= set(mesh["primitives"][0]["attributes"])
    [material] = header["materials"]
    assert material["pbrMetallicRoughness"]["metallicFactor"] == 0


def test_a_hole_and_a_mesh_inside_out_are_found(tmp_path):
    vertices, triangles = tall_box()
    write_mesh(vertices, triangles[1:], tmp_path / "hole.stl")
    assert not check_mesh_file(tmp_path / "hole.stl").watertight
    write_mesh(vertices, triangles[:, ::-1], tmp_path / "inside_out.stl")
    check = check_mesh_file(tmp_path / "inside_out.stl")
    assert (check.watertight, check.outward, check.printable) == (True, False, False)


def test_other_extensions_and_empty_meshes_are_refused(tmp_path):
    vertices, triangles = tall_box()
    with pytest.raises(UserError, match=r"box.step: meshes are written as .stl"):
        write_mesh(vertices, triangles, tmp_path / "box.step")
    with pytest.raises(ValueError, match="write none"):
        write_mesh(vertices, triangles[:0], tmp_path / "box.stl")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="cannot write"):
        write_mesh(*voxel_mesh(box_grid(4, 1, 2)), tmp_path / "absent" / "box.stl")


def test_without_trimesh_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(mesh_packages.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"writing .stl needs trimesh: pip install trimesh"):
        write_mesh(*tall_box(), tmp_path / "box.stl")
