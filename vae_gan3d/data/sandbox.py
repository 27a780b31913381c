"""Parses shape files from outside in child processes: a parser that crashes or hangs is one error, not the end."""

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

_HEADER_BYTES = 1 << 16
_MOST_SET_BYTES = 1 << 29  # of labels and names
_READY = b'{"ready": true}\n'


@dataclasses.dataclass(frozen=True)
class Answer:
    """A child's answer to one path, the grid still packed.

    Attributes:
        resolution: the side N of the grid.
        packed: `voxels.grids.pack_grid` of it.
        reason: why there is none, one line without the file's name; None where there is one.
        sets: the sets of shapes in a file, where these were asked for.
    """

    resolution: int = 0
    packed: bytes = b""
    reason: str | None = None
    sets: tuple[ShapeSet, ...] = ()


class ChildEndedError(Exception):
    """The child ended, or sent something that is no answer, in place of answering a path."""


def is_ready(stream: BinaryIO) -> bool:
    """Whether a child has started: its first line says so."""
    return stream.readline(_HEADER_BYTES) == _READY


def receive_answer(stream: BinaryIO) -> Answer:
    """Reads one answer; damage may have taken over the child that sends it.

    Args:
        stream: what the child writes.

    Returns:
        The answer.

    Raises:
        ChildEndedError: there is none.
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


# Processor time, which does not depend on what else the machine does: the largest mesh takes a third of it.
PROCESSOR_SECONDS = 120.0
# For a child that waits and does not compute, as for a disk that is gone; and where a system has no processor clock.
WALL_SECONDS = 900.0
_LIMITS = (PROCESSOR_SECONDS, WALL_SECONDS)
_START_SECONDS = 120.0
# The watchdog looks four times a second or more; where it did not for so long, the process was stopped.
_LONGEST_LOOK = 2.0
_CHUNK_FILES = 64
# A mesh takes as long as many grids: small chunks keep every worker busy on small sets too.
_CHUNK_MESHES = 4
# A packed file can hold a thousand times its bytes, which take about 10 s for each GB.
_SECONDS_PER_BYTE_OF_SETS = 10e-6
_MOST_SECONDS_OF_SETS = 600.0
# How the system ends a process whose processor time is over.
_OUT_OF_TIME = -signal.SIGPROF if hasattr(signal, "SIGPROF") else None
_WORKER_MODULE = "vae_gan3d.data.sandbox_worker"
_PACKAGE_PARENT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True, eq=False)
class GridResult:
    """What became of one file: a grid, or an error.

    Attributes:
        path: the file.
        grid: `[N, N, N]` uint8 in {0, 1} as stored in the file, not padded; None where it could not be read.
        error: one line that names the file, the reason and the remedy; None where it was read.
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
    """Reads files in child processes, each with a memory limit where the platform has one.

    Only a few dozen files a worker are held at a time. The children end when the iterator ends, is closed or raises.

    Args:
        paths: the files.
        workers: child processes, at least 1.
        processor_seconds: the processor time that one file may take, above 0.
        wall_seconds: the time on the clock that one file may take, above 0.
        options: how shapes are read.

    Yields:
        One result for each path, in the order of the paths.

    Raises:
        ValueError: a number is out of range.
        RuntimeError: the child process does not start at all.
    """
    limits = (processor_seconds, wall_seconds)
    if workers < 1 or not all(seconds > 0 for seconds in limits):
        raise ValueError(f"workers {workers} and limits {limits} s are not possible: at least 1, and above 0")
    # One child for a set in a file: each would unpack all of it.
    only_sets = all(split_name(path).number is not None for path in paths)
    return _read_grids(paths, 1 if only_sets else workers, limits, options)


