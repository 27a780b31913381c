"""MATLAB files: the same as SciPy reads, and what is refused before it is unpacked."""

import io
import struct
import zlib

import numpy as np
import pytest
import scipy.io

from tests.fakes import random_grids
from vae_gan3d.data.array_files import read_array
from vae_gan3d.errors import UserError


def element(kind: int, data: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}2I", kind, len(data)) + data + bytes(-len(data) % 8)


def variable(data: bytes, sides=(2, 1, 3), order: str = "<", flags: int = 9, name: bytes = b"instance") -> bytes:
    """A variable of class uint8 (9), by hand: flags, dimensions, name, and the data's own element."""
    parts = element(6, struct.pack(f"{order}2I", flags, 0), order)
    parts += element(5, struct.pack(f"{order}{len(sides)}i", *sides), order)
    return element(14, parts + element(1, name, order) + data, order)


def mat_file(path, contents: bytes, order: str = "<"):
    mark = {"<": b"\x00\x01IM", ">": b"\x01\x00MI"}[order]
    path.write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + mark + contents)
    return path


def compressed(contents: bytes) -> bytes:
    packed = zlib.compress(contents)
    return struct.pack("<2I", 15, len(packed)) + packed


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "float32", "float64", "bool"])
def test_a_grid_is_read_as_scipy_reads_it(tmp_path, compress, dtype):
    grid = random_grids(1, 9)[0][:, :5, :7].astype(dtype)
    variables = {"note": "a shape", "parts": {"legs": 4}, "instance": grid, "after": np.eye(3)}
    scipy.io.savemat(tmp_path / "a.mat", variables, do_compression=compress)
    read = read_array(tmp_path / "a.mat", "instance")
    expected = scipy.io.loadmat(tmp_path / "a.mat")["instance"]
    assert read.dtype == expected.dtype
    np.testing.assert_array_equal(read, expected)


@pytest.mark.parametrize("order", ["<", ">"])
def test_bytes_may_stand_in_either_order_and_small_data_in_its_tag(tmp_path, order):
    # The last axis is the slowest: [[[1 3 5]], [[2 4 6]]].
    expected = np.array([[[1, 3, 5]], [[2, 4, 6]]])
    data = element(4, struct.pack(f"{order}6H", 1, 2, 3, 4, 5, 6), order)
    path = mat_file(tmp_path / "a.mat", variable(data, order=order), order)
    np.testing.assert_array_equal(read_array(path, "instance"), expected)
    # Four bytes of type 2 in a tag: the size in its upper half, in the file's order of bytes.
    small = struct.pack(f"{order}I", 4 << 16 | 2) + bytes([1, 0, 0, 1])
    path = mat_file(tmp_path / "b.mat", variable(small, (1, 1, 4), order), order)
    assert read_array(path, "instance").tolist() == [[[1, 0, 0, 1]]]


def test_of_two_variables_of_a_name_the_first_is_read(tmp_path):
    contents = variable(element(2, b"\1" * 6)) + variable(element(2, b"\0" * 6))
    assert read_array(mat_file(tmp_path / "a.mat", contents), "instance").all()


def test_a_bomb_is_not_unpacked(tmp_path):
    # 6 bytes of the grid, and 64 MB of zeros behind it that take 64 kB in the file.
    path = mat_file(tmp_path / "a.mat", compressed(variable(element(2, b"\1" * 6)) + bytes(64_000_000)))
    asked = []
    real = zlib.decompressobj

    class Counting:
        def __init__(self):
            self._inflater = real()
            self.unconsumed_tail, self.eof = b"", False

        def decompress(self, data, most):
            found = self._inflater.decompress(data, most)
            asked.append(len(found))
            self.unconsumed_tail, self.eof = self._inflater.unconsumed_tail, self._inflater.eof
            return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zlib, "decompressobj", Counting)
        with pytest.raises(ValueError, match="does not end where it should"):
            read_array(path, "instance")
    assert sum(asked) < 200


def test_a_changed_byte_in_compressed_data_is_found(tmp_path):
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"instance": random_grids(1, 16)[0]}, do_compression=True)
    data = bytearray(buffer.getvalue())
    data[-1] ^= 1  # of the checksum, which is the end of the stream
    (tmp_path / "a.mat").write_bytes(data)
    with pytest.raises(zlib.error):
        read_array(tmp_path / "a.mat", "instance")


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (variable(element(2, b"\1" * 6), flags=2), "is a struct array"),
        (variable(element(2, b"\1" * 6), flags=99), "is a unknown array"),
        (variable(element(2, b"\1" * 6), flags=9 | 0x0800), "holds values of type complex"),
        (variable(element(2, b"\1" * 6), (2**31 - 1,) * 3), "is too large"),
        (variable(element(2, b"\1" * 6), (-2, -1, 3)), "is empty"),
        (variable(element(2, b"\1" * 6), (1,) * 40), "160 bytes"),
        (variable(element(2, b"\1" * 5)), "its dimensions take 6 bytes, and it says 5"),
        (variable(struct.pack("<2I", 2, 0xFFFFFFFF)), "its dimensions take 6 bytes, and it says 4294967295"),
        (variable(struct.pack("<2I", 2, 6)), "6 bytes should follow, and 0 do"),
        (variable(element(199, b"\1" * 6)), "type 199"),
        (variable(struct.pack("<2I", 9 << 16 | 2, 0)), "a small element of 9 bytes"),
        (variable(b"", name=b"n" * 300), "300 bytes"),
        (compressed(element(15, b"x")), "type 15"),
        (struct.pack("<2I", 14, 0), "a variable takes no bytes"),
        (variable(element(2, b"\1" * 6), name=b"other"), r"has no array 'instance' \(it holds other 2x1x3\)"),
        (b"", r"\(it holds no array\)"),
    ],
)
def test_what_cannot_be_so_is_refused(tmp_path, contents, reason):
    with pytest.raises((UserError, ValueError), match=reason):
        read_array(mat_file(tmp_path / "a.mat", contents), "instance")


def test_files_of_many_variables_are_not_searched_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr("vae_gan3d.data.formats.mat_files.MOST_VARIABLES", 3)
    path = mat_file(tmp_path / "a.mat", variable(element(2, b"\1" * 6), name=b"other") * 4)
    with pytest.raises(UserError, match="holds more than 3 variables"):
        read_array(path, "instance")


def test_other_versions_are_named(tmp_path):
    for start, reason in ((bytes(200), "MATLAB 4 file"), (b"MATLAB 7.3 MAT-file", "v7.3"), (b"words" * 99, "is not a")):
        (tmp_path / "a.mat").write_bytes(start)
        with pytest.raises(UserError, match=reason):
            read_array(tmp_path / "a.mat", "instance")
