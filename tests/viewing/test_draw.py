"""The command that draws one file."""

import os
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread

from tests.fakes import box_grid, write_mat
from vae_gan3d.data.formats.text_slices import write_text_slices
from vae_gan3d.viewing.draw import main
from vae_gan3d.viewing.plots import save_scatter, save_training_plots
from vae_gan3d.viewing.sheets import save_sheet

# 4^3 of 8^3 voxels.
GRID = box_grid(8, 2, 6)


def write_npy(path, grid):
    np.save(path, grid)


@pytest.mark.parametrize(
    ("name", "write"), [("a.mat", write_mat), ("a.npy", write_npy), ("a.txt", write_text_slices)], ids=lambda case: case
)
def test_every_kind_of_file_gives_the_same_picture(tmp_path, capsys, name, write):
    write(tmp_path / name, GRID)
    assert main([str(tmp_path / name)]) == 0
    picture = tmp_path / "a.png"
    assert capsys.readouterr().out == f"{tmp_path / name}: 8x8x8, 12.50% occupied; drawn as {picture}\n"
    write_npy(tmp_path / "b.npy", GRID)
    assert main([str(tmp_path / "b.npy"), str(tmp_path / "new" / "other.png")]) == 0
    first, second = imread(picture), imread(tmp_path / "new" / "other.png")
    # The titles above differ; 46 pixels are margin and heading.
    np.testing.assert_array_equal(first[46:], second[46:])
    assert first[46:].std() > 0


def test_the_picture_of_one_of_several_shapes_does_not_replace_that_of_all(tmp_path):
    write_npy(tmp_path / "samples.npy", np.stack([GRID, GRID]))
    (tmp_path / "samples.png").write_text("all")
    assert main([str(tmp_path / "samples.npy:1")]) == 0
    assert (tmp_path / "samples.png").read_text() == "all"
    assert (tmp_path / "samples-1.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "FILE"),
        (["a.npy", "b.png", "c"], "unrecognized arguments: c"),
        (["a.npy", "b.jpg"], "give a name that ends in .png"),
        (["absent.txt"], "absent.txt: there is no such file"),
        (["a.step"], "give one of .mat, .npy, .npz, .h5, .hdf5"),
        (["half.txt"], "half.txt: holds 6 numbers"),
        (["a.npy", "a.npy/b.png"], "cannot make the folder a.npy"),
    ],
)
def test_wrong_words_and_files_are_one_line(words, expected, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_npy(tmp_path / "a.npy", GRID)
    (tmp_path / "half.txt").write_text("00\n10\n\n00\n")
    assert main(words) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert expected in captured.err
    assert captured.out == ""
    assert not list(tmp_path.glob("*.png"))


def test_the_command_starts_without_tensorflow_and_absl(tmp_path):
    write_npy(tmp_path / "a.npy", GRID)
    code = (
        "import sys; from vae_gan3d.viewing.draw import main; status = main(sys.argv[1:]); "
        "sys.exit(status or any(name in sys.modules for name in ('tensorflow', 'absl')))"
    )
    outcome = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.npy")], timeout=60, check=False)
    assert outcome.returncode == 0
    assert (tmp_path / "a.png").is_file()


# As in a matplotlibrc for papers on a dark ground; usetex alone made pictures fail where there is no LaTeX.
OTHER_STYLE = {
    "text.usetex": True,
    "axes.facecolor": "black",
    "lines.linewidth": 9.0,
    "font.size": 30.0,
    "savefig.dpi": 20.0,
    "savefig.bbox": "tight",
    "axes.formatter.use_locale": True,
}


def draw(folder):
    grid = np.zeros((16, 16, 16), np.uint8)
    grid[4:9, 4:9, 2:12] = 1
    save_sheet(folder / "sheet.png", [grid], titles=["$a_1$"], title="sheet")
    save_training_plots(folder, {"kl": [(1, 3.0), (2, 1.5)]})
    points = np.array([[0.0, 1.0], [2.0, 3.0]])
    save_scatter(folder / "map.png", points, ["chair", "table"], title="map", axes=("first", "second"))
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def test_a_style_of_the_machine_changes_no_byte_of_a_picture(tmp_path):
    (tmp_path / "plain").mkdir()
    (tmp_path / "styled").mkdir()
    plain = draw(tmp_path / "plain")
    with matplotlib.rc_context(OTHER_STYLE):
        styled = draw(tmp_path / "styled")
        assert matplotlib.rcParams["lines.linewidth"] == 9.0  # the user's own figures keep theirs
    assert len(plain) >= 3 and styled == plain


def test_a_backend_that_does_not_exist_is_no_hindrance(tmp_path):
    np.save(tmp_path / "shape.npy", np.ones((8, 8, 8), np.uint8))
    done = subprocess.run(
        [sys.executable, "-m", "vae_gan3d.viewing.draw", str(tmp_path / "shape.npy")],
        env={**os.environ, "MPLBACKEND": "no-such-backend"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "shape.png").exists()
