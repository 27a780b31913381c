import io
import os
import pathlib
import zipfile

import numpy as np
import pytest
import scipy.io

from tests.fakes import box_grid, random_grids, write_mat
from vae_gan3d.config.shapes import ReadOptions
from vae_gan3d.data import shape_files
from vae_gan3d.data.formats.registry import FORMATS
from vae_gan3d.data.shape_files import GridError, read_grid, shape_stem, split_name, write_shape
from vae_gan3d.errors import UserError


def refusal(path) -> str:
    with pytest.raises(GridError) as caught:
        read_grid(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("compress", [True, False])
def test_a_mat_file_is_read_as_stored(tmp_path, compress):
    grid = random_grids(1, 30)[0]
    write_mat(tmp_path / "a.mat", grid, compress=compress)
    read = read_grid(tmp_path / "a.mat")
    assert read.dtype == np.uint8
    assert np.array_equal(read, grid)


def test_another_variable_can_be_named(tmp_path):
    write_mat(tmp_path / "a.mat", box_grid(8, 2, 4), variable="voxels")
    assert read_grid(tmp_path / "a.mat", variable="voxels").sum() == 8


@pytest.mark.parametrize("dtype", ["bool", "uint8", "float64"])
def test_an_npy_file_is_read_as_stored(tmp_path, dtype):
    grid = random_grids(1, 30)[0]
    np.save(tmp_path / "a.NPY.npy", np.asfortranarray(grid.astype(dtype)))
    assert np.array_equal(read_grid(tmp_path / "a.NPY.npy"), grid)


def test_an_absent_file_and_a_folder_are_refused(tmp_path):
    assert "there is no such file" in refusal(tmp_path / "absent.mat")
    (tmp_path / "folder.mat").mkdir()
    assert "is not a file" in refusal(tmp_path / "folder.mat")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without pipes that have names")
def test_links_pipes_and_devices_are_told_apart_before_they_are_opened(tmp_path):
    write_mat(tmp_path / "good.mat", box_grid(8, 2, 4))
    os.mkfifo(tmp_path / "pipe.mat")
    targets = {"dangling": "absent", "loop": "loop.mat", "folder": ".", "zeros": "/dev/zero", "good_link": "good.mat"}
    for name, target in targets.items():
        (tmp_path / f"{name}.mat").symlink_to(target)
    assert "is a symbolic link to nothing" in refusal(tmp_path / "dangling.mat")
    assert "cannot be read (Too many levels of symbolic links)" in refusal(tmp_path / "loop.mat")
    assert "is not a file but a folder" in refusal(tmp_path / "folder.mat")
    assert "is not a file but a device or pipe" in refusal(tmp_path / "zeros.mat")
    assert "is not a file but a device or pipe" in refusal(tmp_path / "pipe.mat")
    assert read_grid(tmp_path / "good_link.mat").sum() == 8


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    write_mat(tmp_path / "a.mat", box_grid(8, 2, 4))

    def refuse(*_words, **_names):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    assert refusal(tmp_path / "a.mat").endswith(
        "cannot be read (Permission denied); check the path and its permissions"
    )


def test_a_name_that_is_too_long_or_none_at_all_is_refused(tmp_path):
    assert "cannot be read (File name too long)" in refusal(tmp_path / f"{'x' * 300}.npy:3")
    with pytest.raises(GridError, match=r"a\\x00b\.mat: there is no such file"):
        read_grid(tmp_path / "a\0b.mat")


def test_the_message_of_an_odd_name_is_one_line(tmp_path):
    path = tmp_path / "a\n\x1b[31m\udcff %s.mat"
    path.write_bytes(b"words" * 99)
    with pytest.raises(GridError) as caught:
        read_grid(path)
    assert str(caught.value).startswith(
        f"{tmp_path}/a\\n\\x1b[31m\\xff %s.mat: the file is damaged, or is not a MATLAB file"
    )
    assert caught.value.reason.startswith("the file is damaged, or is not a MATLAB file")


def test_an_unknown_extension_names_those_that_are_read(tmp_path):
    (tmp_path / "a.step").write_bytes(b"x")
    assert "files of type '.step' are not read; give one of .mat, .npy, .npz, .h5, .hdf5" in refusal(
        tmp_path / "a.step"
    )


def test_a_mat_file_without_a_grid_names_what_it_has(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"faces": np.ones(3), "points": np.ones(3)})
    assert "(it holds faces 1x3, points 1x3); save the grid as 'instance'" in refusal(tmp_path / "a.mat")


