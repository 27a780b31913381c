"""Kills every writer of the project at random moments, and checks the files in its folder.

    python -m tests.robustness.kills --kills=50 --seed=0

For each writer a process writes two contents alternately, again and again. It is killed by SIGKILL at a moment drawn
uniformly from the time of three writes. Then each file must be absent or have one of the two contents. The next process
starts as the program does after a kill, and writes each content once: no unfinished file may be left. Then it is killed
too.
"""

import argparse
import dataclasses
import importlib
import multiprocessing
import multiprocessing.connection
import os
import pathlib
import random
import sys
import tempfile
import time
from typing import Any

from tests.robustness.writers import Found, Writer, leftovers
from vae_gan3d.command_line import OneLineParser
from vae_gan3d.errors import UserError

# Only the second imports TensorFlow.
_MODULES = ("tests.robustness.file_writers", "tests.robustness.run_writers", "tests.robustness.beam_writers")
_START_SECONDS = 1800.0
_WRITES_WATCHED = 3.0


@dataclasses.dataclass
class Tally:
    """Results for one writer.

    Attributes:
        kills: number of kills.
        inside: kills during a write.
        unfinished: kills that left an unfinished file.
        absent: files that were absent after a kill.
        halves: files that were neither absent nor one of the two contents; `first_half` describes the first one.
        left: unfinished files that were still there after the next writes.
        seconds: time of a write.
    """

    kills: int = 0
    inside: int = 0
    unfinished: int = 0
    absent: int = 0
    halves: int = 0
    first_half: str = ""
    left: int = 0
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether a promise was broken."""
        return bool(self.halves or self.left)


def try_writer(writer: Writer, folder: pathlib.Path, *, kills: int, chance: random.Random) -> Tally:
    """Kills one writer.

    Args:
        writer: the writer.
        folder: an empty folder for its files.
        kills: number of kills.
        chance: draws the moments.

    Raises:
        UserError: the writer's process fails before it can be killed.
    """
    inputs, target = folder / "inputs", folder / "target"
    for path in (inputs, target):
        path.mkdir()
    contents = _in_child(_write_references, writer, folder / "references", inputs)
    tally = Tally(kills=kills)
    for kill in range(kills + 1):
        context = multiprocessing.get_context("fork")
        busy = context.RawValue("b", 0)
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_write_for_ever, args=(writer, target, inputs, theirs, busy), daemon=True)
        process.start()
        theirs.close()
        found, left, tally.seconds = _receive(writer, ours)
        if kill:
            _count_found(tally, found, contents)
            tally.left += left
        if kill < kills:
            time.sleep(chance.uniform(0, _WRITES_WATCHED * tally.seconds))
        process.kill()
        process.join()
        if kill < kills:
            tally.inside += busy.value
            tally.unfinished += bool(leftovers(target))
    return tally


def _count_found(tally: Tally, found: Found, contents: tuple[Found, Found]) -> None:
    """Compares the files after a kill with the two contents."""
    names = {*contents[0], *contents[1]}
    tally.absent += len(names.difference(found))
    for name, content in found.items():
        if content not in (contents[0].get(name), contents[1].get(name)):
            tally.halves += 1
            tally.first_half = tally.first_half or f"{name}: {content}"


def _write_references(writer: Writer, folder: pathlib.Path, inputs: pathlib.Path) -> tuple[Found, Found]:
    """Makes the inputs, and writes each content once without a kill."""
    if writer.prepare:
        writer.prepare(inputs)
    found = []
    for turn in (0, 1):
        place = folder / str(turn)
        place.mkdir(parents=True)
        writer.start(place)
        writer.write(place, inputs, turn)
        found.append(writer.read(place))
    return found[0], found[1]


def _write_for_ever(
    writer: Writer,
    folder: pathlib.Path,
    inputs: pathlib.Path,
    connection: multiprocessing.connection.Connection,
    busy: Any,
) -> None:
    """The process that is killed: what lies there, a start as after a kill, and then one write after the other."""
    try:
        found = writer.read(folder)
        writer.start(folder)
        for turn in (0, 1):
            begun = time.monotonic()
            writer.write(folder, inputs, turn)
            seconds = time.monotonic() - begun
        connection.send((found, len(leftovers(folder)), seconds))
    except Exception as error:
        connection.send(error)
        return
    turn, parent = 0, os.getppid()
    while os.getppid() == parent:  # one whose trial was killed ends too
        busy.value = 1
        writer.write(folder, inputs, turn)
        busy.value = 0
        turn = 1 - turn


def _in_child(function: Any, *arguments: Any) -> Any:
    """Calls a function in a process of its own, because one that has used TensorFlow cannot be forked."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_send_result, args=(theirs, function, arguments), daemon=True)
    process.start()
    theirs.close()
    result = _receive(arguments[0], ours)
    process.join()
    return result


