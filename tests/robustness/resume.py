"""Kills training at random moments, resumes it, and compares the results bit for bit.

    python -m tests.robustness.resume --kills=20 --seed=0

Trains a tiny model of each kind with `train.py --deterministic`. Then runs the same command in another folder, kills it
by SIGKILL and starts it again, and finally lets it finish. Kills are drawn uniformly from the processor time of the
first run (so that a busy machine does not matter). Weights, averaged weights, optimizer state and step of every
checkpoint, the prior, the weight files and `metrics.csv` must be equal, in each stage of progressive growing.
"""

import argparse
import pathlib
import random
import sys
import tempfile
import time

from tests.robustness.training_process import (
    KINDS,
    TrainingCommand,
    kill_after,
    processor_clock,
    rows_written,
    stages_of,
    tiny_command,
    train_to_the_end,
    write_records,
)
from vae_gan3d.command_line import OneLineParser
from vae_gan3d.errors import UserError


def try_kills(
    command: TrainingCommand, folder: pathlib.Path, *, kills: int, kills_a_run: int, chance: random.Random, kind: str
) -> tuple[int, int]:
    """Tries some kills of one command, and prints a line for each and for each run.

    Args:
        command: what is trained.
        folder: where the run folders go.
        kills: how many.
        kills_a_run: after so many a run is let go to its end.
        chance: draws the moments.
        kind: what the lines begin with.

    Returns:
        How many runs were killed on the way, and how many kills lie in runs that did not end equal.
    """
    whole = folder / f"{kind}-whole"
    start, seconds = train_to_the_end(command, whole, processor_clock)
    print(f"{kind}: undisturbed {seconds:.1f} s of processor time, the first row after {start:.1f} s", flush=True)
    done = failures = runs = 0
    while done < kills:
        run = folder / f"{kind}-{runs}"
        killed = _killed_run(
            command,
            run,
            most=min(kills_a_run, kills - done),
            seconds=seconds,
            share_of_a_row=(seconds - start) / rows_written(whole),
            chance=chance,
        )
        differing = compare(whole, run)
        done, runs = done + killed, runs + 1
        failures += killed if differing else 0
        outcome = "; ".join(differing) if differing else "equal bit for bit"
        print(f"{kind}, run {runs}, {killed} kills: {outcome}", flush=True)
    return runs, failures


def _killed_run(
    command: TrainingCommand,
    run: pathlib.Path,
    *,
    most: int,
    seconds: float,
    share_of_a_row: float,
    chance: random.Random,
) -> int:
    """Trains in a new folder, with kills at points of the undisturbed run's time.

    A process that resumes need not take the steps again that lie before, so it is that much earlier at a point.

    Returns:
        How many kills came before the end.
    """
    killed = 0
    for point in sorted(chance.uniform(0, seconds) for _ in range(most)):
        moment = max(0.0, point - share_of_a_row * rows_written(run))
        progress = kill_after(command, run, moment, processor_clock)
        if progress is None:
            return killed
        killed += 1
        print(f"  {run.name}: kill {killed} at {point:.2f} s of {seconds:.1f} s, {progress}", flush=True)
    train_to_the_end(command, run)
    return killed


def compare(expected: pathlib.Path, found: pathlib.Path) -> list[str]:
    """What differs between two run folders, see `equal_runs.differences`, in the stages of each."""
    from tests.robustness.equal_runs import differences  # which starts TensorFlow, needed only now

    theirs, ours = stages_of(expected), stages_of(found)
    if len(theirs) != len(ours):
        return [f"stages {[stage.name for stage in ours]}, not {[stage.name for stage in theirs]}"]
    if theirs == [expected]:
        return differences(expected, found)
    pairs = zip(theirs, ours, strict=True)
    return [f"{stage.name}/{line}" for stage, other in pairs for line in differences(stage, other)]


def main() -> int:
    """Prints a line for each trial and a summary; returns the exit status."""
    parser = OneLineParser(
        prog="python -m tests.robustness.resume", description=__doc__.splitlines()[0], allow_abbrev=False
    )
    parser.add_argument("--kills", type=int, default=20, help="kill points of all kinds together (default 20)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default 0)")
    parser.add_argument("--kinds", default=",".join(KINDS), help=f"a comma list of {', '.join(KINDS)} (default all)")
    parser.add_argument("--epochs", type=int, default=12, help="of a run (default 12)")
    parser.add_argument("--kills_a_run", type=int, default=4, help="the most kills of one run (default 4)")
    parser.add_argument("--threads", type=int, default=2, help="of TensorFlow in train.py (default 2)")
    parser.add_argument("--folder", type=pathlib.Path, help="keeps the runs there, in a new folder")
    try:
        flags = parser.parse_args()
        return _try_all(flags)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _try_all(flags: argparse.Namespace) -> int:
    kinds = flags.kinds.split(",")
    if not set(kinds) <= set(KINDS):
        raise UserError(f"--kinds={flags.kinds}: choose from {', '.join(KINDS)}")
    begun, failures, chance = time.monotonic(), 0, random.Random(flags.seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = flags.folder or pathlib.Path(temporary)
        records = write_records(folder)
        for number, kind in enumerate(kinds):
            command = tiny_command(records, kind, epochs=flags.epochs, threads=flags.threads)
            share = flags.kills * (number + 1) // len(kinds) - flags.kills * number // len(kinds)
            failures += try_kills(
                command, folder, kills=share, kills_a_run=flags.kills_a_run, chance=chance, kind=kind
            )[1]
    print(f"trials {flags.kills}, failures {failures}, {time.monotonic() - begun:.0f} s", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
