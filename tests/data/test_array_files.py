"""Files of arrays: which array is the shape, one shape of a set, and the axes of every format."""

import zipfile

import h5py
import numpy as np
import pytest
import scipy.io

from tests.fakes import random_grids
from vae_gan3d.data import array_files
from vae_gan3d.data.array_files import read_array
from vae_gan3d.data.shape_files import GridError, read_grid
from vae_gan3d.errors import UserError

GRID = random_grids(1, 6)[0]
SET = random_grids(5, 6)


def write_mat73(path, **arrays):
    """A file as MATLAB 7.3 writes it: HDF5 behind 512 bytes of its own, axes reversed, logical as uint8."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            kind = {"bool": "logical", "float64": "double"}.get(str(array.dtype), str(array.dtype))
            stored = array.astype(np.uint8) if array.dtype == bool else array
            dataset = file.create_dataset(name, data=stored.transpose())
            dataset.attrs["MATLAB_class"] = np.bytes_(kind)
        file.create_group("#refs#")["cells"] = np.ones((2, 2, 2))
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    return path


def write(path, name, array):
    """A file of one array, in the format of the path."""
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".npz":
        np.savez_compressed(path, **{name: array})
    elif path.name.endswith("73.mat"):
        write_mat73(path, **{name: array})
    elif path.suffix == ".mat":
        scipy.io.savemat(path, {name: array})
    else:
        with h5py.File(path, "w") as file:
            file[name] = array
    return path


FORMATS = pytest.mark.parametrize("file", ["a.npy", "a.npz", "a.mat", "a73.mat", "a.h5", "a.hdf5"])


@FORMATS
@pytest.mark.parametrize("shape", [(6, 6, 6), (1, 6, 6, 6), (6, 6, 6, 1), (1, 6, 6, 6, 1)])
def test_axes_of_length_1_are_dropped(tmp_path, file, shape):
    path = write(tmp_path / file, "voxels", GRID.reshape(shape))
    np.testing.assert_array_equal(read_grid(path), GRID)
    with pytest.raises(GridError, match="holds one shape: leave out :3"):
        read_grid(path.with_name(f"{file}:3"))


@FORMATS
def test_a_set_of_one_shape_has_the_number_0(tmp_path, file):
    # MATLAB and SciPy drop no leading axis of length 1 from a file.
    write(tmp_path / file, "voxels", GRID[None])
    np.testing.assert_array_equal(read_grid(tmp_path / f"{file}:0"), GRID)


@FORMATS
@pytest.mark.parametrize("shape", [(5, 6, 6, 6), (5, 6, 6, 6, 1), (5, 1, 6, 6, 6)])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "float32", "float64"])
def test_each_shape_of_a_set_is_read_by_its_number(tmp_path, file, shape, dtype):
    write(tmp_path / file, "any_name", SET.reshape(shape).astype(dtype))
    for number, grid in enumerate(SET):
        np.testing.assert_array_equal(read_grid(tmp_path / f"{file}:{number}"), grid)
    with pytest.raises(GridError, match="holds no shape 5: it has 5, counted from 0"):
        read_grid(tmp_path / f"{file}:5")
    with pytest.raises(GridError, match=r"holds 5 shapes: name one by its number, as in a.*:0"):
        read_grid(tmp_path / file)


@FORMATS
def test_the_axes_are_those_that_the_file_shows(tmp_path, file):
    # A set of 2 shapes of 2 x 3 x 9 voxels. Shape 1 has voxel (0, 2, 8) alone: as MATLAB writes a(2, 1, 3, 9) = 1.
    several = np.zeros((2, 2, 3, 9), np.uint8)
    several[0, 1, 0, 7] = several[1, 0, 2, 8] = 1
    write(tmp_path / file, "a", several)
    assert [np.argwhere(read_array(tmp_path / file, number=number)).tolist() for number in (0, 1)] == [
        [[1, 0, 7]],
        [[0, 2, 8]],
    ]
    single = np.zeros((2, 3, 9), np.uint8)
    single[0, 2, 8] = 1
    write(tmp_path / f"one_{file}", "a", single)
    assert np.argwhere(read_array(tmp_path / f"one_{file}")).tolist() == [[0, 2, 8]]


def test_matlab_7_3_reads_as_the_same_array_in_version_5(tmp_path):
    array = np.arange(2 * 3 * 4, dtype=np.float64).reshape(2, 3, 4) % 2
    scipy.io.savemat(tmp_path / "five.mat", {"instance": array})
    write_mat73(tmp_path / "seven.mat", instance=array)
    # h5py shows the file's own order, 4 x 3 x 2.
    with h5py.File(tmp_path / "seven.mat") as file:
        assert file["instance"].shape == (4, 3, 2)
    np.testing.assert_array_equal(read_array(tmp_path / "seven.mat"), read_array(tmp_path / "five.mat"))


@FORMATS
def test_0_and_255_are_0_and_1(tmp_path, file):
    write(tmp_path / file, "a", GRID * 255)
    np.testing.assert_array_equal(read_grid(tmp_path / file), GRID)
    several = SET * np.array([255, 1, 255, 1, 1], np.uint8)[:, None, None, None]
    write(tmp_path / f"set_{file}", "a", several)
    for number, grid in enumerate(SET):
        np.testing.assert_array_equal(read_grid(tmp_path / f"set_{file}:{number}"), grid)


@FORMATS
@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ((0, 1, 255), "holds 255 and smaller numbers too"),
        ((0, 0, 128), "holds the value 128"),
        ((0, 1, -1), "holds the value -1"),
    ],
)
def test_of_a_set_only_the_wrong_shape_is_refused(tmp_path, file, values, reason):
    several = np.stack([GRID, GRID]).astype(np.int16)
    several[1, 0, 0, :3] = values
    write(tmp_path / file, "a", several)
    np.testing.assert_array_equal(read_grid(tmp_path / f"{file}:0"), GRID)
    with pytest.raises(GridError, match=f"shape 1 {reason}"):
        read_grid(tmp_path / f"{file}:1")


def test_text_of_0_and_255_is_a_grid(tmp_path):
    lines = [" ".join(str(255 * value) for value in row) for slab in GRID for row in slab]
    (tmp_path / "a.txt").write_text("\n".join(lines))
    np.testing.assert_array_equal(read_grid(tmp_path / "a.txt"), GRID)


@pytest.mark.parametrize("file", ["a.npz", "a.mat", "a73.mat", "a.h5"])
def test_the_only_grid_may_have_any_name_beside_other_variables(tmp_path, file):
    arrays = {"chair": GRID, "scale": np.array([[2.0]]), "label": np.array([[3]]), "faces": np.ones((4, 3))}
    if file == "a.npz":
        np.savez(tmp_path / file, words=np.array("chair"), **arrays)
    elif file == "a.mat":
        scipy.io.savemat(tmp_path / file, {**arrays, "words": "chair", "parts": {"legs": 4}})
    elif file == "a73.mat":
        write_mat73(tmp_path / file, **arrays)
    else:
        with h5py.File(tmp_path / file, "w") as opened:
            for name, array in arrays.items():
                opened[f"group/{name}"] = array
            opened["words"] = "chair"
    np.testing.assert_array_equal(read_grid(tmp_path / file), GRID)


@pytest.mark.parametrize("file", ["a.npz", "a.mat", "a.h5"])
def test_one_of_several_arrays_is_named_after_a_colon(tmp_path, file):
    arrays = {"chair": GRID, "table": 1 - GRID, "several": SET}
    if file == "a.npz":
        np.savez(tmp_path / file, **arrays)
    elif file == "a.mat":
        scipy.io.savemat(tmp_path / file, arrays)
    else:
        with h5py.File(tmp_path / file, "w") as opened:
            opened.update(arrays)
    with pytest.raises(GridError, match=rf"has 3 arrays .*chair 6x6x6.*several 5x6x6x6.*name one, as in {file}:chair"):
        read_grid(tmp_path / file)
    np.testing.assert_array_equal(read_grid(tmp_path / f"{file}:table"), 1 - GRID)
    np.testing.assert_array_equal(read_grid(tmp_path / f"{file}:several:4"), SET[4])
    with pytest.raises(GridError, match=r"has no array 'sofa' .*chair 6x6x6"):
        read_grid(tmp_path / f"{file}:sofa")


def test_numbers_of_shapes_that_stand_last_are_refused_and_not_guessed(tmp_path):
    np.save(tmp_path / "a.npy", np.moveaxis(SET, 0, -1))
    for name in ("a.npy", "a.npy:2"):
        with pytest.raises(GridError, match=r"6x6x6x5, .*moveaxis.*permute"):
            read_grid(tmp_path / name)


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_set_in_either_order_is_unpacked_once_in_small_parts(tmp_path, monkeypatch, order):
    monkeypatch.setattr(array_files, "SLAB_BYTES", 8 * 6**3)  # one shape of 8-byte numbers
    monkeypatch.setattr(array_files, "_packed_sets", type(array_files._packed_sets)())
    np.savez_compressed(tmp_path / "a.npz", np.asarray(SET.astype(np.float32), order=order))
    opened = []
    real = zipfile.ZipFile.open
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *words, **names: opened.append(1) or real(*words, **names))
    for number in (4, 0, 3):
        np.testing.assert_array_equal(read_array(tmp_path / "a.npz", number=number), SET[number] == 1)
    assert len(opened) == 2  # once for its header, once for its numbers


def test_a_damaged_set_is_unpacked_once(tmp_path, monkeypatch):
    large = random_grids(5, 16)
    np.savez(tmp_path / "a.npz", large)
    data = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(data.replace(large[4].tobytes(), (1 - large[4]).tobytes()))
    opened = []
    real = zipfile.ZipFile.open
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *words, **names: opened.append(1) or real(*words, **names))
    for number in range(5):
        with pytest.raises(zipfile.BadZipFile, match="CRC"):
            read_array(tmp_path / "a.npz", number=number)
    assert len(opened) == 2


def test_sets_that_do_not_fit_in_memory_as_bits_are_refused_but_npy(tmp_path, monkeypatch):
    monkeypatch.setattr(array_files, "MOST_PACKED_BYTES", 100)  # 5 shapes of 6 x 6 x 1 bytes are 180
    np.savez(tmp_path / "a.npz", SET)
    with pytest.raises(UserError, match=r"too many for one such file: save them in several files, or with numpy\.save"):
        read_array(tmp_path / "a.npz", number=0)
    np.save(tmp_path / "a.npy", SET)
    assert read_array(tmp_path / "a.npy", number=4).any()


def test_hdf5_that_points_outside_of_itself_is_not_followed(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["voxels"] = GRID
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["voxels"] = h5py.ExternalLink("other.h5", "voxels")
    (tmp_path / "raw").write_bytes(GRID.tobytes())
    with h5py.File(tmp_path / "external.h5", "w") as file:
        file.create_dataset("voxels", GRID.shape, "u1", external=[(str(tmp_path / "raw"), 0, 216)])
    with pytest.raises(GridError, match="it holds no array"):
        read_grid(tmp_path / "link.h5")
    with pytest.raises(GridError, match="keeps its numbers in other files"):
        read_grid(tmp_path / "external.h5")


@pytest.mark.parametrize("count", [1, 5])
def test_packed_bits_beside_their_shape_are_grids(tmp_path, count):
    grids = random_grids(count, 12)  # 12 voxels are 2 bytes, the last with 4 bits to spare
    np.savez(tmp_path / "a.npz", voxels=np.packbits(grids, axis=-1), shape=np.array([12, 12, 12]))
    for number, grid in enumerate(grids):
        np.testing.assert_array_equal(read_grid(tmp_path / f"a.npz:{number}"), grid)
    # Without it these are 12 x 12 x 2 bytes, and no grid.
    np.savez(tmp_path / "b.npz", voxels=np.packbits(grids, axis=-1))
    with pytest.raises(GridError, match="holds the value"):
        read_grid(tmp_path / "b.npz:0")
