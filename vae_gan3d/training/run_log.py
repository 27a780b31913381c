"""The logs of a run: `metrics.csv`, TensorBoard, `flags.json`, and the metrics since the last row."""

import contextlib
import csv
import dataclasses
import errno
import io
import json
import math
import os
import pathlib
import shutil
import sys
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams
from tensorboard.plugins.mesh import summary as mesh_summary

import vae_gan3d
from vae_gan3d.config import TrainingConfig
from vae_gan3d.errors import UserError
from vae_gan3d.files import (
    append_text,
    atomic_path,
    file_version,
    make_folder,
    read_json,
    require_known_version,
    write_refused,
    write_text,
)
from vae_gan3d.training.run_folder import FLAGS_NAME, METRICS_NAME, PLOTS_NAME, WINDOW_NAME
from vae_gan3d.training.vae_gan_step import STEP_METRICS
from vae_gan3d.viewing.plots import save_training_plots
from vae_gan3d.viewing.voxel_mesh import VIEWER, viewer_mesh

WINDOW_FORMAT = "vae_gan3d.metrics_window"
WINDOW_SCHEMA = 1
_DAMAGE = (
    OSError,
    EOFError,
    KeyError,
    TypeError,
    ValueError,
    MemoryError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
_KEYS = ("format", "schema", "version", "columns", "steps", "sizes", "rows")
Windows = dict[int, np.ndarray]
_EVENTS = "events.out.tfevents.*.{process}.*"
_LITTLE = 1 << 20  # bytes; a full disk may have a little less than this left
_FRAME_BYTES = 16  # around each record: its length, and two checksums
CLOCK_COLUMNS = ("steps_per_second",)  # all other columns are equal in equal runs
# TensorBoard's table shows the first tags; a capital letter sorts first.
_FINAL = "Final"
_FINAL_METRICS = ("iou", "kl", "occupancy_ratio", "reconstruction_loss")
FLAGS_FORMAT = "vae_gan3d.flags"
FLAGS_SCHEMA = 1


def save_window(folder: pathlib.Path, step: int, rows: np.ndarray, keep: int) -> None:
    """Saves the metrics since the last row of `metrics.csv` for a checkpoint that is about to be written.

    Args:
        folder: the run folder.
        step: steps taken; windows of later steps are dropped.
        rows: `[K, 11]` float32, the metrics of each step since the last row; K may be 0.
        keep: how many checkpoints are kept.

    Raises:
        UserError: the file cannot be written, or is of a newer version.
    """
    windows = {at: found for at, found in _read(folder / WINDOW_NAME).items() if at < step}
    windows[step] = np.asarray(rows, np.float32).reshape(-1, len(STEP_METRICS))
    newest = sorted(windows)[-keep - 1 :]  # one more: the oldest checkpoint goes after the new one is complete
    with atomic_path(folder / WINDOW_NAME) as temporary:
        np.savez(
            temporary,
            format=WINDOW_FORMAT,
            schema=WINDOW_SCHEMA,
            version=vae_gan3d.__version__,
            columns=np.array(STEP_METRICS),
            steps=np.array(newest, np.int64),
            sizes=np.array([len(windows[at]) for at in newest], np.int64),
            rows=np.concatenate([windows[at] for at in newest]),
        )


def read_window(folder: pathlib.Path, step: int) -> np.ndarray:
    """The metrics since the last row, for the checkpoint that a run resumes.

    Args:
        folder: the run folder.
        step: steps taken.

    Returns:
        `[K, 11]` float32; K is 0 if there are none, as with older versions.

    Raises:
        UserError: the file is of a newer version.
    """
    return _read(folder / WINDOW_NAME).get(step, np.zeros((0, len(STEP_METRICS)), np.float32))


class TensorBoardLog:
    """Writes one file of events per start of a run; TensorBoard reads them as one run."""

    def __init__(self, logdir: pathlib.Path) -> None:
        """Opens the file.

        Args:
            logdir: TensorBoard's folder.

        Raises:
            UserError: the folder cannot be written.
        """
        self._logdir = make_folder(logdir)
        self._closed = False
        own = _EVENTS.format(process=os.getpid())
        before = set(logdir.glob(own))
        with self._refusals_in_one_line():
            self._events = tf.summary.create_file_writer(str(logdir))
            self._events.flush()
            self._file = min(set(logdir.glob(own)) - before, default=logdir / own)
            self._whole = 0
            self._require_written()

    def write_scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Adds a point to the curve of each number.

        Args:
            step: steps taken.
            values: by their tags.

        Raises:
            UserError: the file cannot be written; so do all methods.
        """
        with self._writing(step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
        self._require_written(grown=bool(values))

    def write_picture(self, name: str, step: int, picture: np.ndarray) -> None:
        """Adds a picture.

        Args:
            name: its tag.
            step: steps taken.
            picture: `[H, W, 3]` uint8.
        """
        with self._writing(step):
            tf.summary.image(name, picture[np.newaxis])

    def write_histograms(self, step: int, values: Mapping[str, np.ndarray]) -> None:
        """Adds histograms.

        Args:
            step: steps taken.
            values: arrays of any shape, by their tags.
        """
        with self._writing(step):
            for name, array in values.items():
                tf.summary.histogram(name, array)

    def write_meshes(self, name: str, step: int, grids: np.ndarray) -> None:
        """Adds shapes that can be turned with the mouse; empty shapes are left out.

        Args:
            name: their tags are `NAME/1`, `NAME/2` and so on.
            step: steps taken.
            grids: `[K, R, R, R]`, values or probabilities, see `viewer_mesh`.
        """
        with self._writing(step):
            for number, grid in enumerate(grids, start=1):
                vertices, triangles = viewer_mesh(grid)
                if len(triangles):
                    mesh_summary.mesh(f"{name}/{number}", vertices[np.newaxis], triangles[np.newaxis], None, VIEWER)

    def write_graph(self, graph: tf.Graph) -> None:
        """Adds a graph; TensorBoard keeps the newest."""
        with self._writing(0):
            tf.summary.graph(graph)

    def write_hyperparameters(self, trial: str, values: Mapping[str, bool | float | str]) -> None:
        """Adds the run to TensorBoard's table of runs.

        There is no `hparams_config`: without it TensorBoard shows first the columns in which runs differ.

        Args:
            trial: the name of the row.
            values: by column name.
        """
        with self._writing(0):
            hparams.hparams(dict(values), trial_id=trial)

    def close(self) -> None:
        """Flushes and closes the file; a second call does nothing."""
        if not self._closed:
            self._closed = True
            with self._refusals_in_one_line():
                self._events.close()
                self._require_written(grown=False)

    def _require_written(self, *, grown: bool = True) -> None:
        """Checks that the file was written: TensorFlow raises no error on a full disk.

        Args:
            grown: whether something was written since the last call.

        Raises:
            UserError: it was not.
        """
        with self._refusals_in_one_line():
            self._events.flush()
            whole, size = _end_of_records(self._file, self._whole), self._file.stat().st_size
            if whole < size or (grown and whole == self._whole):
                full = shutil.disk_usage(self._logdir).free < _LITTLE
                number = errno.ENOSPC if full else errno.EIO
                raise OSError(number, os.strerror(number))
            self._whole = whole

    @contextlib.contextmanager
    def _writing(self, step: int) -> Iterator[None]:
        with self._refusals_in_one_line(), self._events.as_default(step):
            yield

    @contextlib.contextmanager
    def _refusals_in_one_line(self) -> Iterator[None]:
        """Raises UserError if the system refuses a write."""
        try:
            yield
        except (OSError, tf.errors.OpError) as error:
            raise write_refused(f"TensorBoard's logs in {self._logdir}", error) from error


class RunLog:
    """Appends rows of numbers to `metrics.csv` and to TensorBoard.

    Attributes:
        columns: names of all numbers, in order.
        tensorboard: for everything else.
    """

    def __init__(self, save_path: pathlib.Path, logdir: pathlib.Path, columns: Sequence[str], start_step: int) -> None:
        """Opens the log.

        If a run resumes, rows after its step are dropped, so that each step is there once.

        Args:
            save_path: the run folder, which holds `metrics.csv`.
            logdir: TensorBoard's folder.
            columns: names of the numbers, in order, after `epoch` and `step`.
            start_step: the step at which the run starts or resumes.

        Raises:
            UserError: the files cannot be written.
        """
        self.columns = ("epoch", "step", *columns)
        self._path = save_path / METRICS_NAME
        rows = [row for row in read_metrics(self._path) if int(row["step"]) <= start_step]
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self._path, text.getvalue())
        self.tensorboard = TensorBoardLog(logdir)

    def write(self, epoch: int, step: int, values: dict[str, float]) -> None:
        """Adds a row; NaN is an empty field, and not in TensorBoard.

        Args:
            epoch: epochs completed.
            step: steps taken.
            values: a number for each column, by name.

        Raises:
            UserError: the row cannot be written.
        """
        known = {name: value for name, value in values.items() if not math.isnan(value)}
        row: dict[str, object] = {"epoch": epoch, "step": step}
        row.update({name: f"{value:.6g}" for name, value in known.items()})
        text = io.StringIO()
        csv.DictWriter(text, self.columns, restval="", lineterminator="\n").writerow(row)
        self.tensorboard.write_scalars(step, known)
        append_text(self._path, text.getvalue())  # last: after an error, the row is still to be written

    def draw_plots(self) -> None:
        """Draws the curves to `SAVE_PATH/plots/`.

        Raises:
            UserError: the rows cannot be read, or the pictures cannot be written.
        """
        rows = read_metrics(self._path)
        try:
            curves = {
                name: [(int(row["step"]), float(row[name])) for row in rows if row.get(name)]
                for name in self.columns[2:]
            }
        except ValueError as error:
            raise UserError(f"{self._path} is damaged ({error}): move it away to continue without its rows") from error
        save_training_plots(self._path.parent / PLOTS_NAME, curves)

    def close(self) -> None:
        """Flushes and closes TensorBoard's file."""
        self.tensorboard.close()


def read_metrics(path: pathlib.Path) -> list[dict[str, str]]:
    """Reads a `metrics.csv`; no rows if the file is absent.

    Args:
        path: the file.

    Returns:
        A dictionary per row, from column name to text.

    Raises:
        UserError: the file cannot be read, or a row has no step.
    """
    if not path.is_file():
        return []
    try:
        with open(path, encoding="utf-8", newline="") as file:
            ended = [line for line in file if line.endswith("\n")]  # a kill may have cut the last line
        rows = list(csv.DictReader(ended))
        complete = [row for row in rows if None not in row.values()]
        for row in complete:
            int(row["step"])
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}): move it away to continue without its rows") from error
    return complete


