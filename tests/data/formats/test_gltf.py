"""glTF files: each place of a mesh, in the ways in which the format can say it."""

import json

import numpy as np
import pytest

from tests.fakes import box_mesh
from tests.robustness.seed_files import add_accessor, glb_bytes, gltf_bytes, gltf_tree
from vae_gan3d.config.shapes import ReadOptions
from vae_gan3d.data.formats.gltf import read_gltf
from vae_gan3d.data.shape_files import GridError, read_grid

CORNERS, FACES = box_mesh(high=(3, 2, 1))
BYTE, UBYTE, SHORT, USHORT, FLOAT = 5120, 5121, 5122, 5123, 5126
HALF_TURN_ABOUT_Z = [0, 0, 1, 0]


def grid(tmp_path, tree, data):
    (tmp_path / "a.glb").write_bytes(glb_bytes(tree, data))
    return read_grid(tmp_path / "a.glb", options=ReadOptions(32, up_axis="z"))


def points(tmp_path, tree, data):
    """The corners of all triangles, each once, sorted."""
    (tmp_path / "a.glb").write_bytes(glb_bytes(tree, data))
    vertices, triangles, _ = read_gltf(tmp_path / "a.glb")
    return np.unique(np.round(vertices[triangles].reshape(-1, 3), 4), axis=0)


def moved(shift=(0, 0, 0), scale=(1, 1, 1)):
    return np.unique(CORNERS * scale + shift, axis=0)


def test_a_brick_is_the_brick_in_both_kinds_of_file(tmp_path):
    tree, data = gltf_tree(CORNERS, FACES)
    assert grid(tmp_path, tree, data).sum() == 6000
    (tmp_path / "a.gltf").write_bytes(gltf_bytes(tree, data))
    assert read_grid(tmp_path / "a.gltf").sum() == 6000


def test_a_gltf_file_reads_the_bin_beside_it_and_no_other_file(tmp_path):
    tree, data = gltf_tree(CORNERS, FACES)
    folder = tmp_path / "inner"
    (folder / "parts").mkdir(parents=True)
    for name in ("my brick.bin", "parts/brick.bin", "../brick.bin"):
        (folder / name).write_bytes(data)
    path = folder / "a.gltf"

    def read(uri):
        path.write_text(json.dumps({**tree, "buffers": [{**tree["buffers"][0], "uri": uri}]}))
        return read_grid(path).sum()

    assert read("my%20brick.bin") == read("parts/brick.bin") == 6000
    for uri in ("../brick.bin", str(tmp_path / "brick.bin"), "absent.bin", "http://a.b/brick.bin"):
        with pytest.raises(GridError, match=f"names the file {uri}"):
            read(uri)


def test_fans_and_strips_are_read_beside_triangles(tmp_path):
    # The side x = 0 as a fan, x = 3 as a strip, the others as triangles.
    tree, data = gltf_tree(CORNERS, FACES[4:])
    for corners, mode in (([0, 1, 3, 2], 6), ([4, 6, 5, 7], 5)):
        number, data = add_accessor(tree, data, np.array(corners, "<u2"), USHORT, "SCALAR")
        tree["meshes"][0]["primitives"].append({"attributes": {"POSITION": 0}, "indices": number, "mode": mode})
    tree["meshes"][0]["primitives"] += [{"attributes": {"POSITION": 0}, "mode": mode} for mode in (0, 1, 3)]
    assert grid(tmp_path, tree, data).sum() == 6000
    # Each triangle looks outward: the volume is 3 * 2 * 1.
    vertices, triangles, _ = read_gltf(tmp_path / "a.glb")
    a, b, c = vertices[triangles].transpose(1, 0, 2)
    assert np.einsum("ti,ti->", a, np.cross(b, c)) / 6 == pytest.approx(6)


def test_corners_without_indices_are_triangles_in_their_order(tmp_path):
    tree, data = gltf_tree(CORNERS[FACES].reshape(-1, 3), FACES)
    del tree["meshes"][0]["primitives"][0]["indices"]
    assert grid(tmp_path, tree, data).sum() == 6000


