"""`.binvox` files, byte for byte."""

import io
import struct

import numpy as np
import pytest

from tests.fakes import box_grid, box_mesh, join_meshes, random_grids
from vae_gan3d.config.shapes import ReadOptions
from vae_gan3d.data.formats.binvox import encode_binvox, parse_binvox
from vae_gan3d.data.formats.text_slices import parse_text_slices, write_text_slices
from vae_gan3d.data.formats.vox import encode_vox, parse_vox
from vae_gan3d.data.grids import centre_grid
from vae_gan3d.data.orientation import turn_grid
from vae_gan3d.data.sandbox import read_one
from vae_gan3d.data.shape_files import read_grid, write_shape
from vae_gan3d.data.voxelize import voxelize
from vae_gan3d.errors import UserError

HEADER = b"#binvox 1\ndim 2 2 2\ntranslate -0.2 -0.5 -0.3\nscale 0.8\ndata\n"


def test_the_voxels_are_counted_with_y_fastest_then_z_then_x():
    # 8 voxels: one empty, one occupied, five empty, one occupied. Number 1 is x 0, z 0, y 1; number 7 is the last.
    grid, _ = parse_binvox(HEADER + bytes([0, 1, 1, 1, 0, 5, 1, 1]))
    assert np.argwhere(grid).tolist() == [[0, 1, 0], [1, 1, 1]]


@pytest.mark.parametrize(
    "grid",
    [
        random_grids(1, 30)[0],
        box_grid(32, 0, 32),
        box_grid(17, 3, 9),
        np.eye(3, dtype=np.uint8)[:, :, np.newaxis].repeat(5, axis=2),
    ],
    ids=["random", "full", "box", "unequal sides"],
)
def test_what_is_written_is_read_back(grid):
    data = encode_binvox(grid)
    read, is_centred = parse_binvox(data)
    assert is_centred and np.array_equal(read, grid)
    x, y, z = grid.shape
    assert data.startswith(f"#binvox 1\ndim {x} {z} {y}\n".encode())


def test_runs_of_more_than_255_voxels_are_cut():
    # 1,000 occupied voxels are 255 + 255 + 255 + 235.
    data = encode_binvox(np.ones((10, 10, 10), np.uint8))
    assert data.partition(b"data\n")[2] == bytes([1, 255, 1, 255, 1, 255, 1, 235])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"OFF\n8 12 0\n", "is not a binvox file"),
        (b"#binvox 1\ndim 2 2\ndata\n\x00\x08", "is not a binvox file"),
        (HEADER + bytes([0, 7]), "do not fill 2x2x2 voxels"),
        (HEADER + bytes([0, 9]), "do not fill 2x2x2 voxels"),
        (HEADER + bytes([0, 8, 1]), "do not fill 2x2x2 voxels"),
        (HEADER, "do not fill 2x2x2 voxels"),
        (HEADER.replace(b"2 2 2", b"0 0 0"), "is empty"),
        (HEADER.replace(b"2 2 2", b"9999 9999 9999"), "is too large"),
    ],
)
def test_what_is_no_such_file_or_cut_short_is_refused(data, reason):
    with pytest.raises(UserError, match=reason):
        parse_binvox(data)


def airplane(side):
    """A shape without any symmetry, as boxes: a body along x, wings along y, a fin up z."""
    boxes = [((0, 0.42, 0.1), (1, 0.58, 0.26)), ((0.35, 0, 0.15), (0.6, 1, 0.2)), ((0.85, 0.46, 0.2), (1, 0.54, 0.4))]
    return voxelize(*join_meshes(*(box_mesh(*box) for box in boxes)), side)


def in_the_corner(grid, header):
    """The file of a shape moved to the low corner, as the program binvox puts it, with these placement lines."""
    for axis in range(3):
        grid = np.roll(grid, -np.flatnonzero(grid.any(axis=tuple({0, 1, 2} - {axis})))[0], axis)
    return encode_binvox(grid).replace(b"translate -0.5 -0.5 -0.5\nscale 1\n", header)


@pytest.mark.parametrize("header", [b"translate 0.1 -0.2 3\nscale 0.9\n", b"translate 0 0 0\nscale 1\n", b""])
@pytest.mark.parametrize("up_axis", ["x", "y", "z"])
def test_a_shape_lies_where_its_mesh_would(tmp_path, header, up_axis):
    grid = airplane(32)
    (tmp_path / "a.binvox").write_bytes(in_the_corner(grid, header))
    # The mesh of the same shape in the same axes: a turn moves the middle nowhere.
    expected = centre_grid(turn_grid(grid, up_axis))
    assert np.array_equal(read_grid(tmp_path / "a.binvox", options=ReadOptions(up_axis=up_axis)), expected)


