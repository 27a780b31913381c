"""Text slices: what stands in the file, and that it reads back."""

import numpy as np

from tests.fakes import random_grids
from vae_gan3d.evaluation.text_slices import write_text_slices


def test_text_by_hand(tmp_path):
    # Voxel (0, 1, 0) of 2^3: first slice, second line, first digit.
    grid = np.zeros((2, 2, 2), bool)
    grid[0, 1, 0] = True
    write_text_slices(tmp_path / "grid.txt", grid)
    assert (tmp_path / "grid.txt").read_text() == "# slice 0\n0 0\n1 0\n# slice 1\n0 0\n0 0\n"


def test_numpy_reads_it_back(tmp_path):
    grid = random_grids(1, 16)[0]
    write_text_slices(tmp_path / "grid.txt", grid)
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "grid.txt").reshape(16, 16, 16), grid)
