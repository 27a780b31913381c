"""What cannot be asked of a mesh file."""

import json
import struct

import numpy as np
import pytest
import trimesh

import vae_gan3d
from tests.fakes import box_grid, random_grids, voxels_within
from vae_gan3d.data.surfaces import (
    MeshOptions,
    check_mesh_file,
    largest_body,
    placed_mesh,
    signed_volume,
    surface_mesh,
    write_mesh,
)
from vae_gan3d.demo_shapes import DEMO_CLASSES, demo_shape
from vae_gan3d.errors import UserError
from vae_gan3d.viewing.voxel_mesh import voxel_mesh

EXTENSIONS = (".stl", ".obj", ".ply", ".glb")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"components": "some"}, "components 'some' are not known: give largest or all"),
        ({"size_mm": 0.0}, "size 0.0 mm is not possible"),
        ({"size_mm": float("nan")}, "size nan mm is not possible"),
        ({"size_mm": float("inf")}, r"size inf mm is not possible: give 0\.001 to 1e\+06"),
    ],
)
def test_what_is_not_possible_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        MeshOptions(**changed)


def open_edges(triangles):
    """Directed edges without exactly one opposite: none in a closed mesh with one winding."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    there, counts = np.unique(edges, axis=0, return_counts=True)
    back = {(second, first) for first, second in there}
    return int((counts > 1).sum()) + len(back.symmetric_difference(map(tuple, there)))


def ball(side, radius):
    places = np.arange(side) + 0.5 - side / 2
    return (places[:, None, None] ** 2 + places[:, None] ** 2 + places**2 <= radius**2).astype(np.uint8)


def test_a_cube_has_its_place_and_most_of_its_volume():
    # 8 a side, from 4 to 12: faces halfway between the voxels but for a tenth of one, edges and corners rounded off.
    vertices, triangles = surface_mesh(box_grid(16, 4, 12))
    np.testing.assert_allclose(vertices.min(axis=0), 4, atol=0.12)
    np.testing.assert_allclose(vertices.max(axis=0), 12, atol=0.12)
    assert 0.85 * 8**3 < signed_volume(vertices, triangles) < 8**3
    assert open_edges(triangles) == 0


def test_a_cube_without_smoothing_is_cut_at_edges_and_corners_alone():
    # Each of 12 edges of length 7 between corner voxels' middles loses a prism of 1/8; each corner 8 of it, together
    # 1/8 - 1/48 of a voxel: a corner's cell holds a tetrahedron of 1/48.
    vertices, triangles = surface_mesh(box_grid(16, 4, 12), smoothing=0)
    expected = 8**3 - 12 * 7 / 8 - 8 * (1 / 8 - 1 / 48)
    assert signed_volume(vertices, triangles) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("smoothing", [0, 1, 2])
def test_no_voxel_changes_sides_and_every_mesh_is_closed(smoothing):
    grids = [*random_grids(2, 16, occupancy=0.5), *random_grids(2, 16, seed=1, occupancy=0.1)]
    for grid in [*grids, *(demo_shape(name, 1, 32) for name in DEMO_CLASSES)]:
        vertices, triangles = surface_mesh(grid, smoothing=smoothing)
        np.testing.assert_array_equal(voxels_within(vertices, triangles, len(grid)), grid)
        assert open_edges(triangles) == 0


def test_probabilities_near_the_level_close_too():
    grid = np.random.default_rng(0).random((16, 16, 16)).astype(np.float32)
    grid[4] = 0.3
    for level in (0.3, 0.5, 0.9):
        vertices, triangles = surface_mesh(grid, level)
        np.testing.assert_array_equal(voxels_within(vertices, triangles, 16), grid > level)
        assert open_edges(triangles) == 0


def test_a_full_grid_closes_at_the_border():
    vertices, triangles = surface_mesh(np.ones((5, 6, 7)))
    np.testing.assert_allclose(np.ptp(vertices, axis=0), (5, 6, 7), atol=0.24)
    assert open_edges(triangles) == 0


def normal_errors(grid, smoothing):
    """Of a ball's mesh: degrees between each triangle's normal and the direction from the middle."""
    vertices, triangles = surface_mesh(grid, smoothing=smoothing)
    corners = vertices[triangles] - len(grid) / 2
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    outward = corners.mean(axis=1)
    cosines = (normals * outward).sum(axis=1) / np.linalg.norm(normals, axis=1) / np.linalg.norm(outward, axis=1)
    return np.rad2deg(np.arccos(np.clip(cosines, -1, 1)))


def test_a_ball_is_smooth_rather_than_stepped():
    grid = ball(32, 12)
    stepped, smooth = normal_errors(grid, 0).mean(), normal_errors(grid, 1).mean()
    assert smooth < 0.5 * stepped


def test_a_leg_of_one_voxel_keeps_most_of_its_width():
    grid = np.zeros((16, 16, 16), np.uint8)
    grid[8, 8, 2:14] = 1
    vertices, _ = surface_mesh(grid)
    middle = vertices[(vertices[:, 2] > 5) & (vertices[:, 2] < 11)]
    assert (np.ptp(middle[:, :2], axis=0) > 0.8).all()


def test_nothing_above_the_level_is_no_mesh():
    vertices, triangles = surface_mesh(np.full((4, 4, 4), 0.4))
    assert (vertices.shape, triangles.shape) == ((0, 3), (0, 3))


@pytest.mark.parametrize(
    ("grid", "options", "words"),
    [
        (np.zeros((4, 4)), {}, "2 dimensions"),
        (np.zeros((4, 4, 4)), {"level": 1.0}, "level 1.0"),
        (np.zeros((4, 4, 4)), {"smoothing": -1}, "smoothing -1"),
        (np.zeros((4, 4, 4)), {"smoothing": np.nan}, "smoothing nan"),
    ],
)
def test_what_has_no_surface_is_refused(grid, options, words):
    with pytest.raises(ValueError, match=words):
        surface_mesh(grid, **options)


def test_volume_is_the_number_of_voxels_and_negative_inside_out():
    vertices, triangles = voxel_mesh(box_grid(8, 1, 4))
    assert signed_volume(vertices, triangles) == pytest.approx(27)
    assert signed_volume(vertices, triangles[:, ::-1]) == pytest.approx(-27)


def test_the_largest_of_three_bodies_stays():
    grid = box_grid(16, 1, 6)
    grid[10:13, 10:13, 10:13] = 1
    grid[14, 1, 1] = 1
    body = largest_body(*voxel_mesh(grid))
    assert (body.bodies, body.share) == (3, pytest.approx(125 / (125 + 27 + 1)))
    assert signed_volume(body.vertices, body.triangles) == pytest.approx(125)
    assert (body.vertices.min(), body.vertices.max()) == (1, 6)
    # Every vertex is used.
    assert set(body.triangles.flat) == set(range(len(body.vertices)))


def test_a_cavity_stays_with_the_body_around_it_alone():
    grid = box_grid(16, 1, 8)
    grid[3:5, 3:5, 3:5] = 0
    grid[10:15, 10:15, 10:15] = 1
    grid[12, 12, 12] = 0
    body = largest_body(*voxel_mesh(grid))
    assert body.bodies == 2
    assert signed_volume(body.vertices, body.triangles) == pytest.approx(7**3 - 8)


def test_a_body_in_a_cavity_is_a_body_of_its_own():
    grid = box_grid(16, 1, 10)
    grid[3:8, 3:8, 3:8] = 0
    grid[5, 5, 5] = 1
    body = largest_body(*voxel_mesh(grid))
    assert body.bodies == 2
    assert signed_volume(body.vertices, body.triangles) == pytest.approx(9**3 - 5**3)


def test_one_body_is_left_as_it_is():
    vertices, triangles = voxel_mesh(box_grid(8, 2, 5))
    body = largest_body(vertices, triangles)
    np.testing.assert_array_equal(body.vertices, vertices)
    np.testing.assert_array_equal(body.triangles, triangles)
    assert (body.bodies, body.share) == (1, 1)


def test_nothing_has_no_body():
    body = largest_body(*voxel_mesh(np.zeros((4, 4, 4))))
    assert (len(body.vertices), len(body.triangles), body.bodies) == (0, 0, 0)


def tall_box():
    """Sides of 2, 3 and 6 voxels, z the longest; on the floor, 60 mm high."""
    grid = np.zeros((8, 8, 8), np.uint8)
    grid[1:3, 2:5, 1:7] = 1
    vertices, triangles = voxel_mesh(grid)
    return placed_mesh(vertices, 60), triangles


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


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_every_format_reads_back_closed_outward_and_of_its_volume(tmp_path, extension):
    path = tmp_path / f"box{extension}"
    write_mesh(*tall_box(), path)
    check = check_mesh_file(path)
    assert (check.watertight, check.outward, check.printable) == (True, True, True)
    mesh = trimesh.load(path, force="mesh")
    # 36 voxels of 10 mm; glTF counts in metres.
    assert mesh.volume == pytest.approx(36e3 * (1e-9 if extension == ".glb" else 1), rel=1e-4)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_z_is_up_but_for_gltf_where_y_is(tmp_path, extension):
    path = tmp_path / f"box{extension}"
    write_mesh(*tall_box(), path)
    low, high = trimesh.load(path, force="mesh").bounds
    if extension == ".glb":
        # A quarter turn about x: x stays, z becomes y, and y becomes -z.
        np.testing.assert_allclose((low, high), ((-0.01, 0, -0.015), (0.01, 0.06, 0.015)), atol=1e-6)
    else:
        np.testing.assert_allclose((low, high), ((-10, -15, 0), (10, 15, 60)), atol=1e-4)


@pytest.mark.parametrize("extension", EXTENSIONS)
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
    with pytest.raises(UserError, match=r"box\.step: meshes are written as .*\.stl"):
        write_mesh(vertices, triangles, tmp_path / "box.step")
    with pytest.raises(ValueError, match="write none"):
        write_mesh(vertices, triangles[:0], tmp_path / "box.stl")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="cannot write"):
        write_mesh(*voxel_mesh(box_grid(4, 1, 2)), tmp_path / "absent" / "box.stl")