@pytest.mark.parametrize("suffix", [".mat", ".npy"])
@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.ones((4, 5), np.uint8), "is not three-dimensional"),
        (np.ones((1, 1, 513), np.uint8), "is too large (1x1x513); the longest side is 512"),
        (np.full((4, 4, 4), 2, np.uint8), "holds the value 2;"),
        (np.full((4, 4, 4), np.nan), "holds the value nan"),
        (np.zeros((4, 4, 4), np.uint8), "holds no occupied voxel"),
        (np.full((4, 4, 4), 1j), "holds values of type complex"),
    ],
)
def test_bad_grids_are_refused_by_file_name(tmp_path, suffix, array, reason):
    path = tmp_path / f"a{suffix}"
    if suffix == ".mat":
        scipy.io.savemat(path, {"instance": array}, do_compression=True)
    else:
        np.save(path, array)
    assert reason in refusal(path)


def test_variables_that_are_no_numbers_are_refused(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"instance": {"x": 1}})
    assert "is a struct array" in refusal(tmp_path / "a.mat")


def test_a_damaged_hdf5_file_is_called_so(tmp_path):
    for name, start in (("a.mat", b"MATLAB 7.3 MAT-file".ljust(512) + b"\x89HDF"), ("b.mat", b"\x89HDF\r\n\x1a\n")):
        (tmp_path / name).write_bytes(start)
        assert "damaged" in refusal(tmp_path / name)


@pytest.mark.parametrize("suffix", [".mat", ".npy"])
def test_files_that_are_empty_cut_short_or_something_else_are_refused(tmp_path, suffix):
    whole = tmp_path / f"whole{suffix}"
    if suffix == ".mat":
        write_mat(whole, random_grids(1, 30)[0])
    else:
        np.save(whole, random_grids(1, 30)[0])
    data = whole.read_bytes()
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(data[: len(data) // 2])
    assert "the file is damaged or cut short" in refusal(cut)
    cut.write_bytes(b"")
    assert "the file is empty" in refusal(cut)
    cut.write_bytes(b"not a grid at all, but some text of more than a few bytes" * 10)
    assert "damaged" in refusal(cut) or "is not a NumPy file" in refusal(cut)


def test_python_objects_are_never_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.full((2, 2, 2), None))
    assert "holds Python objects" in refusal(tmp_path / "a.npy")


def test_an_archive_under_the_name_npy_is_refused(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x", "y")
    (tmp_path / "a.npy").write_bytes(buffer.getvalue())
    assert "is not a NumPy file" in refusal(tmp_path / "a.npy")


def test_a_forged_npy_shape_is_held_against_the_length_of_the_file(tmp_path):
    np.save(tmp_path / "b.npy", box_grid(4, 0, 1))
    data = (tmp_path / "b.npy").read_bytes().replace(b"(4, 4, 4)", b"(9, 9, 9)")
    (tmp_path / "b.npy").write_bytes(data)
    assert "damaged or cut short" in refusal(tmp_path / "b.npy")


def test_a_file_over_the_size_limit_is_not_opened(tmp_path, monkeypatch):
    write_mat(tmp_path / "a.mat", box_grid(8, 0, 1))
    monkeypatch.setattr(shape_files, "MAX_FILE_BYTES", 100)
    assert "is too large for one shape" in refusal(tmp_path / "a.mat")


def test_control_characters_of_a_file_do_not_reach_the_message(tmp_path):
    write_mat(tmp_path / "a.mat", np.ones((8, 8)), variable="insXance", compress=False)
    data = (tmp_path / "a.mat").read_bytes().replace(b"insXance", b"ins\x1bance")
    (tmp_path / "a.mat").write_bytes(data)
    assert "\x1b" not in refusal(tmp_path / "a.mat")


def test_a_grid_error_is_a_user_error():
    assert issubclass(GridError, UserError)


@pytest.mark.parametrize("suffix", [found.extensions[0] for found in FORMATS if found.encode_grid])
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


@pytest.mark.parametrize("suffix", [found.extensions[0] for found in FORMATS if found.encode_mesh])
def test_a_mesh_holds_the_shape(tmp_path, suffix):
    # A body that no turn leaves as it is, filling its grid but for the margin that meshes are given.
    grid = np.zeros((16, 16, 16), np.uint8)
    grid[1:15, 6:10, 4:8] = grid[1:5, 6:10, 4:12] = 1
    write_shape(grid, tmp_path / f"a{suffix}")
    read = read_grid(tmp_path / f"a{suffix}", options=ReadOptions(16))
    assert (read & grid).sum() / (read | grid).sum() > 0.95


def test_an_empty_grid_has_no_surface(tmp_path):
    with pytest.raises(UserError, match=r"a\.stl: .*give another"):
        write_shape(box_grid(8, 0, 0), tmp_path / "a.stl")


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
