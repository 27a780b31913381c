"""One trial from outside: its process is started, listened to, and stopped where it should be."""

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from vae_gan3d.tuning.trial_process import (
    LOG_NAME,
    Failed,
    Measured,
    Report,
    Started,
    Trained,
    TrialTask,
    run_trial_process,
)

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
