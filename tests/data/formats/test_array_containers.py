"""Archives of NumPy: which array is the grid, and what is refused before it is unpacked."""

import io
import struct
import zipfile
import zlib

import numpy as np
import pytest
import scipy.io

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
    monkeypatch.setattr("vae_gan3d.data.formats.mat_files._MOST_VARIABLES", 3)
    path = mat_file(tmp_path / "a.mat", variable(element(2, b"\1" * 6), name=b"other") * 4)
    with pytest.raises(UserError, match="holds more than 3 variables"):
        read_array(path, "instance")


def test_other_versions_are_named(tmp_path):
    for start, reason in ((bytes(200), "MATLAB 4 file"), (b"MATLAB 7.3 MAT-file", "v7.3"), (b"words" * 99, "is not a")):
        (tmp_path / "a.mat").write_bytes(start)
        with pytest.raises(UserError, match=reason):
            read_array(tmp_path / "a.mat", "instance")
