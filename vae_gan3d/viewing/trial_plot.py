"""The trials of a search: how good each was, and how good by each parameter."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vae_gan3d.file_versions import PROGRAM
from vae_gan3d.files import atomic_path, make_folder
from vae_gan3d.wording import counted

_DPI = 120
_COLUMNS = 3
_PANEL_INCHES = (3.6, 2.8)
_BEST_COLOR, _LINE_COLOR = "tab:red", "tab:gray"
_LOG_RATIO = 20  # of the largest value to the smallest: from here on an axis is logarithmic
_MOST_TICKS = 8


@dataclasses.dataclass(frozen=True)
class PlottedTrial:
    """A trial that has a value.

    Attributes:
        number: its number.
        value: how good it was, finite.
        parameters: numbers and words by name.
    """

    number: int
    value: float
    parameters: Mapping[str, int | float | str]


@style.context("default")  # whatever the matplotlibrc of this machine says
def save_trials(
    path: pathlib.Path, trials: Sequence[PlottedTrial], names: Sequence[str], *, objective: str, maximize: bool
) -> None:
    """Draws values over trials, and a panel of values over each parameter, to a PNG file. The best trial is red.

    Args:
        path: the PNG file; its folder is made where it is absent.
        trials: one or more, by number.
        names: the parameters that get a panel; a trial may lack some.
        objective: what the values are.
        maximize: whether large values are good.

    Raises:
        ValueError: there is no trial.
        vae_gan3d.errors.UserError: the file cannot be written.
    """
    if not trials:
        raise ValueError("there is no trial to plot: give one or more")
    values = np.array([trial.value for trial in trials])
    best = int(values.argmax() if maximize else values.argmin())
    columns = min(_COLUMNS, 1 + len(names))
    rows = -(-(1 + len(names)) // columns)
    size = (_PANEL_INCHES[0] * columns, _PANEL_INCHES[1] * rows)
    figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
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
    make_folder(path.parent)
    with atomic_path(path) as temporary:
        FigureCanvasAgg(figure).print_png(str(temporary), metadata={"Software": PROGRAM})


def _draw_parameter(panel: Axes, trials: Sequence[PlottedTrial], name: str, best: int) -> None:
    """Values over one parameter, on an axis that suits it."""
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
