"""Writes a run folder while training: log rows, pictures, checkpoints and `report.html`."""

import contextlib
import math
import pathlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from vae_gan3d.command_line import command_text
from vae_gan3d.config import TrainingConfig
from vae_gan3d.data.pipeline import spread_shapes
from vae_gan3d.data.record_set import RecordSet
from vae_gan3d.errors import FileRefusedError, UserError
from vae_gan3d.text import counted
from vae_gan3d.training.checkpoint_files import checkpoint_epochs, checkpoint_prefix
from vae_gan3d.training.checkpoints import save_checkpoint, save_weight_files
from vae_gan3d.training.health import all_watches, skipped, skipped_line
from vae_gan3d.training.image_summaries import EncoderShapeSource, ImageSummaries, ShapeSource, make_shape_source
from vae_gan3d.training.run_folder import CONFIG_NAME, EVALUATED_NAME, METRICS_NAME, REPORT_NAME
from vae_gan3d.training.run_log import (
    RunLog,
    final_metrics,
    read_flags,
    read_metrics,
    read_object,
    read_window,
    run_hyperparameters,
    save_window,
)
from vae_gan3d.training.schedule import Schedule
from vae_gan3d.training.state import TrainingState
from vae_gan3d.training.vae_gan_step import STEP_METRICS
from vae_gan3d.viewing.measures import Measure, measures
from vae_gan3d.viewing.page import ReportData, ShownPairs, ShownPath, ShownSamples, save_report
from vae_gan3d.viewing.plots import Curve

PATH_STEPS = 11
PATH_TITLE = "Between two shapes"
_THRESHOLD = 0.5
_COLUMNS = (*STEP_METRICS, "learning_rate", "d_learning_rate", "occupancy_ratio", "skipped_steps", "steps_per_second")
# Metrics beside the progress bar: column and format.
_SHOWN = {
    "reconstruction": ("reconstruction_loss", ".0f"),
    "kl": ("kl", ".1f"),
    "iou": ("iou", ".3f"),
    "d_accuracy": ("discriminator_accuracy", ".2f"),
    "occupancy": ("occupancy_ratio", ".2f"),
}


class RunReport:
    """Writes the page of a run, `report.html`.

    Attributes:
        path: of the page.
    """

    def __init__(self, save_path: pathlib.Path, summary: str, source: ShapeSource, names: Sequence[str]) -> None:
        """Sets what the page shows.

        Args:
            save_path: the run folder.
            summary: the model in one line.
            source: generates the shapes.
            names: the class names of the real shapes of `source`.
        """
        self.path = save_path / REPORT_NAME
        self._save_path = save_path
        self._summary = summary
        self._source = source
        self._names = names

    def renew(self, epoch: int, step: int) -> str | None:
        """Writes the page.

        Args:
            epoch: epochs completed.
            step: steps taken.

        Returns:
            A warning in one line if it cannot be written, else None.
        """
        return save_or_warn(self.path, lambda: self.data(epoch, step))

    def data(self, epoch: int, step: int, samples: ShownSamples | None = None) -> ReportData:
        """The contents of the page.

        Args:
            epoch: epochs completed.
            step: steps taken.
            samples: generated shapes; None takes those of the source.

        Raises:
            UserError: `metrics.csv` cannot be read.
        """
        source, folder = self._source, self._save_path
        found, note = known_measures(folder)
        if samples is None:
            samples = ShownSamples(f"Generated {source.title}", source.shapes() > _THRESHOLD, ())
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
        if not isinstance(self._source, EncoderShapeSource):
            return None
        originals, reconstructions = (grids > _THRESHOLD for grids in self._source.pairs())
        names = self._names_of(self._source.pictured)
        return ShownPairs("Reconstructions of training shapes", originals, reconstructions, names)

    def _path(self) -> ShownPath:
        first, second = "one sample", "another sample"
        if isinstance(self._source, EncoderShapeSource):
            first, second = self._names_of(self._source.path_ends)
        return ShownPath(PATH_TITLE, self._source.path(PATH_STEPS) > _THRESHOLD, first, second)

    def _names_of(self, numbers: np.ndarray) -> list[str]:
        return [self._names[number] for number in numbers]


