"""The demo shapes: repeatable, varied, in one piece, aligned; and their files."""

import shlex
import subprocess
import sys

import numpy as np
import pytest
import scipy.io
import scipy.ndimage

from vae_gan3d.errors import UserError
from vae_gan3d.voxels.demo_shapes import DEMO_CLASSES, demo_shape, main, write_demo_shapes


@pytest.mark.parametrize("class_name", DEMO_CLASSES)
def test_shapes_are_repeatable_and_differ_by_seed(class_name):
    first = demo_shape(class_name, 3, 32, seed=5)
    assert first.shape == (32, 32, 32)
    assert first.dtype == np.uint8
    assert set(np.unique(first)) == {0, 1}
    np.testing.assert_array_equal(first, demo_shape(class_name, 3, 32, seed=5))
    assert (first != demo_shape(class_name, 3, 32, seed=6)).any()


@pytest.mark.parametrize("class_name", DEMO_CLASSES)
def test_no_two_of_200_shapes_are_alike(class_name):
    assert len({demo_shape(class_name, index, 32).tobytes() for index in range(200)}) == 200


@pytest.mark.parametrize("class_name", DEMO_CLASSES)
@pytest.mark.parametrize("resolution", [8, 16, 30, 64])
def test_shapes_are_in_one_piece(class_name, resolution):
    touching = np.ones((3, 3, 3))
    pieces = [scipy.ndimage.label(demo_shape(class_name, index, resolution), touching)[1] for index in range(60)]
    assert pieces == [1] * 60


@pytest.mark.parametrize("class_name", DEMO_CLASSES)
def test_shapes_fill_the_grid_as_3d_shapenets_does(class_name):
    for index in range(50):
        places = np.argwhere(demo_shape(class_name, index, 30))
        low, high = places.min(axis=0), places.max(axis=0)
        assert (high - low + 1).max() in (23, 24, 25)
        assert (np.abs(low + high - 29) <= 2).all()


def test_chairs_stand_upright_and_face_low_x():
    for index in range(50):
        grid = demo_shape("chair", index, 30)
        everything, upper = np.argwhere(grid), np.argwhere(grid[:, :, 22:])
        assert upper[:, 0].mean() > everything[:, 0].mean()


def test_tables_have_a_wide_top():
    for index in range(50):
        layers = demo_shape("table", index, 32).sum(axis=(0, 1), dtype=np.int64)
        highest = np.flatnonzero(layers)[-1]
        assert layers[highest] >= 0.7 * layers.max()


def test_airplanes_are_flat_and_mirrored_left_to_right():
    for index in range(50):
        grid = demo_shape("airplane", index, 32)
        height = np.flatnonzero(grid.any(axis=(0, 1)))
        assert height[-1] - height[0] < 16
        np.testing.assert_array_equal(grid, grid[:, ::-1])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sofa", 0, 32), "'sofa'"),
        (("chair", -1, 32), "index -1"),
        (("chair", 0, 7), "resolution 7"),
        (("chair", 0, 129), "resolution 129"),
        (("chair", 0, 32.0), "resolution 32.0"),
        (("chair", 0, 32, -2), "seed -2"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    with pytest.raises(UserError, match=words):
        demo_shape(*arguments)


def test_files_are_laid_out_as_3d_shapenets(tmp_path):
    assert write_demo_shapes(tmp_path, ("chair", "lamp"), 20, 16, seed=4) == (36, 4)
    root = tmp_path / "volumetric_data"
    assert sorted(path.name for path in (root / "lamp" / "30" / "test").iterdir()) == [
        "lamp_000000010_1.mat",
        "lamp_000000020_1.mat",
    ]
    assert len(list((root / "chair" / "30" / "train").iterdir())) == 18
    grid = scipy.io.loadmat(root / "chair" / "30" / "train" / "chair_000000003_1.mat")["instance"]
    assert grid.dtype == np.int8
    np.testing.assert_array_equal(grid, demo_shape("chair", 2, 16, seed=4))


def test_a_shape_never_lies_in_both_splits(tmp_path):
    write_demo_shapes(tmp_path, ("lamp",), 2, 8, test_fraction=0.0)
    with pytest.raises(UserError, match="another folder"):
        write_demo_shapes(tmp_path, ("lamp",), 2, 8, test_fraction=0.5)


@pytest.mark.parametrize(
    ("classes", "count", "fraction", "words"),
    [
        ((), 1, 0.1, "no class"),
        (("chair", "chair"), 1, 0.1, "once"),
        (("chair",), 0, 0.1, "count 0"),
        (("chair",), 1, 1.0, "test fraction 1.0"),
    ],
)
def test_bad_data_sets_are_refused_before_anything_is_written(tmp_path, classes, count, fraction, words):
    with pytest.raises(UserError, match=words):
        write_demo_shapes(tmp_path, classes, count, test_fraction=fraction)
    assert list(tmp_path.iterdir()) == []


def test_command_ends_with_the_next_command(tmp_path, capsys):
    assert main([f"--output_dir={tmp_path}", "--count=10", "--classes=chair,table", "--resolution=8"]) == 0
    data_dir = tmp_path / "volumetric_data"
    records = tmp_path / "records"
    assert capsys.readouterr().out.splitlines() == [
        f"20 demo shapes (18 train, 2 test) are in {data_dir}",
        f"next: python create_tf_record.py --data_dir={data_dir} --output_dir={records} --classes=all",
    ]


def test_next_command_quotes_a_folder_with_a_space(tmp_path, capsys):
    assert main([f"--output_dir={tmp_path / 'my shapes'}", "--count=1", "--classes=lamp", "--resolution=8"]) == 0
    command = capsys.readouterr().out.splitlines()[-1]
    assert f"--data_dir={tmp_path / 'my shapes' / 'volumetric_data'}" in shlex.split(command)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--count=3"], "--output_dir"),
        (["--output_dir=X", "--count=many"], "'many'"),
        (["--output_dir=X", "--clases=chair"], "--clases"),
        (["--output_dir=X", "--classes=chair,sofa"], "'sofa'"),
        (["--output_dir=X", "--resolution=4"], "resolution 4"),
    ],
)
def test_wrong_words_are_one_line(words, expected, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert expected in error


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    command = [sys.executable, "-m", "vae_gan3d.voxels.demo_shapes", f"--output_dir={tmp_path / 'file'}", "--count=1"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("error: cannot make the folder")
    assert result.stderr.count("\n") == 1