def run_hyperparameters(config: TrainingConfig) -> dict[str, bool | float | str]:
    """The hyperparameters of a run by flag name, without paths and intervals.

    Args:
        config: the run.

    Returns:
        Numbers as floats; several values of a flag as a comma list; "" for None.
    """
    model = dataclasses.asdict(config.model)
    values = {"model": model.pop("kind"), **model, **dataclasses.asdict(config.loss)}
    optimizer = dataclasses.asdict(config.optimizer)
    values |= {"optimizer": optimizer.pop("kind"), **optimizer}
    for name in ("epochs", "train_steps", "batch_size", "seed", "precision", "mirror"):
        values[name] = getattr(config, name)
    if config.train_steps is not None:
        values["epochs"] = None  # they follow from the steps
    return {name: _plain(value) for name, value in values.items()}


def final_metrics(values: Mapping[str, float]) -> dict[str, float]:
    """The metrics of the last row that TensorBoard's table of runs shows, by tag; NaN is left out."""
    return {f"{_FINAL}/{name}": values[name] for name in _FINAL_METRICS if not math.isnan(values[name])}


def run_flags(config: TrainingConfig) -> dict[str, str]:
    """The flags that shape a run, as texts by name."""
    values: dict[str, bool | float | str] = {
        "records": config.records,
        "split_name": config.split_name,
        "save_path": str(config.save_path),
        **run_hyperparameters(config),
    }
    for name in ("checkpoint_every", "keep_checkpoints", "image_every", "log_every", "deterministic", "max_bad_steps"):
        if (value := getattr(config, name)) is not None:
            values[name] = value
    if config.init_from is not None:
        values["init_from"] = str(config.init_from)
    for network, path in config.weights.items():
        values[f"{network}_weights"] = str(path)
    return {name: _text(value) for name, value in values.items()}


