"""A file and the number of a shape in it."""

import pathlib

import pytest

from vae_gan3d.voxels.numbered_shapes import shape_stem, split_number


@pytest.mark.parametrize(
    ("text", "file", "number"),
    [
        ("d/samples.npy:3", "d/samples.npy", 3),
        ("samples.NPY:012", "samples.NPY", 12),
        ("C:/d/samples.npy:0", "C:/d/samples.npy", 0),
        ("a:1.npy:2", "a:1.npy", 2),
        ("samples.npy", "samples.npy", None),
        ("C:/d/samples.npy", "C:/d/samples.npy", None),
        ("samples.npy:", "samples.npy:", None),
        ("samples.npy:-1", "samples.npy:-1", None),
        ("samples.mat:3", "samples.mat:3", None),
        (".npy:3", ".npy:3", None),
        ("c:3", "c:3", None),
    ],
)
def test_a_number_stands_after_the_last_colon(text, file, number):
    assert split_number(pathlib.Path(text)) == (pathlib.Path(file), number)


def test_a_file_of_the_full_name_is_meant_itself(tmp_path):
    path = tmp_path / "a.npy:3"
    path.touch()
    assert split_number(path) == (path, None)


def test_what_files_are_called():
    assert shape_stem(pathlib.Path("d/samples.npy:3")) == "samples-3"
    assert shape_stem(pathlib.Path("d/chair.mat")) == "chair"
