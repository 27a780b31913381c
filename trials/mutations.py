"""Damages files of every format, and reads each as `create_tf_record.py` and the phases do.

    python -m trials.mutations --files=2000 --seed=0
    python -m trials.mutations --formats=.mat,.ply --minutes=60 --keep=FOUND

Each file has to become a grid (cubic, of 0 and 1, not empty) or one line that names it and says why, within its time
and memory; of records the rows and labels have to be those of the set. Nothing else may happen: a reading process that
hangs, crashes or takes its memory is bounded and costs one file only, and still it counts as a failure here, as the
parsers are to refuse such files themselves. The exit status is 1 where there is any. The files of a seed are the same
ones each time; `--minutes` goes on with the seeds that follow.
"""

import argparse
import collections
import pathlib
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence

import numpy as np

from trials.damaged_records import RECORDS, read_damaged_records
from trials.outcomes import FAILURES, OUTCOMES, Outcome
from trials.seed_files import GRIDS, MESHES, damaged_file, seed_files
from vae_gan3d.command_line import OneLineParser
from vae_gan3d.errors import UserError
from vae_gan3d.voxels.grids import RESOLUTIONS
from vae_gan3d.voxels.read_options import ReadOptions
from vae_gan3d.voxels.read_worker import MEMORY_BYTES
from vae_gan3d.voxels.reader_process import GridResult, read_grids
from vae_gan3d.wording import printable

FORMATS = (*GRIDS, *MESHES, RECORDS)
_READING = ReadOptions(resolution=16)
_KILOBYTES = 1 << 10 if sys.platform == "linux" else 1
_LONGEST_LINE = 4000


def outcome_of(result: GridResult) -> Outcome:
    """What became of one shape file.

    Args:
        result: of reading it.
    """
    if result.grid is not None:
        return Outcome("read", "") if _is_grid(result.grid) else Outcome("wrong", "it was read as no grid")
    line = str(result.error)
    if not line.startswith(f"{printable(result.path)}: ") or not line.isprintable() or len(line) > _LONGEST_LINE:
        return Outcome("wrong", f"no good line: {line!r}")
    for words, name in (("took more than", "hung"), ("crashed the reader", "crashed"), ("much memory", "memory")):
        if words in line:
            return Outcome(name, line)
    return Outcome("refused", line)


def try_shapes(extension: str, files: int, seed: int, folder: pathlib.Path) -> Iterator[tuple[pathlib.Path, Outcome]]:
    """Reads damaged shape files of one format.

    Args:
        extension: of the format.
        files: how many.
        seed: of the damage.
        folder: where they are written; they stay.

    Yields:
        Each file, and what became of it.
    """
    seeds, chance = seed_files(extension), random.Random(f"{extension} {seed}")
    paths = [folder / f"{seed}-{number}{extension}" for number in range(files)]
    for path in paths:
        path.write_bytes(damaged_file(seeds, chance))
    try:
        for result in read_grids(paths, workers=1, options=_READING):
            yield result.path, outcome_of(result)
    except Exception as error:
        yield folder, Outcome("traceback", repr(error))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: the words after the command; None takes those of the process.

    Returns:
        The exit status: 0 where every file was read or refused, else 1.
    """
    try:
        options = _make_parser().parse_args(arguments)
        formats = [f".{name.lstrip('.')}" for name in options.formats.split(",")]
        if unknown := set(formats) - set(FORMATS):
            raise UserError(f"{', '.join(sorted(unknown))}: give formats of {', '.join(FORMATS)}")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    start, seed, failures = time.monotonic(), options.seed, 0
    while not failures and (seed == options.seed or time.monotonic() - start < 60 * options.minutes):
        failures += sum(_try_format(extension, options.files, seed, options.keep) for extension in formats)
        seed += 1
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _KILOBYTES
    print(f"{time.monotonic() - start:.0f} s, the largest reading process took {peak / 2**20:.0f} MiB")
    return 1 if failures or peak > MEMORY_BYTES else 0


def _try_format(extension: str, files: int, seed: int, keep: pathlib.Path | None) -> int:
    """Tries one format with one seed, prints a line, and returns the number of failures."""
    start = last = time.monotonic()
    counts: collections.Counter[str] = collections.Counter()
    slowest = 0.0
    attempt = read_damaged_records if extension == RECORDS else try_shapes
    with tempfile.TemporaryDirectory(prefix="vae_gan3d-mutations-") as folder:
        for path, outcome in attempt(extension, files, seed, pathlib.Path(folder)):
            counts[outcome.name] += 1
            if sum(counts.values()) > 1:  # before the first the process starts
                slowest = max(slowest, time.monotonic() - last)
            last = time.monotonic()
            if outcome.name in FAILURES:
                print(f"  {path.name}: {outcome.name}: {outcome.reason}")
                _keep(path, keep)
    seconds = time.monotonic() - start
    found = ", ".join(f"{counts[name]} {name}" for name in OUTCOMES if counts[name])
    print(f"{extension} seed {seed}: {found}; slowest {slowest:.2f} s, all {seconds:.0f} s", flush=True)
    missing = files - sum(counts.values())
    return missing + sum(counts[name] for name in FAILURES)


def _keep(path: pathlib.Path, keep: pathlib.Path | None) -> None:
    """Copies what failed."""
    if keep is None:
        return
    for file in [path] if path.is_file() else path.iterdir():
        target = keep / (file.name if path.is_file() else f"{path.name}/{file.name}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())


def _is_grid(grid: np.ndarray) -> bool:
    sides = set(grid.shape)
    good = grid.dtype == np.uint8 and grid.ndim == 3 and len(sides) == 1 and 1 <= min(sides) <= RESOLUTIONS[-1]
    return good and bool(grid.any()) and int(grid.max()) == 1


def _make_parser() -> argparse.ArgumentParser:
    """The words of the command line."""
    parser = OneLineParser(prog="python -m trials.mutations", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--files", type=int, default=2000, help="of each format and seed (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the damage (default: %(default)s)")
    parser.add_argument("--formats", default=",".join(FORMATS), help="default: %(default)s")
    parser.add_argument("--minutes", type=float, default=0, help="go on with further seeds for so long (default: one)")
    parser.add_argument("--keep", type=pathlib.Path, metavar="FOLDER", help="where files that fail are copied to")
    return parser


if __name__ == "__main__":
    sys.exit(main())
