"""Pictures look alike on every machine, whatever its settings of Matplotlib are."""

import os
import subprocess
import sys

import matplotlib
import numpy as np

from vae_gan3d.viewing.scatter import save_scatter
from vae_gan3d.viewing.sheets import save_sheet
from vae_gan3d.viewing.training_plots import save_training_plots

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
