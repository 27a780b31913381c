import numpy as np
import pytest

from tests.fakes import box_grid, random_grids
from vae_gan3d.data.grids import (
    as_cube,
    check_grid,
    check_resolution,
    check_sides,
    pack_grid,
    packed_bytes,
    pad_grid,
    padded_resolution,
    resize_grid,
    unpack_grid,
)
from vae_gan3d.errors import UserError


def one_voxel(side: int, dtype: str = "uint8") -> np.ndarray:
    grid = np.zeros((side, side, side), dtype)
    grid[0, 0, 0] = 1
    return grid


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int64", "float32", "float64"])
def test_good_grids_of_every_number_type_become_uint8(dtype):
    grid = check_grid(one_voxel(3, dtype).T)
    assert grid.dtype == np.uint8
    assert grid.flags.c_contiguous
    assert grid.sum() == 1
    assert grid[0, 0, 0] == 1


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.ones((4, 4)), "is not three-dimensional (4x4)"),
        (np.ones((1, 4, 4, 4)), "is not three-dimensional (1x4x4x4)"),
        (np.float64(1), "is not three-dimensional (a single number)"),
        (np.ones((4, 4, 5)), "is not cubic (4x4x5)"),
        (np.ones((0, 0, 0)), "is empty (0x0x0)"),
        (np.ones((129, 129, 129), np.uint8), "is too large (129x129x129)"),
        (np.full((2, 2, 2), np.nan), "holds the value nan"),
        (one_voxel(2, "float64") * 0.5, "holds the value 0.5"),
        (one_voxel(2) * 254, "holds the value 254"),
        (one_voxel(2) * 254 + 1, "holds the values 1 and 255"),
        (-one_voxel(2, "int8"), "holds the value -1"),
        (one_voxel(2, "complex64"), "holds values of type complex64"),
        (one_voxel(2).astype(object), "holds values of type object"),
        (np.full((2, 2, 2), "1"), "holds values of type <U1"),
        (np.zeros((2, 2, 2)), "holds no occupied voxel"),
    ],
)
def test_bad_grids_are_refused_with_one_reason(array, reason):
    with pytest.raises(UserError) as caught:
        check_grid(array)
    assert str(caught.value).startswith(reason)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "int16"])
def test_pictures_of_0_and_255_are_grids(dtype):
    grid = check_grid(one_voxel(2).astype(dtype) * 255)
    assert grid.dtype == np.uint8
    assert np.array_equal(grid, one_voxel(2))


@pytest.mark.parametrize("resolution", [16, 32, 64, 128])
def test_possible_resolutions_pass(resolution):
    assert check_resolution(resolution) == resolution


@pytest.mark.parametrize("resolution", [0, 1, 24, 30, 256, True])
def test_other_resolutions_are_refused(resolution):
    with pytest.raises(UserError, match="choose one of 16, 32, 64 or 128"):
        check_resolution(resolution)


@pytest.mark.parametrize(("side", "padded"), [(1, 16), (16, 16), (17, 32), (30, 32), (33, 64), (100, 128), (128, 128)])
def test_padding_goes_to_the_next_resolution(side, padded):
    assert padded_resolution(side) == padded


def test_thirty_is_padded_by_one_voxel_on_each_side():
    grid = random_grids(1, 30)[0]
    padded = pad_grid(grid)
    assert padded.shape == (32, 32, 32)
    assert np.array_equal(padded[1:31, 1:31, 1:31], grid)
    assert padded.sum() == grid.sum()


def test_an_odd_remainder_puts_the_extra_voxel_on_the_high_side():
    # 16 - 13 = 3 empty layers: one below, two above.
    padded = pad_grid(np.ones((13, 13, 13), np.uint8))
    occupied = np.flatnonzero(padded.any(axis=(0, 1)))
    assert (occupied[0], occupied[-1]) == (1, 13)