def _send_result(connection: multiprocessing.connection.Connection, function: Any, arguments: Any) -> None:
    try:
        connection.send(function(*arguments))
    except Exception as error:
        connection.send(error)


def _receive(writer: Writer, connection: multiprocessing.connection.Connection) -> Any:
    """What a child sends.

    Raises:
        UserError: it failed, or sends nothing.
    """
    try:
        message = connection.recv() if connection.poll(_START_SECONDS) else TimeoutError("it takes too long")
    except EOFError as error:
        message = error
    if isinstance(message, Exception):
        raise UserError(f"the writer {writer.name} failed: {type(message).__name__}: {message}") from message
    return message


def _chosen_writers(names: list[str]) -> list[Writer]:
    """The writers of some names, or all that can run here; modules without a chosen one are not imported.

    Raises:
        UserError: there is none of a name.
    """
    found: list[Writer] = []
    for module in _MODULES:
        missing = set(names).difference(writer.name for writer in found)
        if names and not missing:
            break
        try:
            found += importlib.import_module(module).WRITERS
        except ModuleNotFoundError as error:
            print(f"note: {module.rpartition('.')[2]} are left out: {error}", file=sys.stderr)
    unknown = set(names).difference(writer.name for writer in found)
    if unknown:
        known = ", ".join(writer.name for writer in found)
        raise UserError(f"--writers={min(unknown)}: there is no such writer; choose from {known}")
    return [writer for writer in found if not names or writer.name in names]


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; 1 where a half, or something left over, was found."""
    parser = OneLineParser(prog="python -m tests.robustness.kills", description="Kills every writer at random moments.")
    parser.add_argument("--kills", type=int, default=50, help="of each writer (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: %(default)s)")
    parser.add_argument("--writers", default="", help="some of them, by their names with commas (default: all)")
    options: argparse.Namespace | None = None
    try:
        options = parser.parse_args(arguments)
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported
        writers = _chosen_writers([name for name in options.writers.split(",") if name])
        print(
            f"{'writer':<14} {'kills':>5} {'within a write':>14} {'unfinished':>10} {'absent':>6} {'halves':>6} "
            f"{'left over':>9} {'ms a write':>10}  files"
        )
        failed = [writer.name for writer in writers if _try_and_print(writer, options.kills, options.seed)]
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"failed: {', '.join(failed)}" if failed else "every file was absent or whole, and nothing was left over")
    return 1 if failed else 0


def _try_and_print(writer: Writer, kills: int, seed: int) -> bool:
    """Tries one writer, and prints its row; true where it failed."""
    with tempfile.TemporaryDirectory(prefix="kills-", ignore_cleanup_errors=True) as folder:
        chance = random.Random(f"{seed} {writer.name}")
        tally = try_writer(writer, pathlib.Path(folder), kills=kills, chance=chance)
    print(
        f"{writer.name:<14} {tally.kills:>5} {tally.inside:>14} {tally.unfinished:>10} {tally.absent:>6} "
        f"{tally.halves:>6} {tally.left:>9} {tally.seconds * 1000:>10.1f}  {writer.files}{tally.first_half and ' !! '}"
        f"{tally.first_half}",
        flush=True,
    )
    return tally.failed


if __name__ == "__main__":
    sys.exit(main())
