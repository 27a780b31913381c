"""Grids to files and back, bit for bit."""

import numpy as np
import pytest
import scipy.io

from tests.fakes import box_grid, random_grids
from vae_gan3d.errors import UserError
from vae_gan3d.voxels.read_options import ReadOptions
from vae_gan3d.voxels.readers import read_grid
from vae_gan3d.voxels.writers import write_shape


@pytest.mark.parametrize("suffix", [".mat", ".npy", ".npz", ".binvox", ".txt"])
@pytest.mark.parametrize("side", [1, 30, 64])
def test_what_is_written_is_read_back(tmp_path, suffix, side):
    grid = random_grids(1, side)[0]
    write_shape(grid, tmp_path / f"a{suffix}")
    assert np.array_equal(read_grid(tmp_path / f"a{suffix}"), grid)


def test_booleans_are_written_as_numbers_and_mat_files_as_3d_shapenets_has_them(tmp_path):
    write_shape(box_grid(8, 2, 5) == 1, tmp_path / "a.mat")
    stored = scipy.io.loadmat(tmp_path / "a.mat")["instance"]
    assert (stored.dtype, int(stored.sum())) == (np.int8, 27)


def test_the_same_grid_gives_the_same_bytes_but_for_the_date_of_mat_files(tmp_path):
    for suffix in (".npy", ".npz", ".binvox"):
        for name in "ab":
            write_shape(box_grid(8, 2, 5), tmp_path / f"{name}{suffix}")
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_an_extension_that_is_not_written_names_those_that_are(tmp_path):
    with pytest.raises(UserError, match=r"files of type '\.fbx' are not written; give one of \.mat, \.npy"):
        write_shape(box_grid(8, 2, 5), tmp_path / "a.fbx")


@pytest.mark.parametrize("suffix", [".off", ".obj", ".stl", ".ply", ".glb"])
def test_a_mesh_holds_the_shape(tmp_path, suffix):
    pytest.importorskip("trimesh")
    pytest.importorskip("skimage")
    # A body that no turn leaves as it is, filling its grid but for the margin that meshes are given.
    grid = np.zeros((16, 16, 16), np.uint8)
    grid[1:15, 6:10, 4:8] = grid[1:5, 6:10, 4:12] = 1
    write_shape(grid, tmp_path / f"a{suffix}")
    read = read_grid(tmp_path / f"a{suffix}", options=ReadOptions(16))
    assert (read & grid).sum() / (read | grid).sum() > 0.95


def test_an_empty_grid_has_no_surface(tmp_path):
    pytest.importorskip("skimage")
    with pytest.raises(UserError, match="holds no occupied voxel"):
        write_shape(box_grid(8, 0, 0), tmp_path / "a.stl")
