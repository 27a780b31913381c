"""Parses shape files from outside in child processes, so that a file that crashes or hangs a parser is one error.

The parent sends paths as one line of JSON, and the child (`sandbox_worker`) answers them one after the other. The child
limits its own memory and processor time. A watchdog in the parent ends a child that does not answer. All code that
reads shape files goes through `read_grids`, `read_one` or `describe_files`; outside the child only the first bytes of a
file are looked at (`data_sets.may_hold_set`).
"""

import collections
import concurrent.futures
import contextlib
import dataclasses
import itertools
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Sequence
from typing import BinaryIO, cast

import numpy as np

from vae_gan3d.config.shapes import DEFAULT_READING, ReadOptions
from vae_gan3d.data.data_sets import ShapeSet, set_from_fields
from vae_gan3d.data.formats.registry import is_mesh
from vae_gan3d.data.grids import RESOLUTIONS, packed_bytes, unpack_grid
from vae_gan3d.data.shape_files import GridError, split_name
from vae_gan3d.errors import UserError
from vae_gan3d.text import printable

# Processor time does not depend on other processes. The largest mesh takes a third of it.
PROCESSOR_SECONDS = 120.0
# For a child that waits and does not compute, such as for a lost disk; and for systems without a processor clock.
WALL_SECONDS = 900.0
CHUNK_FILES = 64
# A mesh takes as long as many grids: small chunks keep all workers busy on small sets too.
CHUNK_MESHES = 4
WORKER_MODULE = "vae_gan3d.data.sandbox_worker"
# The watchdog looks at least four times a second. After a longer pause the process itself was stopped.
LONGEST_PAUSE = 2.0
_LIMITS = (PROCESSOR_SECONDS, WALL_SECONDS)
_START_SECONDS = 120.0
# A compressed file can hold a thousand times its size, which takes about 10 s for each GB.
_SECONDS_PER_BYTE_OF_SETS = 10e-6
_MOST_SECONDS_OF_SETS = 600.0
# The exit status of a process that has used up its processor time.
_OUT_OF_TIME = -signal.SIGPROF if hasattr(signal, "SIGPROF") else None
_PACKAGE_PARENT = pathlib.Path(__file__).resolve().parents[2]
_HEADER_BYTES = 1 << 16
_MOST_SET_BYTES = 1 << 29  # of labels and names
_READY = b'{"ready": true}\n'


@dataclasses.dataclass(frozen=True, eq=False)
class GridResult:
    """The grid in one file, or an error.

    Attributes:
        path: the file.
        grid: `[N, N, N]` uint8 in {0, 1} as stored in the file, not padded; None after an error.
        error: one line with the file, the reason and the remedy; None if the file was read.
    """

    path: pathlib.Path
    grid: np.ndarray | None
    error: str | None


def read_grids(
    paths: Sequence[pathlib.Path],
    *,
    workers: int = 2,
    processor_seconds: float = PROCESSOR_SECONDS,
    wall_seconds: float = WALL_SECONDS,
    options: ReadOptions = DEFAULT_READING,
) -> Generator[GridResult, None, None]:
    """Reads files in child processes, each with a memory limit if the platform has one.

    Keeps only a few dozen grids for each worker in memory. The children end when the iterator ends, raises an error or
    is closed.

    Args:
        paths: the files.
        workers: child processes, at least 1.
        processor_seconds: processor time for one file, above 0.
        wall_seconds: time on the clock for one file, above 0.
        options: how shapes are read.

    Yields:
        One result for each path, in the order of the paths.

    Raises:
        ValueError: a number is out of range.
        RuntimeError: the child process does not start.
    """
    limits = (processor_seconds, wall_seconds)
    if workers < 1 or not all(seconds > 0 for seconds in limits):
        raise ValueError(f"workers {workers} and limits {limits} s are not possible: at least 1, and above 0")
    # One child for the shapes of a set: each child would unpack the whole set.
    only_sets = all(split_name(path).number is not None for path in paths)
    return _read_grids(paths, 1 if only_sets else workers, limits, options)