def test_a_place_in_the_grid_that_is_meant_is_kept(tmp_path):
    # Of this version, and of earlier ones, which wrote 0 0 0 and 1.
    grid = box_grid(16, 2, 5)
    for header in (
        b"translate -0.5 -0.5 -0.5\nscale 1\n",
        b"translate -2 -2 -2\nscale 4\n",
        b"translate 0 0 0\nscale 1\n",
    ):
        data = encode_binvox(grid).replace(b"translate -0.5 -0.5 -0.5\nscale 1\n", header)
        (tmp_path / "a.binvox").write_bytes(data)
        assert np.array_equal(read_grid(tmp_path / "a.binvox"), grid)


def chunk(name, content, children=b""):
    return struct.pack("<4s2I", name, len(content), len(children)) + content + children


def words(**pairs):
    texts = [text.encode() for pair in pairs.items() for text in pair]
    return struct.pack("<i", len(pairs)) + b"".join(struct.pack("<i", len(text)) + text for text in texts)


def model(size, voxels):
    colored = b"".join(bytes([*voxel, 1]) for voxel in voxels)
    return chunk(b"SIZE", struct.pack("<3i", *size)) + chunk(b"XYZI", struct.pack("<i", len(voxels)) + colored)


def move(number, child, layer=-1, frame=None, **attributes):
    content = struct.pack("<i", number) + words(**attributes) + struct.pack("<4i", child, -1, layer, 1)
    return chunk(b"nTRN", content + words(**(frame or {})))


def group(number, *children):
    return chunk(
        b"nGRP", struct.pack("<i", number) + words() + struct.pack(f"<{1 + len(children)}i", len(children), *children)
    )


def shape(number, shown):
    return chunk(b"nSHP", struct.pack("<i", number) + words() + struct.pack("<2i", 1, shown) + words())


def vox(*chunks):
    return b"VOX " + struct.pack("<i", 200) + chunk(b"MAIN", b"", b"".join(chunks))


@pytest.mark.parametrize(
    "grid",
    [random_grids(1, 30)[0], box_grid(32, 0, 32), np.eye(3, dtype=np.uint8)[:, :, np.newaxis].repeat(5, axis=2)],
    ids=["random", "full", "unequal sides"],
)
def test_a_vox_file_that_is_written_is_read_back(grid):
    assert np.array_equal(parse_vox(encode_vox(grid)), grid)


def test_a_written_shape_is_read_back_as_it_lies(tmp_path):
    grid = box_grid(16, 2, 5)
    write_shape(grid, tmp_path / "a.vox")
    assert np.array_equal(read_grid(tmp_path / "a.vox"), grid)


def test_the_voxels_are_x_y_z_with_z_up():
    grid = parse_vox(vox(model((2, 3, 4), [(1, 2, 3), (0, 0, 0)])))
    assert grid.shape == (2, 3, 4)
    assert np.argwhere(grid).tolist() == [[0, 0, 0], [1, 2, 3]]


def test_the_models_of_a_scene_stand_at_their_places():
    # The middle of each 2 x 2 x 2 box goes to its translation: from -1 to 1, and moved by 4 in x from 3 to 5. So the
    # box around both has 6 x 2 x 2 voxels, and the voxel at (0, 0, 0) of the second model comes to x = 3 + 1 = 4.
    scene = [model((2, 2, 2), [(0, 0, 0)]), model((2, 2, 2), [(0, 0, 0), (1, 1, 1)])]
    scene += [move(0, 1), group(1, 2, 4), move(2, 3), shape(3, 0), move(4, 5, frame={"_t": "4 0 0"}), shape(5, 1)]
    grid = parse_vox(vox(*scene))
    assert grid.shape == (6, 2, 2)
    assert np.argwhere(grid).tolist() == [[0, 0, 0], [4, 0, 0], [5, 1, 1]]


def test_a_model_is_turned_as_its_rotation_says():
    # The byte of the rows (0 -1 0), (1 0 0), (0 0 1): column 1 in row 0, column 0 in row 1, the sign of row 0 negative.
    byte = 1 | 0 << 2 | 1 << 4
    scene = [model((4, 2, 2), [(0, 0, 0), (3, 0, 0)]), move(0, 1, frame={"_r": str(byte)}), shape(1, 0)]
    # x becomes y, and y becomes -x: the low side of y is the high side of the new x.
    assert np.argwhere(parse_vox(vox(*scene))).tolist() == [[1, 0, 0], [1, 3, 0]]


def test_hidden_models_and_layers_are_left_out():
    scene = [model((2, 2, 2), [(0, 0, 0)]), move(0, 1), group(1, 2, 4, 6)]
    scene += [move(2, 3), shape(3, 0), move(4, 5, frame={"_t": "9 0 0"}, _hidden="1"), shape(5, 0)]
    scene += [move(6, 7, layer=3, frame={"_t": "0 9 0"}), shape(7, 0)]
    scene += [chunk(b"LAYR", struct.pack("<i", 3) + words(_hidden="1") + struct.pack("<i", -1))]
    assert parse_vox(vox(*scene)).shape == (2, 2, 2)


