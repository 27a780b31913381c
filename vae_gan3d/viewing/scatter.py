"""Points in the plane, coloured by class, with a legend."""

import pathlib
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vae_gan3d.file_versions import PROGRAM
from vae_gan3d.files import atomic_path, make_folder
from vae_gan3d.viewing.render import Color

_DPI = 120
_INCHES = (10.0, 7.5)
_COLORS = 10
_MARKERS = "os^DvP*X<>"
_LEGEND_ROWS = 30


@style.context("default")  # whatever the matplotlibrc of this machine says
def save_scatter(
    path: pathlib.Path, points: np.ndarray, names: Sequence[str], *, title: str, axes: tuple[str, str]
) -> None:
    """Draws points to a PNG file, those of a class in its `class_style`.

    Args:
        path: the PNG file; its folder is made where it is absent.
        points: `[K, 2]` float, K at least 1.
        names: K class names; the legend lists them in the order in which they first come, with their counts.
        title: over the picture.
        axes: the texts at the axes.

    Raises:
        ValueError: the counts differ, there is no point, or one is not finite.
        vae_gan3d.errors.UserError: the file cannot be written.
    """
    if points.shape != (len(names), 2) or not len(names) or not np.isfinite(points).all():
        raise ValueError(f"points {points.shape} and {len(names)} names: give one name for each of some finite points")
    figure = Figure(figsize=_INCHES, dpi=_DPI, layout="constrained")
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
    make_folder(path.parent)
    with atomic_path(path) as temporary:
        FigureCanvasAgg(figure).print_png(str(temporary), metadata={"Software": PROGRAM})


def class_style(label: int) -> tuple[Color, str]:
    """The color and the matplotlib marker of class number `label`: ten colors, and other marks every ten classes."""
    color = matplotlib.colormaps["tab10"](label % _COLORS)[:3]
    return color, _MARKERS[label // _COLORS % len(_MARKERS)]


def _mark_size(count: int) -> float:
    """The area of a mark in square points: smaller where there are many."""
    return float(np.clip(16_000 / count, 12, 60))