def _read_grids(
    paths: Sequence[pathlib.Path], workers: int, limits: tuple[float, float], options: ReadOptions
) -> Generator[GridResult, None, None]:
    with contextlib.closing(_read_chunks(paths, workers, limits, options)) as answers:
        for path, answer in answers:
            if answer.reason is None:
                yield GridResult(path, unpack_grid(answer.packed, answer.resolution), None)
            else:
                yield GridResult(path, None, str(GridError(path, answer.reason)))


def read_one(path: pathlib.Path, options: ReadOptions = DEFAULT_READING) -> np.ndarray:
    """Reads one file in a child process.

    Args:
        path: the file.
        options: how it is read.

    Returns:
        voxels: `[N, N, N]` uint8 in {0, 1}, see `shape_files.read_grid`.

    Raises:
        UserError: the file cannot be read; the message is one line with its name.
        RuntimeError: the child process does not start.
    """
    with contextlib.closing(_read_grids([path], 1, _LIMITS, options)) as results:
        result = next(results)
    if result.grid is None:
        raise UserError(result.error)
    return result.grid


def describe_files(paths: Sequence[pathlib.Path], *, workers: int = 2) -> list[tuple[ShapeSet, ...] | GridError]:
    """Looks for sets of shapes in files of arrays, in child processes, without loading them.

    Args:
        paths: the files.
        workers: child processes, at least 1.

    Returns:
        For each file its sets, none if it holds one shape; or the error.

    Raises:
        RuntimeError: the child process does not start.
    """
    answers = _read_chunks(paths, workers, _LIMITS, DEFAULT_READING, describe=True)
    return [answer.sets if answer.reason is None else GridError(path, answer.reason) for path, answer in answers]


@dataclasses.dataclass(frozen=True)
class Answer:
    """A child's answer to one path.

    Attributes:
        resolution: the side N of the grid.
        packed: the grid, packed by `grids.pack_grid`.
        reason: why there is no grid, one line without the file's name; None if there is one.
        sets: the sets of shapes in a file, for `describe_files`.
    """

    resolution: int = 0
    packed: bytes = b""
    reason: str | None = None
    sets: tuple[ShapeSet, ...] = ()


class ChildEndedError(Exception):
    """The child ended or sent something that is not an answer."""


def is_ready(stream: BinaryIO) -> bool:
    """Reads the first line of a child, which says that it has started."""
    return stream.readline(_HEADER_BYTES) == _READY


def receive_answer(stream: BinaryIO) -> Answer:
    """Reads one answer and checks it: a harmful file may have taken over the child.

    Args:
        stream: the output of the child.

    Raises:
        ChildEndedError: there is no valid answer.
    """
    header = stream.readline(_HEADER_BYTES)
    try:
        fields = json.loads(header)
        if isinstance(fields.get("error"), str):
            return Answer(reason=printable(" ".join(fields["error"].split())) or "cannot be read")
        if "sets" in fields:
            return Answer(sets=_receive_sets(stream, int(fields["sets"])))
        resolution, size = int(fields["resolution"]), int(fields["bytes"])
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise ChildEndedError from error
    if not 1 <= resolution <= RESOLUTIONS[-1] or size != packed_bytes(resolution):
        raise ChildEndedError
    packed = stream.read(size)
    if len(packed) != size or not any(packed):
        raise ChildEndedError
    return Answer(resolution, packed)


def _receive_sets(stream: BinaryIO, size: int) -> tuple[ShapeSet, ...]:
    if not 0 <= size <= _MOST_SET_BYTES:
        raise ChildEndedError
    data = stream.read(size)
    if len(data) != size:
        raise ChildEndedError
    return tuple(map(set_from_fields, json.loads(data)))