def test_a_small_scene_that_names_its_nodes_again_and_again_is_refused(tmp_path):
    # Each of 34 groups names the next one twice: 2 ** 34 places.
    groups = [group(number, number + 1, number + 1) for number in range(34)]
    with pytest.raises(UserError, match="too large"):
        parse_vox(vox(model((2, 2, 2), [(0, 0, 0)]), *groups, shape(34, 0)))


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"#binvox 1\n", "MagicaVoxel"),
        (vox(), "no model"),
        (vox(model((2, 2, 2), [(2, 0, 0)])), "outside"),
        (vox(model((9999, 2, 2), [(0, 0, 0)])), "too large"),
        (vox(model((2, 2, 2), [(0, 0, 0)]))[:-3], "cut short"),
        (vox(model((2, 2, 2), [(0, 0, 0)]), move(0, 0)), "holds itself"),
        (vox(model((2, 2, 2), [(0, 0, 0)]), move(0, 1), shape(1, 7)), "not there"),
        (vox(model((2, 2, 2), [(0, 0, 0)]), move(0, 1, frame={"_t": "5000 0 0"}), shape(1, 0), group(2)), None),
        (vox(model((2, 2, 2), [(0, 0, 0)]), move(0, 1, _hidden="1"), shape(1, 0)), "hidden"),
    ],
)
def test_what_is_no_such_file_or_damaged_is_refused(data, word):
    if word is None:  # a single model far away is still a single model
        assert parse_vox(data).shape == (2, 2, 2)
        return
    with pytest.raises(UserError, match=word):
        parse_vox(data)


GRID = random_grids(1, 6)[0]
# Voxel (0, 1, 0) of 2^3: first slice, second line, first digit.
HAND = np.zeros((2, 2, 2))
HAND[0, 1, 0] = 1


def savetxt(grid, **options):
    """Slice after slice by `numpy.savetxt`, in the form that its users copy: a shape above, a comment below each."""
    text = io.StringIO()
    text.write(f"# Array shape: {grid.shape}\n")
    for block in grid:
        np.savetxt(text, block, **options)
        text.write("# New slice\n")
    return text.getvalue()


def test_text_by_hand(tmp_path):
    write_text_slices(tmp_path / "grid.txt", HAND.astype(bool))
    assert (tmp_path / "grid.txt").read_text() == "# slice 0\n0 0\n1 0\n# slice 1\n0 0\n0 0\n"


def test_numpy_and_our_reader_read_it_back(tmp_path):
    grid = random_grids(1, 16)[0]
    write_text_slices(tmp_path / "grid.txt", grid)
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "grid.txt").reshape(16, 16, 16), grid)
    read = read_one(tmp_path / "grid.txt")
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, grid)


@pytest.mark.parametrize(
    "text",
    [
        "00\n10\n\n00\n00\n",
        "slice 0\n0 0\n1 0\nslice 1\n0 0\n0 0",
        "--- z = 0 ---\r\n0,0\r\n1,0\r\n--- z = 1 ---\r\n0,0\r\n0,0\r\n",
        "0\n0 0\n1 0\n1\n0 0\n0 0\n",
        "2 2 2\n0 0\n1 0\n\n0 0\n0 0\n",
        "0.00 0.25\n0.51 0.50\n\n0. 0\n-0.0 1e-9\n",
        "0 0 1 0  # slice 0\n0 0 0 0  # slice 1\n",
        "0\n0\n1\n0\n0\n0\n0\n0\n",
        "00100000",
    ],
    ids=["digits", "words", "commas", "numbers", "sides", "probabilities", "slice a line", "number a line", "one line"],
)
def test_older_forms_by_hand(text):
    np.testing.assert_array_equal(parse_text_slices(text), HAND)


@pytest.mark.parametrize("options", [{}, {"fmt": "%d"}, {"fmt": "%-7.2f"}, {"fmt": "%d", "delimiter": ","}])
def test_what_savetxt_writes(options):
    np.testing.assert_array_equal(parse_text_slices(savetxt(GRID, **options)), GRID)


def test_what_numpy_prints():
    # numpy breaks the lines of a 64-voxel row in two.
    grid = random_grids(1, 64)[0]
    with np.printoptions(threshold=grid.size):
        np.testing.assert_array_equal(parse_text_slices(str(grid)), grid)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("# only\nwords here\n", "holds no line of numbers"),
        ("00\n10\n\n00\n0\n", "holds 6 numbers, which fill no N x N x N grid"),
        ("00\n10\n\n00\n0x\n", "holds 6 numbers"),
        ("0" * 129**3, "is too large (129x129x129)"),
    ],
)
def test_what_is_no_grid_is_refused(text, reason):
    with pytest.raises(UserError) as caught:
        parse_text_slices(text)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"), [("7 0\n0 0\n\n0 0\n0 0", "holds the value 7.0"), ("0" * 8, "no occupied")]
)
def test_bad_values_are_refused_by_file_name(tmp_path, text, reason):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(UserError, match=reason) as caught:
        read_one(tmp_path / "a.txt")
    assert str(caught.value).startswith(f"{tmp_path / 'a.txt'}: ")
