"""Trains for hours with a kill every few minutes, and compares the result with a run without kills.

    python -m tests.robustness.soak --minutes=120 --kill_every=180

Times the epochs between checkpoints first, and chooses the number of epochs so that the run with kills takes about
`--minutes`. Kills the process by SIGKILL after half to one and a half times `--kill_every` seconds, drawn uniformly,
and starts it again with the same command. A run without kills follows (with `--beside` it runs at the same time). Both
must be equal bit for bit, as in `tests.robustness.resume`.
"""

import argparse
import concurrent.futures
import pathlib
import random
import sys
import tempfile
import time

from tests.robustness.resume import compare
from tests.robustness.training_process import (
    KINDS,
    TrainingCommand,
    kill_after,
    tiny_command,
    train_to_the_end,
    write_records,
)
from vae_gan3d.command_line import OneLineParser
from vae_gan3d.errors import UserError

# Few pictures and pages in thousands of epochs.
_SAVED_EVERY = 20
_SPARSE = (f"--checkpoint_every={_SAVED_EVERY}", "--log_every=19", "--image_every=5000")
_TIMED_CHECKPOINTS = (1, 9)


def checkpoints_for(seconds: float, kill_every: float, start: float, between: float) -> int:
    """How many checkpoints a run reaches that is killed so often, to last about so long.

    Args:
        seconds: the wanted length.
        kill_every: from one kill to the next, on average.
        start: seconds from the start of a process to its first row.
        between: seconds from one checkpoint to the next.

    Returns:
        One or more: of each process's time, what is left after its start and after what is lost since the last
        checkpoint, on average half of what lies between two.

    Raises:
        UserError: a process would be killed before it saved anything, or the times cannot be.
    """
    if between <= 0:
        raise UserError(f"a checkpoint cannot take {between:.2f} s: other work came between, so try again")
    useful = kill_every - start - between / 2
    if useful <= between:
        needed = f"a start takes {start:.0f} s, a checkpoint {between:.1f} s"
        raise UserError(f"--kill_every={kill_every:g} is too short: {needed}")
    return max(1, round(seconds * (useful / kill_every) / between))


def main() -> int:
    """Prints a line for each kill and a summary; returns the exit status."""
    parser = OneLineParser(
        prog="python -m tests.robustness.soak", description=__doc__.splitlines()[0], allow_abbrev=False
    )
    parser.add_argument("--minutes", type=float, default=120, help="of the disturbed run (default 120)")
    parser.add_argument("--kill_every", type=float, default=180, help="seconds, on average (default 180)")
    parser.add_argument("--kind", default="vae_gan", choices=KINDS, help="what is trained (default vae_gan)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default 0)")
    parser.add_argument("--threads", type=int, default=2, help="of TensorFlow in train.py (default 2)")
    parser.add_argument("--beside", action="store_true", help="the undisturbed run at the same time")
    parser.add_argument("--folder", type=pathlib.Path, help="keeps the runs there, in a new folder")
    try:
        flags = parser.parse_args()
        with tempfile.TemporaryDirectory() as temporary:
            return _soak(flags, flags.folder or pathlib.Path(temporary))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _soak(flags: argparse.Namespace, folder: pathlib.Path) -> int:
    records = write_records(folder)

    def command_of(checkpoints: int) -> TrainingCommand:
        epochs = _SAVED_EVERY * checkpoints
        return tiny_command(records, flags.kind, epochs=epochs, threads=flags.threads, changed=_SPARSE)

    few, many = _TIMED_CHECKPOINTS
    start, end = train_to_the_end(command_of(few), folder / "timed-first")
    later_start, later_end = train_to_the_end(command_of(many), folder / "timed-more")
    between = ((later_end - later_start) - (end - start)) / (many - few)
    checkpoints = checkpoints_for(60 * flags.minutes, flags.kill_every, start, between)
    epochs = _SAVED_EVERY * checkpoints
    print(f"{flags.kind}: start {start:.1f} s, {between:.2f} s a checkpoint, so {epochs} epochs", flush=True)
    command = command_of(checkpoints)
    whole, disturbed = folder / "whole", folder / "disturbed"
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        beside = executor.submit(train_to_the_end, command, whole) if flags.beside else None
        kills, minutes = _disturbed_run(command, disturbed, flags.kill_every, random.Random(flags.seed))
        _, seconds = beside.result() if beside else train_to_the_end(command, whole)
    print(f"undisturbed {seconds / 60:.1f} min", flush=True)
    differing = compare(whole, disturbed)
    outcome = "; ".join(differing) if differing else "equal bit for bit"
    print(f"soak of {minutes:.0f} min, {kills} kills, {epochs} epochs: {outcome}")
    print(f"trials {kills}, failures {kills if differing else 0}", flush=True)
    return 1 if differing else 0


def _disturbed_run(
    command: TrainingCommand, run: pathlib.Path, kill_every: float, chance: random.Random
) -> tuple[int, float]:
    """How many kills a run took to its end, and how many minutes."""
    kills, begun = 0, time.monotonic()
    while True:
        progress = kill_after(command, run, chance.uniform(0.5 * kill_every, 1.5 * kill_every))
        minutes = (time.monotonic() - begun) / 60
        if progress is None:
            return kills, minutes
        kills += 1
        print(f"  {minutes:.1f} min: kill {kills}, {progress}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