def _read_chunks(
    paths: Sequence[pathlib.Path],
    workers: int,
    limits: tuple[float, float],
    options: ReadOptions,
    *,
    describe: bool = False,
) -> Generator[tuple[pathlib.Path, Answer], None, None]:
    """Keeps two chunks of files in work for each worker, and yields their answers in order."""
    size = CHUNK_MESHES if any(map(is_mesh, paths)) else CHUNK_FILES
    chunks = [paths[start : start + size] for start in range(0, len(paths), size)]
    workers = min(workers, max(1, len(chunks)))
    readers = [_Reader(*limits, options, describe=describe) for _ in range(workers)]
    idle: queue.SimpleQueue[_Reader] = queue.SimpleQueue()
    for reader in readers:
        idle.put(reader)

    def read(chunk: Sequence[pathlib.Path]) -> list[Answer]:
        reader = idle.get()
        try:
            return reader.read(chunk)
        finally:
            idle.put(reader)

    in_work: collections.deque[tuple[Sequence[pathlib.Path], concurrent.futures.Future[list[Answer]]]]
    in_work = collections.deque()
    waiting = iter(chunks)
    threads = concurrent.futures.ThreadPoolExecutor(workers, thread_name_prefix="reader")
    try:
        while True:
            while len(in_work) < 2 * workers and (chunk := next(waiting, None)) is not None:
                in_work.append((chunk, threads.submit(read, chunk)))
            if not in_work:
                return
            chunk, future = in_work.popleft()
            yield from zip(chunk, future.result(), strict=True)
    finally:
        for reader in readers:
            reader.close()
        threads.shutdown(wait=True, cancel_futures=True)


