"""The curves of a training run: its losses, and how right discriminator and reconstructions are."""

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vae_gan3d.file_versions import PROGRAM
from vae_gan3d.files import atomic_path, make_folder

_DPI = 100
_PANEL_INCHES = (4.5, 3.0)
_COLUMNS = 2
_MOST_POINTS = 2000  # more than a panel has pixels across
_LOG_RATIO = 20  # of a curve's largest value to its smallest: from here on its axis is logarithmic
# The panels, by the columns of metrics.csv, and what they are called; one that has no value is left out.
LOSSES = {
    "reconstruction_loss": "reconstruction loss",
    "kl": "KL divergence",
    "generator_loss": "generator loss",
    "discriminator_loss": "discriminator loss",
}
ACCURACIES = {"iou": "IoU of reconstructions", "discriminator_accuracy": "discriminator accuracy"}

Curve = Sequence[tuple[int, float]]


@style.context("default")  # whatever the matplotlibrc of this machine says
def save_training_plots(folder: pathlib.Path, curves: Mapping[str, Curve]) -> None:
    """Draws `losses.png` and `accuracy.png`; a picture without any curve is not written.

    Args:
        folder: made where it is absent.
        curves: step and finite value of every row that has one, in order, by the names of the columns.

    Raises:
        vae_gan3d.errors.UserError: a picture cannot be written.
    """
    for name, panels, bounds in (("losses", LOSSES, None), ("accuracy", ACCURACIES, (0.0, 1.0))):
        known = [(curves[column], title) for column, title in panels.items() if curves.get(column)]
        if known:
            _save_panels(folder / f"{name}.png", known, bounds)


def _save_panels(path: pathlib.Path, curves: list[tuple[Curve, str]], bounds: tuple[float, float] | None) -> None:
    """A panel for each curve; `bounds` are those of the values where they are known."""
    columns = min(_COLUMNS, len(curves))
    rows = -(-len(curves) // columns)
    figure = Figure((_PANEL_INCHES[0] * columns, _PANEL_INCHES[1] * rows), dpi=_DPI, layout="tight")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel, (curve, title) in zip(panels, curves, strict=False):
        _draw_curve(panel, curve, title, bounds)
    for panel in panels[len(curves) :]:
        panel.set_visible(False)
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
    """A curve with at most `most` points: means of as many neighbours as it takes.

    Args:
        curve: step and value of each point, in order; one or more.
        most: 1 or more.

    Returns:
        The points of a short curve as they are.
    """
    neighbours = -(-len(curve) // most)
    starts = range(0, len(curve), neighbours)
    return [tuple(np.mean(curve[start : start + neighbours], axis=0).tolist()) for start in starts]
