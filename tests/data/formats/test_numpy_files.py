"""NumPy files: which array is the grid, and what is refused before it is unpacked."""

import io
import zipfile

import numpy as np
import pytest

from tests.fakes import box_grid, random_grids
from vae_gan3d.data.array_files import read_array
from vae_gan3d.errors import UserError

GRID = random_grids(1, 6)[0]


@pytest.mark.parametrize(
    "arrays",
    [
        {"anything": GRID},
        {"voxels": GRID, "label": np.array(3)},
        {"label": np.array(3), "grid": GRID.astype(bool)},
        {"x": np.ones(3), "instance": np.asfortranarray(GRID)},
    ],
)
def test_the_only_array_or_one_of_a_usual_name_is_the_grid(tmp_path, arrays):
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    assert np.array_equal(read_array(tmp_path / "a.npz"), GRID)


def test_several_arrays_of_other_names_are_named(tmp_path):
    np.savez(tmp_path / "a.npz", x=1 - GRID, y=GRID)
    with pytest.raises(UserError, match=r"has 2 arrays .*x 6x6x6, y 6x6x6.*as in a\.npz:x"):
        read_array(tmp_path / "a.npz")
    assert np.array_equal(read_array(tmp_path / "a.npz", "y"), GRID)


def archive(path, header_shape, data):
    """An archive whose array's header and data need not agree."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": header_shape})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("voxels.npy", buffer.getvalue() + data)


def test_no_more_is_unpacked_than_the_header_says(tmp_path, monkeypatch):
    archive(tmp_path / "a.npz", (2, 2, 2), bytes([1]) * 8 + bytes(50 << 20))
    assert (tmp_path / "a.npz").stat().st_size < 100_000
    unpacked = []
    real = zipfile.ZipExtFile.read
    monkeypatch.setattr(zipfile.ZipExtFile, "read", lambda file, count=-1: unpacked.append(count) or real(file, count))
    with pytest.raises(UserError, match="holds more numbers than its shape says"):
        read_array(tmp_path / "a.npz")
    assert 0 < min(unpacked) <= max(unpacked) < 200


def test_a_changed_bit_of_an_archive_is_found(tmp_path):
    np.savez(tmp_path / "a.npz", voxels=np.ones((4, 4, 4), np.uint8))
    data = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(data.replace(b"\1" * 64, b"\1" * 63 + b"\0"))
    with pytest.raises(zipfile.BadZipFile, match="CRC"):
        read_array(tmp_path / "a.npz")


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_that_numpy_does_not_write_is_refused(tmp_path, packing):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", packing) as packed:
        packed.writestr("voxels.npy", b"any")
    with pytest.raises(UserError, match=r"numpy\.savez_compressed"):
        read_array(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((4, 4, 4), "cut short"),
        ((10**6,) * 3, "is too large"),
        ((2, 2), "three-dimensional"),
    ],
)
def test_headers_that_cannot_be_are_refused(tmp_path, shape, reason):
    archive(tmp_path / "a.npz", shape, bytes(8))
    with pytest.raises(UserError, match=reason):
        read_array(tmp_path / "a.npz")


def test_python_objects_words_and_other_files_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", voxels=np.full((2, 2, 2), None))
    with pytest.raises(UserError, match="holds Python objects"):
        read_array(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", voxels=np.full((2, 2, 2), "words"))
    with pytest.raises(UserError, match="holds values of type <U5"):
        read_array(tmp_path / "b.npz")
    np.save(tmp_path / "c.npy", box_grid(4, 0, 1))
    (tmp_path / "c.npy").rename(tmp_path / "c.npz")
    with pytest.raises(UserError, match="is not a NumPy archive"):
        read_array(tmp_path / "c.npz")


def test_one_of_several_shapes_is_occupied_where_its_probability_is_over_a_half(tmp_path):
    probabilities = np.stack([np.zeros((4, 4, 4)), np.linspace(0, 1, 64).reshape(4, 4, 4)]).astype(np.float32)
    np.save(tmp_path / "a.npy", probabilities)
    # Of the 64 values from 0 to 1 those from 32/63 on.
    assert np.array_equal(read_array(tmp_path / "a.npy", number=1).ravel(), np.arange(64) >= 32)


@pytest.mark.parametrize(
    ("array", "number", "reason"),
    [
        (np.zeros((2, 4, 4, 4)), None, "holds 2 shapes: name one by its number, as in a.npy:0"),
        (np.zeros((4, 4, 4, 2)), 1, r"4x4x4x2, .*put it first"),
        (np.zeros((2, 4, 4, 4)), 2, "holds no shape 2: it has 2, counted from 0"),
        (np.zeros((4, 4, 4)), 0, "holds one shape: leave out :0"),
        (np.zeros((2, 4)), 0, "is not three-dimensional"),
        (np.zeros((2, 4, 4, 1000)), 0, "is too large"),
        (np.full((2, 4, 4, 4), 1.5), 1, "shape 1 holds the value 1.5"),
        (np.full((2, 4, 4, 4), np.nan), 1, "shape 1 holds the value nan"),
        (np.full((2, 4, 4, 4), 1j), 0, "holds values of type complex128"),
    ],
)
def test_which_of_several_shapes_must_be_said_and_be_there(tmp_path, array, number, reason):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(UserError, match=reason):
        read_array(tmp_path / "a.npy", number=number)