def test_a_grid_of_a_resolution_is_not_padded():
    grid = box_grid(32, 0, 32)
    assert pad_grid(grid) is grid


def test_zoom_repeats_every_voxel():
    # One voxel at (0, 1, 0) of a 2³ grid becomes the 2³ block at x 0:2, y 2:4, z 0:2 of a 4³ grid.
    grid = np.zeros((2, 2, 2), np.uint8)
    grid[0, 1, 0] = 1
    zoomed = resize_grid(grid, 4)
    assert zoomed[0:2, 2:4, 0:2].all()
    assert zoomed.sum() == 8


def test_a_smaller_resolution_is_a_max_pool():
    # Voxel (0, 3, 1) lies in the 2³ block (0, 1, 0).
    grid = np.zeros((4, 4, 4), np.uint8)
    grid[0, 3, 1] = 1
    pooled = resize_grid(grid, 2)
    assert pooled.shape == (2, 2, 2)
    assert pooled[0, 1, 0] == 1
    assert pooled.sum() == 1


def test_zoom_and_pool_undo_each_other():
    grid = random_grids(1, 16)[0]
    assert np.array_equal(resize_grid(resize_grid(grid, 64), 16), grid)


@pytest.mark.parametrize("resolution", [48, 0, -32])
def test_sizes_without_a_whole_factor_are_refused(resolution):
    with pytest.raises(UserError, match="cannot be resized"):
        resize_grid(box_grid(32, 0, 1), resolution)


def test_packing_is_in_c_order_with_the_first_voxel_in_the_highest_bit():
    # The 8 voxels of a 2³ grid in C order are 1 0 0 0 0 0 1 1: binary 10000011 is 131.
    grid = np.array([[[1, 0], [0, 0]], [[0, 0], [1, 1]]], np.uint8)
    assert pack_grid(grid) == bytes([131])


@pytest.mark.parametrize("side", [3, 16, 30])
def test_unpacking_undoes_packing(side):
    # 3³ = 27 voxels take 4 bytes, with 5 spare bits.
    grid = random_grids(1, side)[0]
    packed = pack_grid(grid)
    assert len(packed) == packed_bytes(side) == -(-(side**3) // 8)
    assert np.array_equal(unpack_grid(packed, side), grid)


def test_a_wrong_number_of_packed_bytes_is_refused():
    with pytest.raises(UserError, match="has 512 bytes, not 511"):
        unpack_grid(bytes(511), 16)


def test_a_cube_stays_as_it_is():
    grid = random_grids(1, 30)[0]
    assert as_cube(grid) is grid


def test_short_sides_are_padded_on_both_ends():
    cube = as_cube(np.ones((4, 2, 1), np.uint8))
    # 2 to 4: one before and one after; 1 to 4: one before, two after.
    assert np.argwhere(cube).min(axis=0).tolist() == [0, 1, 1]
    assert np.argwhere(cube).max(axis=0).tolist() == [3, 2, 1]
    assert cube.shape == (4, 4, 4)


def test_sides_over_128_are_pooled_by_a_whole_factor():
    grid = np.zeros((256, 256, 256), np.uint8)
    grid[0, 0, 0] = grid[255, 254, 253] = 1
    assert np.argwhere(as_cube(grid)).tolist() == [[0, 0, 0], [127, 127, 126]]
    # 129 is padded to 130 at the high end and becomes 65.
    odd = np.zeros((129, 129, 129), np.uint8)
    odd[128, 0, 2] = 1
    cube = as_cube(odd)
    assert cube.shape == (65, 65, 65)
    assert np.argwhere(cube).tolist() == [[64, 0, 1]]


@pytest.mark.parametrize(
    ("shape", "reason"),
    [((), "a single number"), ((4, 4), "three-dimensional"), ((4, 0, 4), "is empty"), ((1, 1, 513), "is too large")],
)
def test_shapes_that_are_no_grids_are_refused(shape, reason):
    with pytest.raises(UserError, match=reason):
        check_sides(shape)
