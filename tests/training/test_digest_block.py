"""The digest before an HDF5 file."""

import h5py
import numpy as np
import pytest

from vae_gan3d.training.digest_block import add_digest_block, require_digest


@pytest.fixture
def path(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["numbers"] = np.arange(5)
    return tmp_path / "a.h5"


def test_hdf5_reads_the_file_as_before(path):
    before = path.read_bytes()
    add_digest_block(path)
    assert path.read_bytes()[512:] == before
    require_digest(path)
    with h5py.File(path, "r") as file:
        np.testing.assert_array_equal(file["numbers"], np.arange(5))
        assert file.userblock_size == 512


def test_a_file_of_before_is_not_looked_at(path):
    require_digest(path)


@pytest.mark.parametrize("offset", [0, 30, 511, 512, 600, -1])
def test_a_changed_byte_is_found(path, offset):
    add_digest_block(path)
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"changed after it was written|does not begin as an HDF5 file"):
        require_digest(path)


@pytest.mark.parametrize("length", [0, 10, 512, 700])
def test_a_cut_is_found(path, length):
    add_digest_block(path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"cut short|does not begin"):
        require_digest(path)