@pytest.mark.parametrize("component", [BYTE, UBYTE, SHORT, USHORT])
@pytest.mark.parametrize("normalized", [False, True])
def test_quantised_positions_are_scaled_as_the_format_says(tmp_path, component, normalized):
    # Whole numbers stand for themselves; normalised, the largest stands for 1, so that a brick of 3 x 2 x 1 parts of
    # the largest divided by 3 is one of 1 x 2/3 x 1/3.
    dtype = {BYTE: "i1", UBYTE: "u1", SHORT: "<i2", USHORT: "<u2"}[component]
    largest = np.iinfo(dtype).max
    stored = np.round(CORNERS * largest / 3) if normalized else CORNERS
    tree, data = gltf_tree(CORNERS, FACES)
    number, data = add_accessor(tree, data, stored.astype(dtype), component, "VEC3")
    tree["accessors"][number]["normalized"] = normalized
    tree["meshes"][0]["primitives"][0]["attributes"]["POSITION"] = number
    tree["extensionsRequired"] = ["KHR_mesh_quantization"]
    expected = moved(scale=(1 / 3,) * 3) if normalized else moved()
    np.testing.assert_allclose(points(tmp_path, tree, data), expected, atol=1 / largest + 1e-4)


def test_sparse_accessors_replace_single_elements(tmp_path):
    # Of a brick of 1 x 2 x 1 the four corners 4 to 7 move from x = 1 to x = 3.
    tree, data = gltf_tree(CORNERS * [1 / 3, 1, 1], FACES)
    places, data = add_accessor(tree, data, np.array([4, 5, 6, 7], "<u2"), USHORT, "SCALAR")
    values, data = add_accessor(tree, data, CORNERS[4:].astype("<f4"), FLOAT, "VEC3")
    tree["accessors"][0]["sparse"] = {
        "count": 4,
        "indices": {"bufferView": tree["accessors"][places]["bufferView"], "componentType": USHORT},
        "values": {"bufferView": tree["accessors"][values]["bufferView"]},
    }
    assert np.array_equal(points(tmp_path, tree, data), moved())


def test_a_sparse_accessor_without_a_buffer_begins_with_zeros(tmp_path):
    tree, data = gltf_tree(CORNERS, FACES)
    places, data = add_accessor(tree, data, np.arange(8, dtype="<u2"), USHORT, "SCALAR")
    sparse = {
        "count": 8,
        "indices": {"bufferView": tree["accessors"][places]["bufferView"], "componentType": USHORT},
        "values": {"bufferView": tree["accessors"][0].pop("bufferView")},
    }
    tree["accessors"][0]["sparse"] = sparse
    assert np.array_equal(points(tmp_path, tree, data), moved())


@pytest.mark.parametrize("at", ["mesh", "node"])
def test_morph_targets_have_their_default_weights(tmp_path, at):
    # A quarter of a target that adds 4 in z to the upper corners: 1, so that the brick is 2 high.
    tree, data = gltf_tree(CORNERS, FACES)
    number, data = add_accessor(tree, data, (CORNERS * [0, 0, 4]).astype("<f4"), FLOAT, "VEC3")
    tree["meshes"][0]["primitives"][0]["targets"] = [{"POSITION": number}]
    assert np.array_equal(points(tmp_path, tree, data), moved())
    tree["meshes"][0]["weights"] = [0.25 if at == "mesh" else 1.0]
    if at == "node":
        tree["nodes"][0]["weights"] = [0.25]
    assert np.array_equal(points(tmp_path, tree, data), moved(scale=(1, 1, 2)))


