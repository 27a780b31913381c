"""Text slices: what stands in the file, and that ours and those of older scripts read back."""

import io

import numpy as np
import pytest

from tests.fakes import random_grids
from vae_gan3d.errors import UserError
from vae_gan3d.voxels.reader_process import read_one
from vae_gan3d.voxels.text_slices import parse_text_slices, write_text_slices

GRID = random_grids(1, 6)[0]
# Voxel (0, 1, 0) of 2^3: first slice, second line, first digit.
HAND = np.zeros((2, 2, 2))
HAND[0, 1, 0] = 1


def savetxt(grid, **options):
    """Slice after slice by `numpy.savetxt`, in the form that its users copy: a shape above, a comment below each."""
    text = io.StringIO()
    text.write(f"# Array shape: {grid.shape}\n")
    for block in grid:
        np.savetxt(text, block, **options)
        text.write("# New slice\n")
    return text.getvalue()


def test_text_by_hand(tmp_path):
    write_text_slices(tmp_path / "grid.txt", HAND.astype(bool))
    assert (tmp_path / "grid.txt").read_text() == "# slice 0\n0 0\n1 0\n# slice 1\n0 0\n0 0\n"


def test_numpy_and_our_reader_read_it_back(tmp_path):
    grid = random_grids(1, 16)[0]
    write_text_slices(tmp_path / "grid.txt", grid)
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "grid.txt").reshape(16, 16, 16), grid)
    read = read_one(tmp_path / "grid.txt")
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, grid)


@pytest.mark.parametrize(
    "text",
    [
        "00\n10\n\n00\n00\n",
        "slice 0\n0 0\n1 0\nslice 1\n0 0\n0 0",
        "--- z = 0 ---\r\n0,0\r\n1,0\r\n--- z = 1 ---\r\n0,0\r\n0,0\r\n",
        "0\n0 0\n1 0\n1\n0 0\n0 0\n",
        "2 2 2\n0 0\n1 0\n\n0 0\n0 0\n",
        "0.00 0.25\n0.51 0.50\n\n0. 0\n-0.0 1e-9\n",
        "0 0 1 0  # slice 0\n0 0 0 0  # slice 1\n",
        "0\n0\n1\n0\n0\n0\n0\n0\n",
        "00100000",
    ],
    ids=["digits", "words", "commas", "numbers", "sides", "probabilities", "slice a line", "number a line", "one line"],
)
def test_older_forms_by_hand(text):
    np.testing.assert_array_equal(parse_text_slices(text), HAND)


@pytest.mark.parametrize("options", [{}, {"fmt": "%d"}, {"fmt": "%-7.2f"}, {"fmt": "%d", "delimiter": ","}])
def test_what_savetxt_writes(options):
    np.testing.assert_array_equal(parse_text_slices(savetxt(GRID, **options)), GRID)


def test_what_numpy_prints():
    # numpy breaks the lines of a 64-voxel row in two.
    grid = random_grids(1, 64)[0]
    with np.printoptions(threshold=grid.size):
        np.testing.assert_array_equal(parse_text_slices(str(grid)), grid)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("# only\nwords here\n", "holds no line of numbers"),
        ("00\n10\n\n00\n0\n", "holds 6 numbers, which fill no N x N x N grid"),
        ("00\n10\n\n00\n0x\n", "holds 6 numbers"),
        ("0" * 129**3, "is too large (129x129x129)"),
    ],
)
def test_what_is_no_grid_is_refused(text, reason):
    with pytest.raises(UserError) as caught:
        parse_text_slices(text)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"), [("7 0\n0 0\n\n0 0\n0 0", "holds the value 7.0"), ("0" * 8, "no occupied")]
)
def test_bad_values_are_refused_by_file_name(tmp_path, text, reason):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(UserError, match=reason) as caught:
        read_one(tmp_path / "a.txt")
    assert str(caught.value).startswith(f"{tmp_path / 'a.txt'}: ")
