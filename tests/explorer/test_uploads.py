"""Uploads are read as files are, named as the visitor named them, and leave nothing behind."""

import io
import tempfile

import numpy as np
import pytest
import scipy.io

from tests.fakes import box_grid
from trials.hostile_grids import npy_bytes, npy_header
from trials.seed_files import zip_npy
from vae_gan3d.errors import UserError
from vae_gan3d.explorer.uploads import read_upload
from vae_gan3d.voxels.read_options import ReadOptions

READING = ReadOptions(16)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where temporary files go, which is empty after every test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert not list(tmp_path.iterdir())


def mat_file(grid):
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"instance": grid})
    return buffer.getvalue()


def test_a_grid_is_padded_and_resized_like_every_other_shape():
    grid = box_grid(30, 10, 20)
    expected = np.zeros((32, 32, 32), np.uint8)
    expected[11:21, 11:21, 11:21] = 1
    np.testing.assert_array_equal(read_upload(mat_file(grid), "A.MAT", ReadOptions(32)), expected)
    pooled = expected.reshape(16, 2, 16, 2, 16, 2).max(axis=(1, 3, 5))
    np.testing.assert_array_equal(read_upload(mat_file(grid), "A.MAT", READING), pooled)


def test_a_broken_file_is_told_of_by_the_visitors_name_and_no_path(folder):
    with pytest.raises(UserError, match=r"^my chair\.mat: ") as refusal:
        read_upload(b"not a matrix", "my chair.mat", READING)
    assert str(folder) not in str(refusal.value)


@pytest.mark.parametrize("name", ["../../etc/passwd.mat", "/etc/passwd.mat", "a\n\x00b.mat", "x" * 5000 + ".mat"])
def test_a_name_is_never_a_path(name):
    np.testing.assert_array_equal(read_upload(mat_file(box_grid(16, 4, 8)), name, READING), box_grid(16, 4, 8))
    with pytest.raises(UserError) as refusal:
        read_upload(b"not a matrix", name, READING)
    assert len(str(refusal.value)) < 400
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
    ("name", "contents", "reason"),
    [
        ("$(x)/../%2e%2e/a.npy", npy_header("(512, 512, 512)", "'<f8'"), "it promises 1073741824 bytes"),
        ("a.npz", zip_npy(npy_bytes(np.full((4, 4, 4), None))), "holds Python objects"),
    ],
)
def test_files_that_are_made_to_do_harm_are_refused(folder, name, contents, reason):
    with pytest.raises(UserError) as refusal:
        read_upload(contents, name, READING)
    assert str(refusal.value).startswith(f"{name}: ")
    assert reason in str(refusal.value)
    assert str(folder) not in str(refusal.value)


def test_a_disk_that_is_full_is_no_crash(monkeypatch):
    def refuse(*_words):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", refuse)
    with pytest.raises(UserError, match=r"^a\.mat: cannot be kept to be read \(No space left on device\)"):
        read_upload(b"x", "a.mat", READING)


@pytest.mark.parametrize("name", ["a.exe", "noextension", "", ".mat.sh", "a.pkl"])
def test_other_types_are_refused_before_anything_is_written(name, monkeypatch):
    monkeypatch.setattr(tempfile, "TemporaryDirectory", None)
    with pytest.raises(UserError, match=r"files of this type are not read; give one of \.mat, "):
        read_upload(b"x", name, READING)
