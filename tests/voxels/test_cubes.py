"""Grids of any sides as cubes."""

import numpy as np
import pytest

from tests.fakes import random_grids
from vae_gan3d.errors import UserError
from vae_gan3d.voxels.cubes import as_cube, check_sides


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
