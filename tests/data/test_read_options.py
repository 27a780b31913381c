import pathlib

import pytest

from vae_gan3d.data.read_options import ReadOptions, shape_stem, split_name
from vae_gan3d.errors import UserError


@pytest.mark.parametrize("change", [{"resolution": 20}, {"fill": "hollow"}, {"up_axis": "w"}, {"margin": 0}])
def test_unknown_values_are_refused(change):
    with pytest.raises(ValueError, match=str(next(iter(change.values())))):
        ReadOptions(**change)


def test_another_resolution_leaves_the_rest():
    options = ReadOptions(fill="surface", up_axis="y")
    assert options.at(64) == ReadOptions(64, "surface", "y")
    assert options.at(None) is options


def test_a_margin_leaves_half_of_the_grid():
    options = ReadOptions(margin=8)
    assert options.at(None) is options
    assert options.at(64).margin == 8
    with pytest.raises(UserError, match="--margin=8 is too large at 16 voxels a side: give 1 to 4"):
        options.at(16)


@pytest.mark.parametrize(
    ("text", "file", "array", "number"),
    [
        ("d/samples.npy:3", "d/samples.npy", None, 3),
        ("samples.NPY:012", "samples.NPY", None, 12),
        ("C:/d/samples.npy:0", "C:/d/samples.npy", None, 0),
        ("a:1.npy:2", "a:1.npy", None, 2),
        ("set.npz:3", "set.npz", None, 3),
        ("set.mat:3", "set.mat", None, 3),
        ("set.h5:x_train:3", "set.h5", "x_train", 3),
        ("set.hdf5:chair", "set.hdf5", "chair", None),
        ("samples.npy", "samples.npy", None, None),
        ("C:/d/samples.npy", "C:/d/samples.npy", None, None),
        ("samples.npy:", "samples.npy:", None, None),
        ("samples.npy:-1", "samples.npy:-1", None, None),
        ("chair.off:3", "chair.off:3", None, None),
        (".npy:3", ".npy:3", None, None),
        ("c:3", "c:3", None, None),
    ],
)
def test_an_array_and_a_number_stand_after_colons(text, file, array, number):
    assert split_name(pathlib.Path(text)) == (pathlib.Path(file), array, number)


def test_a_file_of_the_full_name_is_meant_itself(tmp_path):
    path = tmp_path / "a.npy:3"
    path.touch()
    assert split_name(path) == (path, None, None)


def test_what_files_are_called():
    assert shape_stem(pathlib.Path("d/samples.npy:3")) == "samples-3"
    assert shape_stem(pathlib.Path("d/set.h5:x_train:3")) == "set-x_train-3"
    assert shape_stem(pathlib.Path("d/chair.mat")) == "chair"
