"""The process of one trial: it trains a run, says at each checkpoint how good it is, and measures the end.

Each trial has its own, so that TensorFlow's memory and seeds are fresh, and what breaks in one ends that one alone.
"""

import dataclasses
import os
import pathlib
import signal
import traceback
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from vae_gan3d.config import TrainingConfig
from vae_gan3d.errors import UserError
from vae_gan3d.files import make_folder
from vae_gan3d.folder_lock import folder_lock
from vae_gan3d.records.record_set import find_records
from vae_gan3d.tensorflow_start import memory_errors_in_one_line, start_tensorflow

if TYPE_CHECKING:
    from vae_gan3d.evaluation.shape_set import ShapeSet
    from vae_gan3d.models.model import Model
    from vae_gan3d.training.state import TrainingState

LOG_NAME = "trial.log"


@dataclasses.dataclass(frozen=True)
class TrialTask:
    """What a trial's process does.

    Attributes:
        training: the run; its folder is the trial's.
        held_out_records, held_out_split_name: the shapes that it is judged by.
        objective: of `config.tuning.OBJECTIVES`.
    """

    training: TrainingConfig
    held_out_records: str
    held_out_split_name: str
    objective: str


@dataclasses.dataclass(frozen=True)
class Started:
    """Training begins."""


@dataclasses.dataclass(frozen=True)
class Report:
    """The held-out IoU at a checkpoint; the process waits for an answer of any kind."""

    epoch: int
    iou: float


@dataclasses.dataclass(frozen=True)
class Trained:
    """Training has ended, and is saved; the process waits for an answer of any kind."""


@dataclasses.dataclass(frozen=True)
class Measured:
    """The objective's value. The last message."""

    value: float


@dataclasses.dataclass(frozen=True)
class Failed:
    """Why there is no value. The last message."""

    reason: str


def run_trial_process(connection: Connection, task: TrialTask) -> None:
    """Does a task, and sends messages about it.

    Args:
        connection: to the process that conducts the study; where that one ends, so does this.
        task: what to do.
    """
    # Training catches its own Ctrl-C and SIGTERM between two steps; before and after, one must not break what is saved.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _write_to(make_folder(task.training.save_path) / LOG_NAME)
    try:
        connection.send(Measured(_train_and_measure(connection, task)))
    except (EOFError, BrokenPipeError):
        return
    except UserError as error:
        print(f"error: {error}", flush=True)
        connection.send(Failed(str(error)))
    except Exception as error:
        traceback.print_exc()
        connection.send(Failed(f"{type(error).__name__}: {' '.join(str(error).split())}"))


def _write_to(log: pathlib.Path) -> None:
    """Sends everything that this process prints, C++ code too, to a file."""
    with open(log, "ab") as file:
        for terminal in (1, 2):
            os.dup2(file.fileno(), terminal)


def _train_and_measure(connection: Connection, task: TrialTask) -> float:
    records = find_records(task.training.records, task.training.split_name, verify=False)
    held_out_records = find_records(task.held_out_records, task.held_out_split_name, verify=False)
    model = dataclasses.replace(task.training.model, classes=records.classes)
    config = dataclasses.replace(task.training, model=model)
    start_tensorflow(verbose=False)
    from vae_gan3d.evaluation.shape_set import ShapeSet
    from vae_gan3d.training.loop import train
    from vae_gan3d.tuning.measure import measure_run

    with memory_errors_in_one_line(), folder_lock(config.save_path, "--output_dir"):
        held_out = ShapeSet(held_out_records, model.resolution)
        connection.send(Started())
        train(config, records, _Reporter(connection, config, held_out))
        connection.send(Trained())
        connection.recv()
        return measure_run(config, records, held_out, task.objective)


class _Reporter:
    """Tells the held-out IoU of the averaged networks; of a plain GAN, which reconstructs no shape, nothing."""

    def __init__(self, connection: Connection, config: TrainingConfig, held_out: "ShapeSet") -> None:
        self._connection, self._config, self._held_out = connection, config, held_out
        self._model: Model | None = None

    def __call__(self, epoch: int, state: "TrainingState") -> None:
        """Reports, and waits for the answer.

        Args:
            epoch: epochs completed.
            state: the same in each call, so that the networks are traced once.

        Raises:
            UserError: a weight is no longer a finite number.
        """
        from vae_gan3d.models.model import Model
        from vae_gan3d.tuning.measure import held_out_iou, require_finite_weights

        require_finite_weights(state.average)
        if self._config.model.kind != "gan":
            self._model = self._model or Model(self._config.model, state.average)
            self._connection.send(Report(epoch, held_out_iou(self._model, self._held_out)))
            self._connection.recv()
