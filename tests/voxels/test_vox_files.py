"""`.vox` files: what is written is read back, and scenes as MagicaVoxel writes them."""

import struct

import numpy as np
import pytest

from tests.fakes import box_grid, random_grids
from vae_gan3d.errors import UserError
from vae_gan3d.voxels.readers import read_grid
from vae_gan3d.voxels.vox_files import encode_vox, parse_vox
from vae_gan3d.voxels.writers import write_shape


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
def test_what_is_written_is_read_back(grid):
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