def write_flags(folder: pathlib.Path, flags: Mapping[str, str]) -> None:
    """Writes `flags.json`.

    Args:
        folder: the run folder.
        flags: texts by name.

    Raises:
        UserError: it cannot be written.
    """
    text = json.dumps({**file_version(FLAGS_FORMAT, FLAGS_SCHEMA), **flags}, indent=2)
    write_text(folder / FLAGS_NAME, text + "\n")


def read_flags(folder: pathlib.Path) -> dict[str, str]:
    """The flags of a run; empty for runs of older versions."""
    found = read_object(folder / FLAGS_NAME)
    return {name: str(value) for name, value in found.items() if name not in file_version(FLAGS_FORMAT, FLAGS_SCHEMA)}


def read_object(path: pathlib.Path) -> dict[str, Any]:
    """The object in a JSON file; empty if there is none."""
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _read(path: pathlib.Path) -> Windows:
    """All windows of a file by step; empty if it is absent, or damaged, which prints a warning."""
    if not path.is_file():
        return {}
    try:
        with zipfile.ZipFile(path) as archive:  # numpy does not check the checksum of an array whose header is changed
            damaged = archive.testzip()
        if damaged:
            raise ValueError(f"the checksum of {damaged} is wrong")
        with np.load(path, allow_pickle=False) as stored:
            fields = {name: stored[name] for name in _KEYS if name in stored.files}
        require_known_version(path, fields, WINDOW_FORMAT, WINDOW_SCHEMA)
        return _windows(fields)
    except UserError:
        raise
    except _DAMAGE as error:
        reason = " ".join(str(error).split())
        print(
            f"warning: {path} is damaged ({reason}): the next row has only the steps from here on",
            file=sys.stderr,
        )
        return {}


def _windows(fields: dict[str, np.ndarray]) -> Windows:
    steps, ends = fields["steps"].tolist(), np.cumsum(fields["sizes"])
    rows = fields["rows"]
    if fields["columns"].tolist() != list(STEP_METRICS) or rows.shape != (ends[-1], len(STEP_METRICS)):
        raise ValueError(f"rows of shape {rows.shape} for the columns {', '.join(fields['columns'].tolist())}")
    parts = np.split(rows.astype(np.float32), ends[:-1])
    return dict(zip(steps, parts, strict=True))


def _end_of_records(path: pathlib.Path, start: int) -> int:
    """The end of the last complete record of a file, searched from the end `start` of an earlier one."""
    with open(path, "rb") as file:
        size, end = os.fstat(file.fileno()).st_size, start
        while end < size:
            file.seek(end)
            after = end + _FRAME_BYTES + int.from_bytes(file.read(8), "little")
            if after > size:
                break
            end = after
    return end


def _plain(value: object) -> bool | float | str:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def _text(value: bool | float | str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else f"{value:.10g}"