def test_a_skin_moves_by_its_joints_and_not_by_its_node(tmp_path):
    # All corners hang on the second joint, half by JOINTS_0 and half by JOINTS_1. The joint stands at (5, 0, 0) in a
    # parent at (0, 7, 0), and its inverse bind matrix takes (5, 0, 0) away: what is left is (0, 7, 0).
    tree, data = gltf_tree(CORNERS, FACES)
    inverse = np.stack([np.eye(4), np.eye(4)])
    inverse[1, :3, 3] = -5, 0, 0
    matrices, data = add_accessor(tree, data, inverse.transpose(0, 2, 1).astype("<f4"), FLOAT, "MAT4")
    tree["accessors"][matrices]["count"] = 2
    attributes = tree["meshes"][0]["primitives"][0]["attributes"]
    for place in range(2):
        joints, data = add_accessor(tree, data, np.tile(np.array([1, 0, 0, 0], "u1"), (8, 1)), UBYTE, "VEC4")
        weights, data = add_accessor(tree, data, np.tile(np.array([0.5, 0, 0, 0], "<f4"), (8, 1)), FLOAT, "VEC4")
        attributes |= {f"JOINTS_{place}": joints, f"WEIGHTS_{place}": weights}
    tree["nodes"] = [
        {"mesh": 0, "skin": 0, "translation": [100, 100, 100]},
        {"translation": [0, 7, 0], "children": [2]},
        {"translation": [5, 0, 0]},
    ]
    tree["scenes"][0]["nodes"] = [0, 1]
    tree["skins"] = [{"joints": [1, 2], "inverseBindMatrices": matrices}]
    assert np.array_equal(points(tmp_path, tree, data), moved((0, 7, 0)))


def test_instances_stand_at_each_of_their_places(tmp_path):
    # Under a node at (10, 0, 0): one as it is, one moved by 20 in y, turned half around z and twice as large.
    tree, data = gltf_tree(CORNERS, FACES)
    shifts, data = add_accessor(tree, data, np.array([[0, 0, 0], [0, 20, 0]], "<f4"), FLOAT, "VEC3")
    turns, data = add_accessor(tree, data, np.array([[0, 0, 0, 1], HALF_TURN_ABOUT_Z], "<f4"), FLOAT, "VEC4")
    scales, data = add_accessor(tree, data, np.array([[1, 1, 1], [2, 2, 2]], "<f4"), FLOAT, "VEC3")
    attributes = {"TRANSLATION": shifts, "ROTATION": turns, "SCALE": scales}
    tree["nodes"][0] |= {
        "translation": [10, 0, 0],
        "extensions": {"EXT_mesh_gpu_instancing": {"attributes": attributes}},
    }
    tree["extensionsRequired"] = ["EXT_mesh_gpu_instancing"]
    expected = np.concatenate([moved((10, 0, 0)), moved((10, 20, 0), (-2, -2, 2))])
    assert np.array_equal(points(tmp_path, tree, data), np.unique(expected, axis=0))


def test_nodes_move_turn_scale_and_mirror_what_is_below_them(tmp_path):
    tree, data = gltf_tree(CORNERS, FACES)
    mirror = np.diag([1.0, 1, -1, 1])
    tree["nodes"] = [
        {"translation": [1, 0, 0], "rotation": HALF_TURN_ABOUT_Z, "scale": [2, 2, 2], "children": [1]},
        {"matrix": mirror.T.ravel().tolist(), "mesh": 0},
        {"mesh": 0, "translation": [1000, 0, 0]},  # in no scene
    ]
    # Mirrored in z, doubled and turned: (x, y, z) becomes (1 - 2 x, -2 y, -2 z).
    assert np.array_equal(points(tmp_path, tree, data), moved((1, 0, 0), (-2, -2, -2)))
    vertices, triangles, _ = read_gltf(tmp_path / "a.glb")
    a, b, c = vertices[triangles].transpose(1, 0, 2)
    # Looking outward still: 6 * 2 ** 3.
    assert np.einsum("ti,ti->", a - a[0], np.cross(b - a[0], c - a[0])) / 6 == pytest.approx(48)


def test_without_scenes_every_tree_of_nodes_is_read(tmp_path):
    tree, data = gltf_tree(CORNERS, FACES)
    del tree["scene"], tree["scenes"]
    tree["nodes"] = [{"children": [1]}, {"mesh": 0, "translation": [0, 0, 5]}]
    assert np.array_equal(points(tmp_path, tree, data), moved((0, 0, 5)))


def test_hidden_nodes_are_left_out_with_what_hangs_on_them(tmp_path):
    tree, data = gltf_tree(CORNERS, FACES)
    hidden = {"children": [2], "extensions": {"KHR_node_visibility": {"visible": False}}}
    tree["nodes"] = [{"mesh": 0}, hidden, {"mesh": 0, "translation": [99, 0, 0]}]
    tree["scenes"][0]["nodes"] = [0, 1]
    assert np.array_equal(points(tmp_path, tree, data), moved())


