"""Plots: training curves, a map of latents, the trials of a study."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vae_gan3d.files import PROGRAM, atomic_path, make_folder
from vae_gan3d.text import counted
from vae_gan3d.viewing.render import Color

Curve = Sequence[tuple[int, float]]

_DPI = 100
_PANEL_INCHES = (4.5, 3.0)
_COLUMNS = 2
_MOST_POINTS = 2000  # more than a panel has pixels
_LOG_RATIO = 20  # maximum / minimum from which an axis is logarithmic
# Columns of metrics.csv and the titles of their panels.
LOSSES = {
    "reconstruction_loss": "reconstruction loss",
    "kl": "KL divergence",
    "generator_loss": "generator loss",
    "discriminator_loss": "discriminator loss",
}
ACCURACIES = {"iou": "IoU of reconstructions", "discriminator_accuracy": "discriminator accuracy"}

_SCATTER_DPI = 120
_INCHES = (10.0, 7.5)
_COLORS = 10
_MARKERS = "os^DvP*X<>"
_LEGEND_ROWS = 30

_TRIALS_DPI = 120
_TRIALS_COLUMNS = 3
_TRIALS_PANEL_INCHES = (3.6, 2.8)
_BEST_COLOR, _LINE_COLOR = "tab:red", "tab:gray"
_MOST_TICKS = 8


@style.context("default")  # whatever the matplotlibrc of this machine says
def save_training_plots(folder: pathlib.Path, curves: Mapping[str, Curve]) -> None:
    """Draws `losses.png` and `accuracy.png`, a panel for each column; skips a picture without curves.

    Args:
        folder: made if it is missing.
        curves: (step, value) of every row with a finite value, in order, by column of `metrics.csv`.

    Raises:
        vae_gan3d.errors.UserError: a picture cannot be written.
    """
    for name, panels, bounds in (("losses", LOSSES, None), ("accuracy", ACCURACIES, (0.0, 1.0))):
        known = [(curves[column], title) for column, title in panels.items() if curves.get(column)]
        if known:
            _save_panels(folder / f"{name}.png", known, bounds)


def _save_panels(path: pathlib.Path, curves: list[tuple[Curve, str]], bounds: tuple[float, float] | None) -> None:
    """Draws a panel for each curve, with `bounds` of the values if they are known."""
    columns = min(_COLUMNS, len(curves))
    rows = -(-len(curves) // columns)
    figure = Figure((_PANEL_INCHES[0] * columns, _PANEL_INCHES[1] * rows), dpi=_DPI, layout="tight")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel, (curve, title) in zip(panels, curves, strict=False):
        _draw_curve(panel, curve, title, bounds)
    for panel in panels[len(curves) :]:
        panel.set_visible(False)
    _save(figure, path)


def _save(figure: Figure, path: pathlib.Path) -> None:
    make_folder(path.parent)
    with atomic_path(path) as temporary:
        FigureCanvasAgg(figure).print_png(str(temporary), metadata={"Software": PROGRAM})


def _draw_curve(panel: Axes, curve: Curve, title: str, bounds: tuple[float, float] | None) -> None:
    steps, values = np.array(thinned(curve), float).T
    panel.plot(steps, values, linewidth=1.2, marker="." if len(steps) == 1 else None)
    panel.set(title=title, xlabel="step")
    panel.grid(alpha=0.3)
    if bounds is not None:
        panel.set_ylim(*bounds)
    elif values.min() > 0 and values.max() / values.min() >= _LOG_RATIO:
        panel.set_yscale("log")


def thinned(curve: Curve, most: int = _MOST_POINTS) -> list[tuple[float, float]]:
    """Reduces a curve to at most `most` points, the means of neighbouring points.

    Args:
        curve: (step, value), in order, one or more.
        most: 1 or more.

    Returns:
        The points; those of a short curve unchanged.
    """
    neighbours = -(-len(curve) // most)
    starts = range(0, len(curve), neighbours)
    return [tuple(np.mean(curve[start : start + neighbours], axis=0).tolist()) for start in starts]


@style.context("default")  # whatever the matplotlibrc of this machine says
def save_scatter(
    path: pathlib.Path, points: np.ndarray, names: Sequence[str], *, title: str, axes: tuple[str, str]
) -> None:
    """Draws points into a PNG file, with a color and a marker for each class (`class_style`).

    Args:
        path: the PNG file; missing folders are made.
        points: `[K, 2]` float, K at least 1.
        names: K class names. The legend lists the classes in order of appearance, with their counts.
        title: above the picture.
        axes: labels of the axes.

    Raises:
        ValueError: the counts differ, there is no point, or a coordinate is not finite.
        vae_gan3d.errors.UserError: the file cannot be written.
    """
    if points.shape != (len(names), 2) or not len(names) or not np.isfinite(points).all():
        raise ValueError(f"points {points.shape}, {len(names)} names: give finite points [K, 2] and a name for each")
    figure = Figure(figsize=_INCHES, dpi=_SCATTER_DPI, layout="constrained")
    plot = figure.add_subplot()
    classes = list(dict.fromkeys(names))
    labels = np.array([classes.index(name) for name in names])
    for label, name in enumerate(classes):
        x, y = points[labels == label].T
        color, marker = class_style(label)
        plot.scatter(
            x,
            y,
            s=_mark_size(len(names)),
            color=color,
            marker=marker,
            alpha=0.75,
            linewidths=0,
            label=f"{name} ({len(x)})",
        )
    plot.set(title=title, xlabel=axes[0], ylabel=axes[1])
    plot.set_aspect("equal", adjustable="datalim")
    columns = -(-len(classes) // _LEGEND_ROWS)
    figure.legend(loc="outside right upper", frameon=False, fontsize=9, markerscale=1.5, ncols=columns)
    _save(figure, path)


def class_style(label: int) -> tuple[Color, str]:
    """Color and matplotlib marker of class number `label`: ten colors, and another marker every ten classes."""
    color = matplotlib.colormaps["tab10"](label % _COLORS)[:3]
    return color, _MARKERS[label // _COLORS % len(_MARKERS)]


def _mark_size(count: int) -> float:
    """Area of a marker in square points; many points get small markers."""
    return float(np.clip(16_000 / count, 12, 60))


@dataclasses.dataclass(frozen=True)
class PlottedTrial:
    """A complete trial.

    Attributes:
        number: of the trial.
        value: of the objective, finite.
        parameters: hyperparameters by name.
    """

    number: int
    value: float
    parameters: Mapping[str, int | float | str]


@style.context("default")  # whatever the matplotlibrc of this machine says
def save_trials(
    path: pathlib.Path, trials: Sequence[PlottedTrial], names: Sequence[str], *, objective: str, maximize: bool
) -> None:
    """Plots the objective over the trials, and over each hyperparameter, into a PNG file. The best trial is red.

    Args:
        path: the PNG file; missing folders are made.
        trials: one or more, in order of their numbers.
        names: the hyperparameters to plot; a trial may lack some.
        objective: name of the objective.
        maximize: whether larger values are better.

    Raises:
        ValueError: there is no trial.
        vae_gan3d.errors.UserError: the file cannot be written.
    """
    if not trials:
        raise ValueError("no trial to plot: give one or more")
    values = np.array([trial.value for trial in trials])
    best = int(values.argmax() if maximize else values.argmin())
    columns = min(_TRIALS_COLUMNS, 1 + len(names))
    rows = -(-(1 + len(names)) // columns)
    size = (_TRIALS_PANEL_INCHES[0] * columns, _TRIALS_PANEL_INCHES[1] * rows)
    figure = Figure(figsize=size, dpi=_TRIALS_DPI, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    numbers = np.array([trial.number for trial in trials])
    so_far = np.maximum.accumulate(values) if maximize else np.minimum.accumulate(values)
    panels[0].step(numbers, so_far, where="post", color=_LINE_COLOR, linewidth=1, label="best so far")
    _draw_points(panels[0], numbers, values, best)
    panels[0].set(xlabel="trial", ylabel=objective)
    panels[0].xaxis.get_major_locator().set_params(integer=True)
    panels[0].legend(frameon=False, fontsize=8)
    for panel, name in zip(panels[1:], names, strict=False):
        _draw_parameter(panel, trials, name, best)
        panel.set(xlabel=name, ylabel=objective)
    for panel in panels[1 + len(names) :]:
        panel.set_visible(False)
    chosen = trials[best]
    found = f"{counted(len(trials), 'trial')}, the best one is number {chosen.number}"
    figure.suptitle(f"{found}: {objective} {chosen.value:.4f}")
    _save(figure, path)


def _draw_parameter(panel: Axes, trials: Sequence[PlottedTrial], name: str, best: int) -> None:
    """Plots values over one hyperparameter: categories, or a linear or logarithmic axis."""
    places = [place for place, trial in enumerate(trials) if name in trial.parameters]
    found = [trials[place].parameters[name] for place in places]
    values = np.array([trials[place].value for place in places])
    marked = places.index(best) if best in places else None
    if any(isinstance(value, str) for value in found):
        words = sorted(set(map(str, found)))
        _draw_points(panel, np.array([words.index(str(value)) for value in found]), values, marked)
        panel.set_xticks(range(len(words)), words, rotation=30, fontsize=8)
        panel.margins(x=0.15)
        return
    numbers = np.array(found, float)
    if len(numbers) and numbers.min() > 0 and numbers.max() / numbers.min() >= _LOG_RATIO:
        panel.set_xscale("log")
    if all(isinstance(value, int) for value in found) and len(set(found)) <= _MOST_TICKS:
        panel.set_xticks(sorted(set(numbers)), [f"{number:g}" for number in sorted(set(numbers))])
    _draw_points(panel, numbers, values, marked)


def _draw_points(panel: Axes, places: np.ndarray, values: np.ndarray, best: int | None) -> None:
    panel.scatter(places, values, s=22, alpha=0.75, linewidths=0)
    if best is not None:
        panel.scatter(places[best], values[best], s=50, color=_BEST_COLOR, zorder=3)
    panel.grid(alpha=0.3)
