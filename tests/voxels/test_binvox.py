"""`.binvox` files, byte for byte."""

import numpy as np
import pytest

from tests.fakes import box_grid, random_grids
from vae_gan3d.errors import UserError
from vae_gan3d.voxels.binvox import encode_binvox, parse_binvox

HEADER = b"#binvox 1\ndim 2 2 2\ntranslate -0.2 -0.5 -0.3\nscale 0.8\ndata\n"


def test_the_voxels_are_counted_with_y_fastest_then_z_then_x():
    # 8 voxels: one empty, one occupied, five empty, one occupied. Number 1 is x 0, z 0, y 1; number 7 is the last.
    grid = parse_binvox(HEADER + bytes([0, 1, 1, 1, 0, 5, 1, 1]))
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
    assert np.array_equal(parse_binvox(data), grid)
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
