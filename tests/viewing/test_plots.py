"""Curves of a run: which pictures there are, what is on them, and how long ones are thinned."""

import time

import matplotlib.image
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.image import imread
from PIL import Image

import vae_gan3d
from vae_gan3d.errors import UserError
from vae_gan3d.viewing import plots
from vae_gan3d.viewing.plots import PlottedTrial, class_style, save_scatter, save_training_plots, save_trials, thinned

VAE = {
    "reconstruction_loss": [(50, 900.0), (100, 40.0)],
    "kl": [(50, 20.0), (100, 25.0)],
    "iou": [(50, 0.1), (100, 0.7)],
}
GAME = {name: [(100, 0.7)] for name in ("generator_loss", "discriminator_loss", "discriminator_accuracy")}


def drawn(monkeypatch, folder, curves):
    """The titles of the panels of each picture, and whether their axes are logarithmic."""
    found = {}
    draw = plots._draw_curve

    def look(panel, curve, title, bounds):
        draw(panel, curve, title, bounds)
        found[title] = (panel.get_yscale(), panel.get_ylim() if bounds else None)

    monkeypatch.setattr(plots, "_draw_curve", look)
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


def test_a_long_run_is_drawn_in_seconds(tmp_path):
    curve = [(step, 1.0 + step) for step in range(20_000)]
    curves = dict.fromkeys((*VAE, *GAME), curve)
    before = time.process_time()
    save_training_plots(tmp_path, curves)
    assert time.process_time() - before < 5  # a second on a quiet machine


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


AXES = ("x", "y")


def test_classes_have_colors_of_their_own(tmp_path):
    points = np.random.default_rng(0).normal(size=(40, 2))
    save_scatter(tmp_path / "a" / "map.png", points, ["chair", "table"] * 20, title="T", axes=AXES)
    red, _, blue = np.moveaxis(imread(tmp_path / "a" / "map.png")[..., :3], -1, 0)
    # tab10 begins with a blue and an orange.
    assert (blue - red > 0.3).sum() > 100
    assert (red - blue > 0.3).sum() > 100


def test_a_hundred_classes_are_told_apart():
    assert len({class_style(label) for label in range(100)}) == 100
    assert class_style(3)[0] == class_style(13)[0]


def test_many_classes_fit_on_the_picture(tmp_path):
    names = [f"class_{number}" for number in range(40)]
    points = np.random.default_rng(0).normal(size=(40, 2))
    save_scatter(tmp_path / "map.png", points, names, title="T", axes=AXES)
    assert imread(tmp_path / "map.png")[-5:].min() == 1  # nothing runs over the lower border


@pytest.mark.parametrize(
    ("points", "names"),
    [(np.zeros((2, 2)), ["a"]), (np.zeros((0, 2)), []), (np.zeros((1, 3)), ["a"]), (np.full((1, 2), np.nan), ["a"])],
)
def test_refusals(tmp_path, points, names):
    with pytest.raises(ValueError, match="a name for each"):
        save_scatter(tmp_path / "map.png", points, names, title="T", axes=AXES)
    assert list(tmp_path.iterdir()) == []


def test_a_scatter_plot_says_what_wrote_it_and_has_the_same_bytes_again(tmp_path):
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in paths:
        save_scatter(path, np.zeros((1, 2)), ["a"], title="T", axes=AXES)
    with Image.open(paths[0]) as picture:
        assert picture.info["Software"] == f"vae_gan3d {vae_gan3d.__version__}"
    assert paths[0].read_bytes() == paths[1].read_bytes()


TRIALS = [
    PlottedTrial(0, 0.3, {"learning_rate": 1e-4, "depth": 0, "activation": "relu"}),
    PlottedTrial(2, 0.7, {"learning_rate": 1e-2, "depth": 2, "activation": "elu"}),
    PlottedTrial(3, 0.5, {"learning_rate": 1e-3, "activation": "relu"}),
]


@pytest.fixture
def figures(monkeypatch):
    """Every figure that is drawn."""
    made = []

    def make(**options):
        made.append(Figure(**options))
        return made[-1]

    monkeypatch.setattr(plots, "Figure", make)
    return made


def marked(panel):
    """The place `[x, y]` of the red point, if there is one."""
    red = [points for points in panel.collections if np.allclose(points.get_facecolor()[0], to_rgba("tab:red"))]
    return red[0].get_offsets()[0].tolist() if red else None


def test_a_panel_of_trials_and_one_of_each_parameter(tmp_path, figures):
    save_trials(
        tmp_path / "new/trials.png",
        TRIALS,
        ("learning_rate", "depth", "activation"),
        objective="iou",
        maximize=True,
    )
    trials, rate, depth, activation, *unused = figures[0].axes
    assert [panel.get_xlabel() for panel in (trials, rate, depth, activation)] == [
        "trial",
        "learning_rate",
        "depth",
        "activation",
    ]
    assert not any(panel.get_visible() for panel in unused)
    # The largest value is that of trial 2, and what is best so far never falls again.
    assert [marked(panel) for panel in (trials, rate, depth)] == [[2, 0.7], [1e-2, 0.7], [2, 0.7]]
    assert trials.lines[0].get_ydata().tolist() == [0.3, 0.7, 0.7]
    # 1e-2 is a hundred times 1e-4; of a depth of 0 there is no logarithm.
    assert [panel.get_xscale() for panel in (trials, rate, depth)] == ["linear", "log", "linear"]
    assert [text.get_text() for text in activation.get_xticklabels()] == ["elu", "relu"]
    assert figures[0].get_suptitle() == "3 trials, the best one is number 2: iou 0.7000"
    assert imread(tmp_path / "new/trials.png")[..., :3].std() > 0.01


def test_where_small_is_good_the_smallest_is_the_best(tmp_path, figures):
    save_trials(tmp_path / "trials.png", TRIALS, ("depth",), objective="mmd", maximize=False)
    trials, depth = figures[0].axes
    assert (marked(trials), marked(depth)) == ([0, 0.3], [0, 0.3])
    assert trials.lines[0].get_ydata().tolist() == [0.3, 0.3, 0.3]


def test_a_best_trial_that_lacks_a_parameter_is_marked_where_it_stands(tmp_path, figures):
    save_trials(tmp_path / "trials.png", TRIALS[2:] + TRIALS[:1], ("depth",), objective="iou", maximize=True)
    trials, depth = figures[0].axes
    assert (marked(trials), marked(depth)) == ([3, 0.5], None)


def test_no_trials_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no trial to plot"):
        save_trials(tmp_path / "trials.png", [], ("depth",), objective="iou", maximize=True)
    assert list(tmp_path.iterdir()) == []


def test_a_plot_of_trials_says_what_wrote_it_and_has_the_same_bytes_again(tmp_path):
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in paths:
        save_trials(path, TRIALS, ("depth",), objective="iou", maximize=True)
    with Image.open(paths[0]) as picture:
        assert picture.info["Software"] == f"vae_gan3d {vae_gan3d.__version__}"
    assert paths[0].read_bytes() == paths[1].read_bytes()