def describe_files(paths: Sequence[pathlib.Path], *, workers: int = 2) -> list[tuple[ShapeSet, ...] | GridError]:
    """Looks into files of arrays for sets of shapes, in child processes, without loading them.

    Args:
        paths: the files.
        workers: child processes, at least 1.

    Returns:
        For each file its sets, none where it holds one shape; or why that cannot be told.

    Raises:
        RuntimeError: the child process does not start at all.
    """
    answers = _read_chunks(paths, workers, _LIMITS, DEFAULT_READING, describe=True)
    return [answer.sets if answer.reason is None else GridError(path, answer.reason) for path, answer in answers]


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
        voxels: `[N, N, N]` uint8 in {0, 1}, as stored, or as the options say.

    Raises:
        UserError: the file cannot be read; the message is one line that names it.
        RuntimeError: the child process does not start at all.
    """
    with contextlib.closing(_read_grids([path], 1, _LIMITS, options)) as results:
        result = next(results)
    if result.grid is None:
        raise UserError(result.error)
    return result.grid


def _read_chunks(
    paths: Sequence[pathlib.Path],
    workers: int,
    limits: tuple[float, float],
    options: ReadOptions,
    *,
    describe: bool = False,
) -> Generator[tuple[pathlib.Path, Answer], None, None]:
    """Keeps two chunks of files a worker under way, and gives their answers in order."""
    size = _CHUNK_MESHES if any(map(is_mesh, paths)) else _CHUNK_FILES
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

    under_way: collections.deque[tuple[Sequence[pathlib.Path], concurrent.futures.Future[list[Answer]]]]
    under_way = collections.deque()
    waiting = iter(chunks)
    threads = concurrent.futures.ThreadPoolExecutor(workers, thread_name_prefix="reader")
    try:
        while True:
            while len(under_way) < 2 * workers and (chunk := next(waiting, None)) is not None:
                under_way.append((chunk, threads.submit(read, chunk)))
            if not under_way:
                return
            chunk, future = under_way.popleft()
            yield from zip(chunk, future.result(), strict=True)
    finally:
        for reader in readers:
            reader.close()
        threads.shutdown(wait=True, cancel_futures=True)


class _Reader:
    """One child process, started when it is needed and again after a file has ended it."""

    def __init__(self, processor_seconds: float, wall_seconds: float, options: ReadOptions, *, describe: bool) -> None:
        self._processor_seconds = processor_seconds
        self._wall_seconds = wall_seconds
        self._options = options
        self._describe = describe
        # Files of many shapes that ended a child: it is not ended again for each of their shapes.
        self._lost: dict[pathlib.Path, str] = {}
        # A child that is killed cannot remove its own temporary files.
        self._scratch = tempfile.TemporaryDirectory(prefix="vae_gan3d-")
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._deadline = float("inf")
        self._timed_out = False
        self._closed = threading.Event()
        self._watchdog = threading.Thread(target=self._watch, name="reader-watchdog", daemon=True)
        self._watchdog.start()

    def read(self, paths: Sequence[pathlib.Path]) -> list[Answer]:
        """Reads files one after the other; a file that ends the child gets an error, and the rest goes on."""
        answers: list[Answer] = []
        while len(answers) < len(paths) and not self._closed.is_set():
            rest = list(itertools.takewhile(lambda path: not self._lost_reason(path), paths[len(answers) :]))
            if not rest:
                answers.append(Answer(reason=self._lost_reason(paths[len(answers)])))
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
                    self._lost[name.file] = reason
            finally:
                self._deadline = float("inf")
        return answers

    def close(self) -> None:
        """Ends the child and the watchdog; a read under way returns early."""
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
            self._child = child = _spawn(self._scratch.name)
        self._timed_out = False
        self._deadline = time.monotonic() + _START_SECONDS
        if not is_ready(_output(child)):
            self._blame(child)
            raise RuntimeError(
                f"the process that reads shape files does not start: {sys.executable} -m {_WORKER_MODULE} shows why"
            )
        return child

    def _ask(self, child: subprocess.Popen[bytes], paths: Sequence[pathlib.Path]) -> None:
        """Sends all paths as one line, which the child reads whole before it answers: so neither waits forever."""
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
        """The processor time that a path may take: a file of many shapes may have to be unpacked before the first."""
        name = split_name(path)
        if name.number is None:
            return self._processor_seconds
        with contextlib.suppress(OSError):
            more = name.file.stat().st_size * _SECONDS_PER_BYTE_OF_SETS
            return self._processor_seconds + min(more, _MOST_SECONDS_OF_SETS)
        return self._processor_seconds

    def _lost_reason(self, path: pathlib.Path) -> str | None:
        return self._lost.get(split_name(path).file) if self._lost else None

    def _blame(self, child: subprocess.Popen[bytes], path: pathlib.Path | None = None) -> str:
        """Ends a child that failed, and says what the file did to it."""
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
            what = "is the disk within reach? Else the file is damaged or too large"
            return f"reading it took more than {self._wall_seconds:g} s: {what}"
        return f"reading it crashed the reader ({_name_status(status)}): the file is damaged; fetch or write it again"

    def _watch(self) -> None:
        """Kills a child that passes its deadline: that alone frees the thread that waits for its answer."""
        period = min(0.25, self._wall_seconds / 4)
        last = time.monotonic()
        while not self._closed.wait(period):
            now = time.monotonic()
            stopped, last = now - last, now
            if stopped > _LONGEST_LOOK:  # as by Ctrl-Z, and its child with it
                self._deadline += stopped
            child = self._child
            if child is not None and now > self._deadline:
                self._timed_out = True
                child.kill()


def _spawn(scratch: str) -> subprocess.Popen[bytes]:
    """Starts the child, with this package on its path, and a folder for its temporary files."""
    paths = [str(_PACKAGE_PARENT), *filter(None, [os.environ.get("PYTHONPATH")])]
    # Every thread of OpenBLAS reserves address space, which would use up the memory limit on machines of many cores.
    single = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return subprocess.Popen(
        [sys.executable, "-m", _WORKER_MODULE],
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
    """Kills a child and closes its pipes; harmless for one that has ended."""
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError, ValueError):
                pipe.close()


def _name_status(status: int | None) -> str:
    """The exit status in words: "signal 11 (SIGSEGV)" or "exit status 1"."""
    if status is None:
        return "no sensible answer"
    if status >= 0:
        return f"exit status {status}"
    with contextlib.suppress(ValueError):
        return f"signal {-status}, {signal.Signals(-status).name}"
    return f"signal {-status}"
