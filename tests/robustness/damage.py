"""Damages every file that a run reads, byte by byte, and counts the results.

    python -m tests.robustness.damage --every=16

The program writes small files to a temporary folder: records of 16^3 with their manifest, legacy records, a tiny run
with two checkpoints, a prior and weight files. Each file is then removed, replaced by another one, cut at every offset,
and changed at every byte (all eight bits, and one random bit). For files above 64 KiB that is every byte of the first
and last 4 KiB, and every `--every`-th byte between. Only every 48th trial is done where training restores everything,
and every 4th where a test phase reads the previous checkpoint.

    refused   an error line names the file
    older     the previous checkpoint is used, and a line names the file
    redone    `create_tf_record.py` writes the file again
    harmless  the result is the same, bit for bit
    missed    anything else
    died      the interpreter crashed
"""

import argparse
import pathlib
import sys
import tempfile
import time

from tests.robustness.damage_process import Tally, try_all
from tests.robustness.damages import VERDICTS
from vae_gan3d.command_line import OneLineParser
from vae_gan3d.errors import UserError
from vae_gan3d.progress import progress_bar

_KINDS = ("records", "models")
_SHOWN_FAILURES = 40


def try_damage(kinds: list[str], *, every: int = 1, seed: int = 0, share: int = 1) -> list[Tally]:
    """Tries all damages.

    Args:
        kinds: `records`, `models` or both.
        every: see `damages.all_damages`.
        seed: see `damages.all_damages`.
        share: see `damages.all_damages`.

    Returns:
        A tally for each file.
    """
    tallies: dict[str, Tally] = {}
    with tempfile.TemporaryDirectory() as temporary, progress_bar(unit="trial") as bar:
        for kind in kinds:
            folder = pathlib.Path(temporary, kind)
            folder.mkdir()
            for tally in try_all(folder, kind, every=every, seed=seed, share=share):
                tallies[f"{kind} {tally.name}"] = tally
                bar.update(sum(sum(found.counts.values()) for found in tallies.values()) - bar.n)
    return list(tallies.values())


def table(tallies: list[Tally]) -> str:
    """A table with a row for each file and a row of totals."""
    whole = Tally("all", sum(tally.size for tally in tallies), sum(tally.seconds for tally in tallies))
    for tally in tallies:
        whole.counts.update(tally.counts)
    rows = [f"| file | bytes | trials | {' | '.join(VERDICTS)} | CPU s |", "| --- " * (len(VERDICTS) + 4) + "|"]
    for tally in (*tallies, whole):
        counts = [tally.counts[verdict] for verdict in VERDICTS]
        cells = [tally.name, *(f"{number:,}" for number in (tally.size, sum(counts), *counts)), f"{tally.seconds:.0f}"]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> int:
    """Prints the table and the failures; returns the exit status."""
    parser = OneLineParser(
        prog="python -m tests.robustness.damage", description=__doc__.splitlines()[0], allow_abbrev=False
    )
    parser.add_argument("--every", type=int, default=16, help="of large files, every how many bytes (default 16)")
    parser.add_argument("--share", type=int, default=1, help="of cuts and flips every so many (default 1, all)")
    parser.add_argument("--seed", type=int, default=0, help="of the single bits (default 0)")
    parser.add_argument("--kinds", default=",".join(_KINDS), help="records, models, or both (default)")
    try:
        return _try_all(parser.parse_args())
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _try_all(flags: argparse.Namespace) -> int:
    kinds = flags.kinds.split(",")
    if not set(kinds) <= set(_KINDS) or min(flags.every, flags.share) < 1:
        raise UserError(f"--kinds={flags.kinds} --every={flags.every} --share={flags.share}: give kinds, and 1 or more")
    begun = time.monotonic()
    tallies = try_damage(kinds, every=flags.every, seed=flags.seed, share=flags.share)
    print(table(tallies))
    failures = [line for tally in tallies for line in tally.failures]
    for line in failures[:_SHOWN_FAILURES]:
        print(line)
    trials = sum(sum(tally.counts.values()) for tally in tallies)
    print(f"trials {trials:,}, failures {len(failures):,}, {time.monotonic() - begun:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
