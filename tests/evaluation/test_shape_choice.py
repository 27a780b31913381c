"""Shapes by file and by record index."""

import numpy as np
import pytest

from tests.fakes import random_grids, write_mat, write_records
from tests.solid_shapes import box_mesh, write_off
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.shape_choice import choose_shape
from vae_gan3d.records.record_set import find_records
from vae_gan3d.voxels.read_options import ReadOptions
from vae_gan3d.voxels.text_slices import write_text_slices


def test_a_file_is_padded_and_zoomed_as_records_are(tmp_path):
    grid = random_grids(1, 30)[0]
    write_mat(tmp_path / "a.mat", grid)
    choice = choose_shape(str(tmp_path / "a.mat"), None)
    padded = np.pad(grid, 1)
    np.testing.assert_array_equal(choice.load(32), padded)
    np.testing.assert_array_equal(choice.load(64), np.kron(padded, np.ones((2, 2, 2), np.uint8)))


def test_text_slices_are_a_shape_like_any_other(tmp_path):
    grid = random_grids(1, 16)[0]
    write_text_slices(tmp_path / "interpolation-0.300.txt", grid)
    choice = choose_shape(str(tmp_path / "interpolation-0.300.txt"), None)
    np.testing.assert_array_equal(choice.load(16), grid)


def test_a_mesh_has_the_resolution_that_is_asked_for(tmp_path):
    pytest.importorskip("trimesh")
    mesh = write_off(tmp_path / "box.off", box_mesh())
    choice = choose_shape(str(mesh), None, reading=ReadOptions(64))
    # A cube, but for the margin of one voxel; what was read at 32³ and zoomed would have a margin of two.
    assert choice.load(64).sum() == 62**3
    assert choice.name == "box"


def test_one_of_several_shapes_by_its_number(tmp_path):
    grids = random_grids(3, 16)
    np.save(tmp_path / "samples.npy", (0.6 * grids).astype(np.float32))
    choice = choose_shape(str(tmp_path / "samples.npy:2"), None)
    np.testing.assert_array_equal(choice.load(16), grids[2])
    assert choice.name == "samples-2"
    with pytest.raises(UserError, match=r"samples\.npy: holds 3 shapes: name one by its number"):
        choose_shape(str(tmp_path / "samples.npy"), None)


def test_a_record_by_its_index(tmp_path):
    grids = random_grids(3, 16)
    write_records(tmp_path, grids)
    choice = choose_shape("2", find_records(str(tmp_path)))
    np.testing.assert_array_equal(choice.load(16), grids[2])


def test_refusals(tmp_path):
    write_records(tmp_path, random_grids(3, 16))
    with pytest.raises(UserError, match="--records"):
        choose_shape("2", None)
    with pytest.raises(UserError, match="there is no record 3: the set holds 3"):
        choose_shape("3", find_records(str(tmp_path)))
    with pytest.raises(UserError, match=r"absent\.mat"):
        choose_shape(str(tmp_path / "absent.mat"), None)
