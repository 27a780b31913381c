"""`SAVE_PATH/report.html`, the page of a run, as training renews it."""

import math
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from vae_gan3d.command_line import command_text
from vae_gan3d.training.monitor import Monitor, ShapeMonitor
from vae_gan3d.training.run_flags import read_flags, read_object
from vae_gan3d.training.run_folder import EVALUATED_NAME, METRICS_NAME, REPORT_NAME
from vae_gan3d.training.run_log import read_metrics
from vae_gan3d.viewing.measures import Measure, measures
from vae_gan3d.viewing.report import ReportData, ShownPairs, ShownPath, ShownSamples, save_report
from vae_gan3d.viewing.training_plots import Curve
from vae_gan3d.wording import counted

PATH_STEPS = 11
PATH_TITLE = "Between two shapes"
_THRESHOLD = 0.5


class RunReport:
    """Renews the page of a run from what its monitor looks at.

    Attributes:
        path: of the page.
    """

    def __init__(self, save_path: pathlib.Path, summary: str, monitor: Monitor, names: Sequence[str]) -> None:
        """Says what the page shows.

        Args:
            save_path: the run folder.
            summary: the model in one line.
            monitor: makes the shapes.
            names: the classes of the real shapes that it was given.
        """
        self.path = save_path / REPORT_NAME
        self._save_path = save_path
        self._summary = summary
        self._monitor = monitor
        self._names = names

    def renew(self, epoch: int, step: int) -> str | None:
        """Writes the page.

        Args:
            epoch: epochs completed.
            step: steps taken.

        Returns:
            A warning in one line where it could not be written.
        """
        return save_or_warn(self.path, lambda: self.data(epoch, step))

    def data(self, epoch: int, step: int, samples: ShownSamples | None = None) -> ReportData:
        """What stands on the page.

        Args:
            epoch: epochs completed.
            step: steps taken.
            samples: generated shapes; None for those that the monitor makes.

        Raises:
            UserError: `metrics.csv` cannot be read.
        """
        monitor, folder = self._monitor, self._save_path
        found, note = known_measures(folder)
        if samples is None:
            samples = ShownSamples(f"Generated {monitor.title}", monitor.shapes() > _THRESHOLD, ())
        return ReportData(
            title=run_title(folder),
            summary=f"epoch {epoch}, step {step:,}; {self._summary}",
            curves=read_curves(folder),
            samples=samples,
            pairs=self._pairs(),
            path=self._path(),
            measures=found,
            measures_note=note,
            flags=read_flags(folder),
        )

    def _pairs(self) -> ShownPairs | None:
        if not isinstance(self._monitor, ShapeMonitor):
            return None
        originals, reconstructions = (grids > _THRESHOLD for grids in self._monitor.pairs())
        names = self._names_of(self._monitor.pictured)
        return ShownPairs("Reconstructions of training shapes", originals, reconstructions, names)

    def _path(self) -> ShownPath:
        first, second = "one sample", "another sample"
        if isinstance(self._monitor, ShapeMonitor):
            first, second = self._names_of(self._monitor.path_ends)
        return ShownPath(PATH_TITLE, self._monitor.path(PATH_STEPS) > _THRESHOLD, first, second)

    def _names_of(self, numbers: np.ndarray) -> list[str]:
        return [self._names[number] for number in numbers]


def save_or_warn(path: pathlib.Path, make: Callable[[], ReportData]) -> str | None:
    """Writes a page; what goes wrong ends no run.

    Args:
        path: the page.
        make: gives what stands on it.

    Returns:
        A warning in one line where it could not be written.
    """
    try:
        save_report(path, make())
    except Exception as error:  # whatever it is, it is worth less than the run
        reason = str(error).strip().splitlines() or [type(error).__name__]
        return f"warning: {path} is not renewed: {reason[0]}; --report=false leaves it out"
    return None


def run_title(folder: pathlib.Path) -> str:
    """What the page of a run is called: the folder, with the one around it for a stage."""
    resolved = folder.resolve()
    return f"{resolved.parent.name}/{resolved.name}" if resolved.name.startswith("stage-") else resolved.name


def read_curves(folder: pathlib.Path) -> dict[str, Curve]:
    """The columns of `metrics.csv` as curves; a field that is no finite number is passed over.

    Raises:
        UserError: the file cannot be read.
    """
    curves: dict[str, list[tuple[int, float]]] = {}
    for row in read_metrics(folder / METRICS_NAME):
        for name, text in row.items():
            value = _number(text)
            if math.isfinite(value):
                curves.setdefault(name, []).append((int(row["step"]), value))
    return dict(curves)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def known_measures(folder: pathlib.Path) -> tuple[Sequence[Measure], str]:
    """The measures of a run's last evaluation, which left them in its folder.

    Args:
        folder: the run folder.

    Returns:
        The measures, and of what they are; or none, and how to get them.
    """
    metrics = read_object(folder / EVALUATED_NAME)
    try:
        return measures(metrics), measures_note(metrics)
    except (KeyError, TypeError, ValueError):
        command = command_text("test.py", "--phase=evaluate", f"--checkpoint={folder}", "--records=TEST_RECORDS")
        return (), f"Not measured yet: {command}"


def measures_note(metrics: Mapping[str, Any]) -> str:
    """Of which checkpoint the measures in `metrics.json` are.

    Raises:
        KeyError: it does not say so.
    """
    name = pathlib.Path(str(metrics["checkpoint"])).name
    samples = counted(metrics["samples"], "sample")
    return f"Of {name}: {samples} of the {metrics['prior']} prior, seed {metrics['seed']}."
