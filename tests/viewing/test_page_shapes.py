"""Shapes as a page's script reads them."""

import base64

import numpy as np

from vae_gan3d.viewing.page_shapes import MOST_FACES, page_frame, page_shapes


def unpacked(shape):
    bits = np.unpackbits(np.frombuffer(base64.b64decode(shape["bits"]), np.uint8))
    return bits.reshape((shape["side"],) * 3).astype(bool)


def test_bits_are_the_grid_and_the_label_counts_voxels():
    grid = np.random.default_rng(0).random((16, 16, 16)) < 0.2
    (shape,) = page_shapes([grid], ["chair"])
    np.testing.assert_array_equal(unpacked(shape), grid)
    assert shape["label"] == f"chair, {grid.sum():,} voxels of 16³"


def test_an_empty_shape_says_so():
    (shape,) = page_shapes(np.zeros((1, 16, 16, 16), bool), ["lamp"])
    assert shape["label"] == "lamp, empty"
    assert not unpacked(shape).any()


def test_large_grids_are_pooled_to_64():
    grid = np.zeros((128, 128, 128), bool)
    grid[1, 2, 127] = True
    (shape,) = page_shapes([grid], ["a"])
    assert np.argwhere(unpacked(shape)).tolist() == [[0, 1, 63]]
    assert shape["label"] == "a, 1 voxel of 128³"


def test_noise_is_pooled_until_a_browser_bears_it():
    # A checkerboard of 64 has 64^3 / 2 voxels with six faces each, 786,432; pooled by two it is a solid cube.
    board = np.indices((64, 64, 64)).sum(axis=0) % 2 == 0
    assert 6 * board.sum() > MOST_FACES
    (shape,) = page_shapes([board], ["noise"])
    assert shape["side"] == 32
    assert unpacked(shape).all()


def test_the_frame_holds_all_shapes():
    grids = np.zeros((2, 16, 16, 16), bool)
    grids[0, 4, 8, 8] = grids[1, 11, 8, 8] = True
    frame = page_frame(grids)
    # Voxels 4 to 11 along x, one wide along y and z: from 4 to 12 and from 8 to 9. The middle is (8, 8.5, 8.5), the
    # farthest corners are (4, 0.5, 0.5) away: sqrt(16.5) = 4.062 of 16 voxels, and 4 % of room.
    assert frame == {"middle": [0.5, 0.5312, 0.5312], "radius": 0.264}


def test_the_frame_of_nothing_is_the_whole_grid():
    assert page_frame(np.zeros((1, 16, 16, 16), bool)) == {"middle": [0.5, 0.5, 0.5], "radius": 0.87}