def test_an_index_past_its_primitive_does_not_take_a_vertex_of_the_next(tmp_path):
    faces = FACES.copy()
    faces[0, 0] = len(CORNERS) + 1
    tree, data = gltf_tree(CORNERS, faces)
    good, data = add_accessor(tree, data, FACES.astype("<u4").reshape(-1), 5125, "SCALAR")
    tree["meshes"][0]["primitives"].append({"attributes": {"POSITION": 0}, "indices": good})
    with pytest.raises(GridError, match="vertex"):
        grid(tmp_path, tree, data)


def draco_in_one_of_two(tree):
    tree["accessors"] += [{"componentType": FLOAT, "count": 8, "type": "VEC3"}]
    primitive = {"attributes": {"POSITION": 2}, "extensions": {"KHR_draco_mesh_compression": {"bufferView": 0}}}
    tree["meshes"][0]["primitives"].append(primitive)
    tree["extensionsUsed"] = ["KHR_draco_mesh_compression"]


def meshopt(tree):
    tree["bufferViews"][0]["extensions"] = {"EXT_meshopt_compression": {"buffer": 0}}
    tree["buffers"][0]["extensions"] = {"EXT_meshopt_compression": {"fallback": True}}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (draco_in_one_of_two, "KHR_draco_mesh_compression"),
        (meshopt, "EXT_meshopt_compression"),
        (lambda tree: tree.update(extensionsRequired=["XX_new_shapes"]), "XX_new_shapes"),
        (lambda tree: tree["asset"].update(version="1.0"), r"glTF 1\.0"),
    ],
    ids=["draco", "meshopt", "unknown", "version 1"],
)
def test_what_cannot_be_read_is_refused_by_its_name(tmp_path, change, name):
    tree, data = gltf_tree(CORNERS, FACES)
    change(tree)
    with pytest.raises(GridError, match=name):
        grid(tmp_path, tree, data)


def test_extensions_of_materials_and_uncompressed_copies_are_no_hindrance(tmp_path):
    tree, data = gltf_tree(CORNERS, FACES)
    tree["extensionsRequired"] = ["KHR_materials_unlit", "KHR_texture_transform"]
    tree["meshes"][0]["primitives"][0]["extensions"] = {"KHR_draco_mesh_compression": {"bufferView": 0}}
    assert grid(tmp_path, tree, data).sum() == 6000


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: tree["accessors"][0].update(count=9),
        lambda tree: tree["accessors"][0].update(count=-1),
        lambda tree: tree["accessors"][0].update(byteOffset=-12),
        lambda tree: tree["bufferViews"][0].update(byteStride=4),
        lambda tree: tree["nodes"][0].update(children=[0]),
        lambda tree: tree["scenes"][0].update(nodes=[0, 0]),
        lambda tree: tree["buffers"][0].update(byteLength=10**6),
    ],
)
def test_a_damaged_tree_is_refused(tmp_path, change):
    tree, data = gltf_tree(CORNERS, FACES)
    change(tree)
    with pytest.raises(GridError, match="damaged"):
        grid(tmp_path, tree, data)


@pytest.mark.parametrize("change", [{"count": 10**9}, {"count": 10**8, "bufferView": None}])
def test_what_promises_too_much_is_refused_before_it_takes_memory(tmp_path, change):
    tree, data = gltf_tree(CORNERS, FACES)
    tree["accessors"][1] = {
        key: value for key, value in {**tree["accessors"][1], **change}.items() if value is not None
    }
    with pytest.raises(GridError, match="simplify"):
        grid(tmp_path, tree, data)


def test_a_mesh_at_too_many_places_is_refused_before_it_takes_memory(tmp_path):
    tree, data = gltf_tree(CORNERS, FACES)
    tree["nodes"] = [{"mesh": 0}] * 300_000
    tree["scenes"][0]["nodes"] = list(range(300_000))
    with pytest.raises(GridError, match="has 3600000 triangles"):
        grid(tmp_path, tree, data)
