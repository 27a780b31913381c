"""Runs one trial in its own process. The first half runs in that process, the second half in the process of the study.

Messages from the trial to the study: `Started`, a `Report` for each checkpoint, `Trained`, `Measured` or `Failed`.
"""

import contextlib
import dataclasses
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

from vae_gan3d.config import TrainingConfig
from vae_gan3d.data.record_set import find_records
from vae_gan3d.errors import UserError
from vae_gan3d.files import folder_lock, make_folder
from vae_gan3d.tensorflow_start import memory_errors_in_one_line, start_tensorflow

if TYPE_CHECKING:
    from vae_gan3d.evaluation.shape_set import ShapeSet
    from vae_gan3d.models.model import Model
    from vae_gan3d.training.state import TrainingState

LOG_NAME = "trial.log"
_POLL_SECONDS = 0.2
_ASK_AGAIN_SECONDS = 1.0
_END_SECONDS = 10.0


@dataclasses.dataclass(frozen=True)
class TrialTask:
    """The work of one trial.

    Attributes:
        training: the run, in the folder of the trial.
        held_out_records, held_out_split_name: the shapes that measure the trial.
        objective: one of `config.OBJECTIVES`.
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
    """Held-out IoU at a checkpoint; the process waits for any answer."""

    epoch: int
    iou: float


@dataclasses.dataclass(frozen=True)
class Trained:
    """Training has ended and is saved; the process waits for any answer."""


@dataclasses.dataclass(frozen=True)
class Measured:
    """The value of the objective. The last message."""

    value: float


@dataclasses.dataclass(frozen=True)
class Failed:
    """The reason why there is no value. The last message."""

    reason: str


def run_trial_process(connection: Connection, task: TrialTask) -> None:
    """Trains and measures, and sends messages.

    Args:
        connection: to the process of the study. This process ends when that one does.
        task: the work.
    """
    # Training handles Ctrl-C and SIGTERM itself, between two steps. Before and after it must not interrupt a save.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with open(make_folder(task.training.save_path) / LOG_NAME, "ab") as log:
        for terminal in (1, 2):  # also what C++ code prints
            os.dup2(log.fileno(), terminal)
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
    """Sends the held-out IoU of the averaged networks; nothing for a plain GAN, which cannot reconstruct."""

    def __init__(self, connection: Connection, config: TrainingConfig, held_out: "ShapeSet") -> None:
        self._connection, self._config, self._held_out = connection, config, held_out
        self._model: Model | None = None

    def __call__(self, epoch: int, state: "TrainingState") -> None:
        """Reports, and waits for the answer.

        Args:
            epoch: completed epochs.
            state: the same object in each call, so that the networks are traced once.

        Raises:
            UserError: a weight is not a finite number.
        """
        from vae_gan3d.models.model import Model
        from vae_gan3d.tuning.measure import held_out_iou, require_finite_weights

        require_finite_weights(state.average)
        if self._config.model.kind != "gan":
            self._model = self._model or Model(self._config.model, state.average)
            self._connection.send(Report(epoch, held_out_iou(self._model, self._held_out)))
            self._connection.recv()


class TrialFailed(Exception):
    """A trial has no value; the message is the reason, in one line."""


class TrialStopped(Exception):
    """The user stopped a trial; it is saved and can continue."""


def run_trial(
    task: TrialTask,
    *,
    seconds: float,
    on_report: Callable[[int, float], None],
    stopping: Callable[[], bool],
) -> float:
    """Runs a trial in its own process.

    Args:
        task: the work of the trial.
        seconds: limit of the training time; may be infinite.
        on_report: called with the epoch and the held-out IoU of each checkpoint; an exception ends the trial.
        stopping: whether the user asked to stop.

    Returns:
        The value of the objective.

    Raises:
        TrialFailed: the process failed, or could not measure the objective.
        TrialStopped: the user asked to stop.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=run_trial_process, args=(theirs, task), daemon=True)
    process.start()
    theirs.close()
    listener = _Listener(process, ours, seconds=seconds, on_report=on_report, stopping=stopping)
    try:
        while True:
            value = listener.listen()
            if value is not None:
                return value
    except EOFError:
        process.join(_END_SECONDS)
        if stopping():
            raise TrialStopped from None
        log = task.training.save_path / LOG_NAME
        raise TrialFailed(f"its process ended early ({_ending(process.exitcode)}); see {log}") from None
    finally:
        _end(process)
        ours.close()


class _Listener:
    """Receives the messages of a running trial, and asks it to stop when its time is over."""

    def __init__(
        self,
        process: BaseProcess,
        connection: Connection,
        *,
        seconds: float,
        on_report: Callable[[int, float], None],
        stopping: Callable[[], bool],
    ) -> None:
        self._process, self._connection = process, connection
        self._seconds, self._on_report, self._stopping = seconds, on_report, stopping
        self._training_until: float | None = None
        self._asked = 0.0

    def listen(self) -> float | None:
        """Receives one message, if there is one; asks training to stop if its time is over.

        Returns:
            The value of the trial if it was the last message, else None.

        Raises:
            EOFError: the process has ended.
            TrialFailed, TrialStopped: see `run_trial`.
        """
        if self._connection.poll(_POLL_SECONDS):
            return self._answer(self._connection.recv())
        now = time.monotonic()
        over = self._stopping() or (self._training_until is not None and now > self._training_until)
        # Asks again: the trial ignores signals while it builds the networks.
        if over and now > self._asked + _ASK_AGAIN_SECONDS and self._process.pid is not None:
            self._asked = now
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGINT)
        return None

    def _answer(self, message: Any) -> float | None:  # noqa: ANN401 (one of the five)
        match message:
            case Started():
                self._training_until = time.monotonic() + self._seconds
            case Report(epoch, iou):
                self._on_report(epoch, iou)
                self._connection.send(None)
            case Trained():
                self._training_until = None
                if self._stopping():
                    raise TrialStopped
                self._connection.send(None)
            case Measured(value):
                return value
            case Failed(reason):
                raise TrialFailed(reason)
        return None


def _end(process: BaseProcess) -> None:
    """Ends a process. It is not saving anything now."""
    process.join(0 if process.exitcode is None else _END_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()


def _ending(exit_code: int | None) -> str:
    """How a process ended, in words."""
    if exit_code is None or exit_code >= 0:
        return f"exit status {exit_code}"
    with contextlib.suppress(ValueError):
        name = signal.Signals(-exit_code).name
        return f"{name}, perhaps because memory ran out" if name == "SIGKILL" else name
    return f"signal {-exit_code}"
