"""A file and the number of a shape in it."""

import pathlib

import pytest

from vae_gan3d.voxels.numbered_shapes import shape_stem, split_name


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
