"""The child process of `sandbox`: parses shape files with limits of memory and processor time."""

import dataclasses
import json
import os
import pathlib
import signal
import sys
from typing import BinaryIO

from vae_gan3d.config.shapes import ReadOptions
from vae_gan3d.data.grids import pack_grid
from vae_gan3d.data.shape_files import GridError, describe_file, read_grid

try:
    import resource
except ImportError:  # Windows has no such limits; the time limit of the parent remains
    resource = None  # type: ignore[assignment]

MEMORY_BYTES = 2 << 30
# An error may quote names of any length from a damaged file.
_ERROR_CHARACTERS = 2000


def main() -> None:
    """Answers paths until the input ends."""
    # Only answers go to the real standard output: a library that prints would break the protocol.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # Ctrl-C reaches all processes of the terminal. The parent decides and then closes the input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit_resources()
    _send(answers, {"ready": True})
    for line in sys.stdin.buffer:
        request = json.loads(line)
        options = ReadOptions(**request["options"])
        for path in request["paths"]:
            limit_time(request["seconds"])
            if request.get("describe"):
                _describe(answers, pathlib.Path(path))
            else:
                _answer(answers, pathlib.Path(path), options)
        limit_time(0)


def limit_resources() -> None:
    """Limits the memory and forbids core dumps, if the platform can."""
    if resource is None:
        return
    for kind, wanted in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(kind)
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        # macOS refuses some address-space limits.
        try:
            resource.setrlimit(kind, (limit, hard))
        except (ValueError, OSError) as error:
            print(f"no limit set: {error}", file=sys.stderr)


def limit_time(seconds: float) -> None:
    """Lets the system end this process after so much processor time, even inside a parser; 0 for no limit."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _answer(answers: BinaryIO, path: pathlib.Path, options: ReadOptions) -> None:
    """Reads one file and sends its grid, or the error."""
    try:
        grid = read_grid(path, options=options)
    except GridError as error:
        _send(answers, {"error": error.reason[:_ERROR_CHARACTERS]})
        return
    packed = pack_grid(grid)
    _send(answers, {"resolution": grid.shape[0], "bytes": len(packed)}, packed)


def _describe(answers: BinaryIO, path: pathlib.Path) -> None:
    """Looks for sets of shapes in one file and sends them, or the error."""
    try:
        sets = describe_file(path)
    except GridError as error:
        _send(answers, {"error": error.reason[:_ERROR_CHARACTERS]})
        return
    data = json.dumps([dataclasses.asdict(found) for found in sets]).encode("ascii")
    _send(answers, {"sets": len(data)}, data)


def _send(answers: BinaryIO, header: dict[str, object], data: bytes = b"") -> None:
    """Sends one answer at once: after a crash the parent blames the first file without an answer."""
    answers.write(json.dumps(header).encode("ascii") + b"\n" + data)
    answers.flush()


if __name__ == "__main__":
    main()
