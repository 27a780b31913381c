"""Tries damages in other processes, because some damages crash the interpreter."""

import contextlib
import dataclasses
import multiprocessing
import pathlib
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any

from tests.robustness.damages import FAILED, Damage, Subject, all_damages, judge

_BATCH = 200


@dataclasses.dataclass
class Tally:
    """Results for one file.

    Attributes:
        name: of the file.
        size: in bytes.
        seconds: processor time.
        counts: trials by verdict.
        failures: a line for each damage that was missed or crashed the interpreter.
    """

    name: str
    size: int
    seconds: float = 0.0
    counts: Counter[str] = dataclasses.field(default_factory=Counter)
    failures: list[str] = dataclasses.field(default_factory=list)

    def add(self, damage: Damage, verdict: str, reason: str, seconds: float = 0.0) -> None:
        """Counts a trial."""
        self.seconds += seconds
        self.counts[verdict] += 1
        if verdict in FAILED:
            self.failures.append(f"{self.name}: {damage}: {verdict}: {reason}")


def try_all(folder: pathlib.Path, kind: str, *, every: int, seed: int, share: int = 1) -> Iterator[Tally]:
    """Tries all damages on the files of one kind.

    Args:
        folder: an empty folder for the files.
        kind: `records` or `models`.
        every: see `damages.all_damages`.
        seed: see `damages.all_damages`.
        share: see `damages.all_damages`.

    Yields:
        The tally of a file so far, after each batch of trials.
    """
    process = _Process(folder, kind)
    try:
        for number, found in enumerate(process.describe()):
            tally = Tally(found.name, len(found.whole))
            damages = all_damages(len(found.whole), found.foreign, every, seed, share * found.every)
            damages = [damage for damage in damages if damage.kind != "cut" or damage.offset not in found.silent_cuts]
            for start in range(0, len(damages), _BATCH):
                process.judge(number, found, damages[start : start + _BATCH], tally)
                yield tally
    finally:
        process.close()


@dataclasses.dataclass(frozen=True)
class _Described:
    """The description of a file that the parent process needs to choose damages; see `Subject`."""

    name: str
    file: pathlib.Path
    whole: bytes
    foreign: int
    silent_cuts: list[int]
    every: int


class _Process:
    """The process that reads; restarted after a crash."""

    def __init__(self, folder: pathlib.Path, kind: str) -> None:
        self._context: Any = multiprocessing.get_context("spawn")
        self._arguments = (folder, kind)
        self._start()

    def _start(self) -> None:
        self._connection, theirs = self._context.Pipe()
        # Not a daemon: it starts processes itself, to read shapes.
        self._process = self._context.Process(target=_serve, args=(theirs, *self._arguments))
        self._process.start()
        theirs.close()

    def describe(self) -> list[_Described]:
        """The files."""
        self._connection.send(None)
        return self._connection.recv()

    def judge(self, number: int, found: _Described, damages: Sequence[Damage], tally: Tally) -> None:
        """Tries damages on one file and counts the results; continues after a crash."""
        left = list(damages)
        while left:
            self._connection.send((number, left))
            try:
                while left:
                    verdict, reason, seconds = self._connection.recv()
                    tally.add(left.pop(0), verdict, reason, seconds)
            except (EOFError, ConnectionError):
                self._process.join()
                tally.add(left.pop(0), "died", _how_it_ended(self._process.exitcode))
                found.file.write_bytes(found.whole)
                self._start()

    def close(self) -> None:
        """Ends the process."""
        with contextlib.suppress(OSError):
            self._connection.close()
        self._process.join()


def _how_it_ended(exit_code: int) -> str:
    return signal.Signals(-exit_code).name if exit_code < 0 else f"exit status {exit_code}"


def _subjects(folder: pathlib.Path, kind: str) -> list[Subject]:
    """The files of a kind; writes them first if the folder is empty."""
    from vae_gan3d.tensorflow_start import start_tensorflow

    start_tensorflow(verbose=False)
    empty = not any(folder.iterdir())
    if kind == "records":
        from tests.robustness.damage_records import record_subjects, write_sets

        if empty:
            write_sets(folder)
        return record_subjects(folder)
    from tests.robustness.damage_models import model_subjects, write_runs

    if empty:
        write_runs(folder)
    return model_subjects(folder)


def _serve(connection: Connection, folder: pathlib.Path, kind: str) -> None:
    """Answers requests until the parent closes the connection."""
    subjects = _subjects(folder, kind)
    described = [
        _Described(
            subject.name,
            subject.file,
            subject.file.read_bytes(),
            len(subject.foreign),
            [*subject.silent_cuts],
            subject.every,
        )
        for subject in subjects
    ]
    expected: dict[int, str] = {}
    with contextlib.suppress(EOFError):
        while True:
            request = connection.recv()
            if request is None:
                connection.send(described)
                continue
            number, damages = request
            if number not in expected:
                expected[number] = subjects[number].read()
            for damage in damages:
                begun = time.process_time()
                verdict, reason = judge(subjects[number], damage, described[number].whole, expected[number])
                connection.send((verdict, reason, time.process_time() - begun))
