"""One trial in a process of its own: training and measuring inside, starting and stopping outside."""

import contextlib
import dataclasses
import multiprocessing
import os
import pathlib
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


_LISTEN_SECONDS = 0.2
_ASK_AGAIN_SECONDS = 1.0
_END_SECONDS = 10.0


class TrialFailed(Exception):
    """A trial has no value; the message says why, in one line."""


class TrialStopped(Exception):
    """The user stopped a trial; it is saved, and can go on."""


def run_trial(
    task: TrialTask,
    *,
    seconds: float,
    on_report: Callable[[int, float], None],
    stopping: Callable[[], bool],
) -> float:
    """Runs a trial in a process of its own.

    Args:
        task: what the process does.
        seconds: the longest time that it trains; infinite for any.
        on_report: is told the epoch and the held-out IoU of each checkpoint; what it raises ends the trial.
        stopping: whether the user asked to stop.

    Returns:
        The value of the objective.

    Raises:
        TrialFailed: the process broke, or found nothing to measure.
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
    """What the study's side knows of a running trial."""

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
        """Takes one message, if there is one; asks training to stop where its time is over.

        Returns:
            The trial's value with the last message, else None.

        Raises:
            EOFError: the process has ended.
            TrialFailed, TrialStopped: as `run_trial`.
        """
        if self._connection.poll(_LISTEN_SECONDS):
            return self._answer(self._connection.recv())
        now = time.monotonic()
        over = self._stopping() or (self._training_until is not None and now > self._training_until)
        # Asked again, because what comes while the networks are built is not heard.
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
    """Ends a process whose messages are no longer awaited; it is saving nothing."""
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
        return f"{name}, which the system sends where memory is short" if name == "SIGKILL" else name
    return f"signal {-exit_code}"
