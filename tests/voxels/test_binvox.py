"""`.binvox` files, byte for byte."""

import numpy as np
import pytest

from tests.fakes import box_grid, random_grids
from tests.solid_shapes import box_mesh, join_meshes
from vae_gan3d.errors import UserError
from vae_gan3d.voxels.binvox import encode_binvox, parse_binvox
from vae_gan3d.voxels.grids import centre_grid
from vae_gan3d.voxels.orientation import turn_grid
from vae_gan3d.voxels.read_options import ReadOptions
from vae_gan3d.voxels.readers import read_grid
from vae_gan3d.voxels.voxelize import voxelize

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