def save_or_warn(path: pathlib.Path, make: Callable[[], ReportData]) -> str | None:
    """Writes a page; an error does not end the run.

    Args:
        path: the page.
        make: returns its contents.

    Returns:
        A warning in one line if it cannot be written, else None.
    """
    try:
        save_report(path, make())
    except Exception as error:  # the page is worth less than the run
        reason = str(error).strip().splitlines() or [type(error).__name__]
        return f"warning: {path} is not renewed: {reason[0]}; --report=false leaves it out"
    return None


def run_title(folder: pathlib.Path) -> str:
    """The title of a run's page: the name of its folder; for a stage, with that of the folder around it."""
    resolved = folder.resolve()
    return f"{resolved.parent.name}/{resolved.name}" if resolved.name.startswith("stage-") else resolved.name


def read_curves(folder: pathlib.Path) -> dict[str, Curve]:
    """The columns of `metrics.csv` as curves, without fields that are not finite numbers.

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


def known_measures(folder: pathlib.Path) -> tuple[Sequence[Measure], str]:
    """The measures of a run's last evaluation, from `evaluated.json` in its folder.

    Args:
        folder: the run folder.

    Returns:
        The measures, and a line that says what was measured; or none, and a line that says how to get them.
    """
    metrics = read_object(folder / EVALUATED_NAME)
    try:
        return measures(metrics), measures_note(metrics)
    except (KeyError, TypeError, ValueError):
        command = command_text("test.py", "--phase=evaluate", f"--checkpoint={folder}", "--records=TEST_RECORDS")
        return (), f"Not measured yet: {command}"


def measures_note(metrics: Mapping[str, Any]) -> str:
    """A line that says what the measures in `metrics.json` are of.

    Raises:
        KeyError: a field is missing.
    """
    name = pathlib.Path(str(metrics["checkpoint"])).name
    samples = counted(metrics["samples"], "sample")
    return f"Of {name}: {samples} of the {metrics['prior']} prior, seed {metrics['seed']}."


class RunRecorder:
    """Writes the files of a run, and prints its messages."""

    def __init__(self, config: TrainingConfig, records: RecordSet, state: TrainingState, schedule: Schedule) -> None:
        """Opens the logs.

        Args:
            config: the run.
            records: some of their shapes are shown.
            state: as restored; not changed.
            schedule: of the run.

        Raises:
            UserError: a file cannot be read or written; so do all methods.
        """
        self._config = config
        self._state = state
        self._schedule = schedule
        self._records = records.digest
        conditional = config.model.conditional
        shapes, labels = spread_shapes(records, config.model.resolution)
        self._source = make_shape_source(
            state.average, shapes, config.seed, config.model.latent_deviation, labels if conditional else None
        )
        self._watches = all_watches(
            encoded=state.networks.encoder is not None,
            kl_warmup=config.loss.kl_warmup,
            adversarial_loss=config.loss.adversarial_loss,
        )
        columns = (*_COLUMNS, "fade") if state.networks.fades else _COLUMNS
        self._log = RunLog(config.save_path, config.logdir, columns, state.steps_taken)
        board = self._log.tensorboard
        board.write_hyperparameters(str(config.save_path), run_hyperparameters(config))
        self._summaries = ImageSummaries(
            self._source,
            board,
            config.save_path,
            image_every=config.image_every,
            total_steps=schedule.total_steps,
        )
        names = [records.classes[label] for label in labels]
        self._report = RunReport(config.save_path, config.model.describe(), self._source, names)
        self._timed_step, self._timed_since = state.steps_taken, time.monotonic()

    def open_window(self) -> list[np.ndarray]:
        """The metrics `[11]` of each step since the last row, if a run resumes between two rows."""
        return list(read_window(self._config.save_path, self._state.steps_taken))

    def show_graph(self, graph: tf.Graph) -> None:
        """Shows the graph of a step in TensorBoard."""
        self._log.tensorboard.write_graph(graph)

    def write_images(self, step: int) -> None:
        """Writes the image summaries of a step."""
        self._summaries.write(self._schedule.epochs_completed(step), step)

    def save(self, epoch: int, step: int, window: Sequence[tf.Tensor], bar: tqdm, *, last: bool) -> None:
        """Writes a checkpoint and the files that go with it.

        The checkpoint comes last of what a finished run needs: a run that is killed before it repeats these steps.

        Args:
            epoch: N of `model.ckpt-N`.
            step: steps taken.
            window: the metrics `[11]` of each step since the last row.
            bar: prints lines.
            last: whether the run ends here.
        """
        folder, keep = self._config.save_path, self._config.keep_checkpoints
        if not self._is_there():
            raise FileRefusedError(
                f"{folder} has lost its {CONFIG_NAME}: was the folder removed? give another --save_path"
            )
        save_window(folder, step, np.array([np.asarray(row) for row in window], np.float32), keep)
        save_weight_files(self._state, folder)
        progress = self._schedule.progress(step, self._records)
        prefix = save_checkpoint(self._state.checkpoint(), folder, epoch, keep, progress)
        self._log.draw_plots()
        lines = [f"saved {prefix}"] if last else []
        if self._config.report:
            warning = self._report.renew(epoch, step)
            if warning or last:
                lines.append(warning or f"look at {self._report.path}")
        for line in lines:
            bar.write(line, file=sys.stderr)

    def rescue(self, epoch: int, step: int, window: Sequence[tf.Tensor], *, save: bool) -> pathlib.Path | None:
        """Writes only a checkpoint, if that is possible, and closes the logs.

        Args:
            epoch, step, window: as in `save`.
            save: whether the weights may be saved; False only closes the logs.

        Returns:
            The newest checkpoint, this one or an older one; None where there is none.
        """
        folder, keep = self._config.save_path, self._config.keep_checkpoints
        with contextlib.suppress(UserError):
            self._log.close()
        if not self._is_there():
            return None
        if save:
            with contextlib.suppress(UserError):
                save_window(folder, step, np.array([np.asarray(row) for row in window], np.float32), keep)
                progress = self._schedule.progress(step, self._records)
                save_checkpoint(self._state.checkpoint(), folder, epoch, keep, progress)
        epochs = checkpoint_epochs(folder)
        return checkpoint_prefix(folder, epochs[0]) if epochs else None

    def _is_there(self) -> bool:
        """Whether the run folder still exists: if it was removed, a writer may have made it again, empty."""
        return (self._config.save_path / CONFIG_NAME).is_file()

    def write_log(self, step: int, window: Sequence[tf.Tensor], bar: tqdm) -> None:
        """Writes a row.

        Args:
            step: steps taken.
            window: the metrics `[11]` of each step since the last row.
            bar: shows some metrics.
        """
        rows = tf.stack(window).numpy()
        values = dict(zip(STEP_METRICS, mean_without_nan(rows), strict=True))
        values["skipped_steps"] = float(skipped(rows).sum())
        values["steps_per_second"] = (step - self._timed_step) / (time.monotonic() - self._timed_since)
        values.update(self._learning_rates(adversarial=not math.isnan(values["discriminator_loss"])))
        values["occupancy_ratio"] = self._source.occupancy_ratio()
        for fade in self._state.networks.fades[:1]:  # all are the same
            values["fade"] = float(tf.convert_to_tensor(fade))
        self._log.write(self._schedule.epochs_completed(step), step, values)
        if step == self._schedule.total_steps:
            self._log.tensorboard.write_scalars(step, final_metrics(values))
        known = {label: form for label, form in _SHOWN.items() if not math.isnan(values[form[0]])}
        bar.set_postfix({label: format(values[name], form) for label, (name, form) in known.items()}, refresh=False)
        if values["skipped_steps"]:
            bar.write(skipped_line(step, rows), file=sys.stderr)
        for watch in self._watches:
            warning = watch.warning(values, step, last=step == self._schedule.total_steps)
            if warning:
                bar.write(warning, file=sys.stderr)
        self._timed_step, self._timed_since = step, time.monotonic()

    def close(self) -> None:
        """Flushes and closes the logs."""
        self._log.close()

    def _learning_rates(self, *, adversarial: bool) -> dict[str, float]:
        """The learning rates of the last step; the discriminator's is NaN while it is not trained."""
        rate, d_rate = (
            float(tf.convert_to_tensor(optimizer.learning_rate))
            for optimizer in (self._state.optimizer, self._state.d_optimizer)
        )
        return {"learning_rate": rate, "d_learning_rate": d_rate if adversarial else math.nan}


def mean_without_nan(rows: np.ndarray) -> list[float]:
    """Means of the columns of `[K, M]` without NaN values; NaN for a column of NaN only."""
    known = ~np.isnan(rows)
    counts = known.sum(axis=0)
    sums = np.where(known, rows, 0.0).sum(axis=0)
    return [float(total / count) if count else float("nan") for total, count in zip(sums, counts, strict=True)]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