class _Reader:
    """One child process. It starts when it is needed, and again after a file has ended it."""

    def __init__(self, processor_seconds: float, wall_seconds: float, options: ReadOptions, *, describe: bool) -> None:
        self._processor_seconds = processor_seconds
        self._wall_seconds = wall_seconds
        self._options = options
        self._describe = describe
        # Reasons for files of many shapes that ended a child, so that their other shapes do not end it again.
        self._ended_by: dict[pathlib.Path, str] = {}
        # A killed child cannot remove its own temporary files.
        self._scratch = tempfile.TemporaryDirectory(prefix="vae_gan3d-")
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._deadline = float("inf")
        self._timed_out = False
        self._closed = threading.Event()
        self._watchdog = threading.Thread(target=self._watch, name="reader-watchdog", daemon=True)
        self._watchdog.start()

    def read(self, paths: Sequence[pathlib.Path]) -> list[Answer]:
        """Reads files one after the other. A file that ends the child gets an error, and the next files are read."""
        answers: list[Answer] = []
        while len(answers) < len(paths) and not self._closed.is_set():
            rest = list(itertools.takewhile(lambda path: not self._known_reason(path), paths[len(answers) :]))
            if not rest:
                answers.append(Answer(reason=self._known_reason(paths[len(answers)])))
                continue
            child = self._child or self._start()
            try:
                self._ask(child, rest)
                for _ in rest:
                    self._deadline = time.monotonic() + self._wall_seconds
                    answers.append(receive_answer(_output(child)))
            except (ChildEndedError, OSError):
                path = paths[len(answers)]
                reason = self._blame(child, path)
                answers.append(Answer(reason=reason))
                if (name := split_name(path)).number is not None:
                    self._ended_by[name.file] = reason
            finally:
                self._deadline = float("inf")
        return answers

    def close(self) -> None:
        """Ends the child and the watchdog. A call of `read` in another thread returns early."""
        with self._lock:
            self._closed.set()
            child = self._child
        if child is not None:
            _end(child)
        self._watchdog.join()
        self._scratch.cleanup()

    def _start(self) -> subprocess.Popen[bytes]:
        """Starts a child and waits until it is ready."""
        with self._lock:
            if self._closed.is_set():
                raise RuntimeError("the reader is closed; start another")
            self._child = child = start_child(self._scratch.name)
        self._timed_out = False
        self._deadline = time.monotonic() + _START_SECONDS
        if not is_ready(_output(child)):
            self._blame(child)
            raise RuntimeError(
                f"the process that reads shape files does not start: {sys.executable} -m {WORKER_MODULE} shows why"
            )
        return child

    def _ask(self, child: subprocess.Popen[bytes], paths: Sequence[pathlib.Path]) -> None:
        """Sends all paths as one line. The child reads it whole before it answers, so that neither waits forever."""
        assert child.stdin is not None
        self._deadline = time.monotonic() + self._wall_seconds
        request = {
            "paths": [str(path) for path in paths],
            "options": dataclasses.asdict(self._options),
            "seconds": max(map(self._seconds, paths)),
            **({"describe": True} if self._describe else {}),
        }
        child.stdin.write(json.dumps(request).encode("ascii") + b"\n")
        child.stdin.flush()

    def _seconds(self, path: pathlib.Path) -> float:
        """The processor time for a path. A file of many shapes may have to be unpacked before its first shape."""
        name = split_name(path)
        if name.number is None:
            return self._processor_seconds
        with contextlib.suppress(OSError):
            more = name.file.stat().st_size * _SECONDS_PER_BYTE_OF_SETS
            return self._processor_seconds + min(more, _MOST_SECONDS_OF_SETS)
        return self._processor_seconds

    def _known_reason(self, path: pathlib.Path) -> str | None:
        return self._ended_by.get(split_name(path).file) if self._ended_by else None

    def _blame(self, child: subprocess.Popen[bytes], path: pathlib.Path | None = None) -> str:
        """Ends a child that failed, and gives the reason."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(1.0)
        status = child.poll()
        _end(child)
        with self._lock:
            self._child = None
        if status == _OUT_OF_TIME:
            what = "the file is damaged, or a mesh is too large: simplify it"
            seconds = self._seconds(path) if path else self._processor_seconds
            return f"reading it took more than {seconds:g} s of processor time: {what}"
        if self._timed_out:
            what = "check that the disk is connected; otherwise the file is damaged or too large"
            return f"reading it took more than {self._wall_seconds:g} s: {what}"
        return f"reading it crashed the reader ({_name_status(status)}): the file is damaged; fetch or write it again"

    def _watch(self) -> None:
        """Kills a child that passes its deadline. Nothing else frees the thread that waits for its answer."""
        period = min(0.25, self._wall_seconds / 4)
        last = time.monotonic()
        while not self._closed.wait(period):
            now = time.monotonic()
            pause, last = now - last, now
            if pause > LONGEST_PAUSE:  # this process and its child were stopped, such as by Ctrl-Z
                self._deadline += pause
            child = self._child
            if child is not None and now > self._deadline:
                self._timed_out = True
                child.kill()


def start_child(scratch: str) -> subprocess.Popen[bytes]:
    """Starts a child process.

    Args:
        scratch: the folder for its temporary files.
    """
    paths = [str(_PACKAGE_PARENT), *filter(None, [os.environ.get("PYTHONPATH")])]
    # Each thread of OpenBLAS reserves address space. With many cores they would use up the memory limit.
    single = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return subprocess.Popen(
        [sys.executable, "-m", WORKER_MODULE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={
            **os.environ,
            **single,
            **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), scratch),
            "PYTHONPATH": os.pathsep.join(paths),
        },
    )


def _output(child: subprocess.Popen[bytes]) -> BinaryIO:
    assert child.stdout is not None
    return cast(BinaryIO, child.stdout)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kills a child, if it still runs, and closes its pipes."""
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError, ValueError):
                pipe.close()


def _name_status(status: int | None) -> str:
    """The exit status in words: "signal 11 (SIGSEGV)" or "exit status 1"."""
    if status is None:
        return "no valid answer"
    if status >= 0:
        return f"exit status {status}"
    with contextlib.suppress(ValueError):
        return f"signal {-status}, {signal.Signals(-status).name}"
    return f"signal {-status}"
