"""Curves of a run: which pictures there are, what is on them, and how long ones are thinned."""

import time

import matplotlib.image
import numpy as np
import pytest
from PIL import Image

import vae_gan3d
from vae_gan3d.errors import UserError
from vae_gan3d.viewing import training_plots
from vae_gan3d.viewing.training_plots import save_training_plots, thinned

VAE = {
    "reconstruction_loss": [(50, 900.0), (100, 40.0)],
    "kl": [(50, 20.0), (100, 25.0)],
    "iou": [(50, 0.1), (100, 0.7)],
}
GAME = {name: [(100, 0.7)] for name in ("generator_loss", "discriminator_loss", "discriminator_accuracy")}


def drawn(monkeypatch, folder, curves):
    """The titles of the panels of each picture, and whether their axes are logarithmic."""
    found = {}
    draw = training_plots._draw_curve

    def look(panel, curve, title, bounds):
        draw(panel, curve, title, bounds)
        found[title] = (panel.get_yscale(), panel.get_ylim() if bounds else None)

    monkeypatch.setattr(training_plots, "_draw_curve", look)
    save_training_plots(folder, curves)
    return found


def test_a_vae_gan_has_every_panel(tmp_path, monkeypatch):
    found = drawn(monkeypatch, tmp_path / "plots", {**VAE, **GAME, "gradient_norm": [(50, 1.0)]})
    assert found == {
        "reconstruction loss": ("log", None),
        "KL divergence": ("linear", None),
        "generator loss": ("linear", None),
        "discriminator loss": ("linear", None),
        "IoU of reconstructions": ("linear", (0, 1)),
        "discriminator accuracy": ("linear", (0, 1)),
    }
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == ["accuracy.png", "losses.png"]
    for path in (tmp_path / "plots").iterdir():
        picture = matplotlib.image.imread(path)
        assert picture.shape[1] == 900 and picture.std() > 0


def test_curves_that_a_model_lacks_have_no_panel(tmp_path, monkeypatch):
    assert list(drawn(monkeypatch, tmp_path, {**VAE, "generator_loss": []})) == [
        "reconstruction loss",
        "KL divergence",
        "IoU of reconstructions",
    ]
    save_training_plots(tmp_path / "none", {"kl": [], "learning_rate": [(1, 0.1)]})
    assert not (tmp_path / "none").exists()


def test_a_long_curve_becomes_means_of_neighbours():
    curve = [(step, float(step % 2)) for step in range(1, 8)]
    # Seven points in at most three are groups of three, three and one.
    np.testing.assert_allclose(thinned(curve, 3), [(2, 2 / 3), (5, 1 / 3), (7, 1)])
    assert thinned(curve, 7) == curve


def test_a_long_run_is_drawn_in_less_than_a_second(tmp_path):
    curve = [(step, 1.0 + step) for step in range(20_000)]
    curves = dict.fromkeys((*VAE, *GAME), curve)
    before = time.process_time()
    save_training_plots(tmp_path, curves)
    assert time.process_time() - before < 2  # beside other work


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "plots").touch()
    with pytest.raises(UserError, match="cannot make the folder"):
        save_training_plots(tmp_path / "plots", VAE)


def test_a_picture_says_what_wrote_it_and_has_the_same_bytes_again(tmp_path):
    for name in ("a", "b"):
        save_training_plots(tmp_path / name, {"kl": VAE["kl"]})
    paths = [tmp_path / name / "losses.png" for name in ("a", "b")]
    with Image.open(paths[0]) as picture:
        assert picture.info["Software"] == f"vae_gan3d {vae_gan3d.__version__}"
    assert paths[0].read_bytes() == paths[1].read_bytes()
