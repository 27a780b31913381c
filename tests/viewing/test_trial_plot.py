"""The picture of a study: its panels, its axes and its best trial."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.image import imread
from PIL import Image

import vae_gan3d
from vae_gan3d.viewing import trial_plot
from vae_gan3d.viewing.trial_plot import PlottedTrial, save_trials

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

    monkeypatch.setattr(trial_plot, "Figure", make)
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
    with pytest.raises(ValueError, match="there is no trial to plot"):
        save_trials(tmp_path / "trials.png", [], ("depth",), objective="iou", maximize=True)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_says_what_wrote_it_and_has_the_same_bytes_again(tmp_path):
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in paths:
        save_trials(path, TRIALS, ("depth",), objective="iou", maximize=True)
    with Image.open(paths[0]) as picture:
        assert picture.info["Software"] == f"vae_gan3d {vae_gan3d.__version__}"
    assert paths[0].read_bytes() == paths[1].read_bytes()
