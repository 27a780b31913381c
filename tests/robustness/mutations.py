"""Damages files of every format at random, and reads them as `create_tf_record.py` and the phases do.

    python -m tests.robustness.mutations --files=2000 --seed=0
    python -m tests.robustness.mutations --formats=.mat,.ply --minutes=60 --keep=FOUND

Each file must give a grid (cubic, of 0 and 1, not empty) or one error line that names it, within the limits of time and
memory; records must give the rows and labels of the set, or an error. The sandbox stops a reader that hangs, crashes or
takes too much memory, but that counts as a failure here, because the parsers should refuse such files themselves. The
exit status is 1 if there is a failure. A seed always gives the same files; `--minutes` continues with the next seeds.
"""

import argparse
import collections
import dataclasses
import json
import pathlib
import random
import resource
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence

import numpy as np

from tests.robustness.seed_files import GRIDS, MESHES, damaged_file, mutate, seed_files
from vae_gan3d.command_line import OneLineParser
from vae_gan3d.config.shapes import ReadOptions
from vae_gan3d.data.grids import RESOLUTIONS, pack_grid, packed_bytes
from vae_gan3d.data.manifest import Manifest, Shard, write_manifest
from vae_gan3d.data.record_set import file_sha256
from vae_gan3d.data.sandbox import GridResult, read_grids
from vae_gan3d.data.sandbox_worker import MEMORY_BYTES
from vae_gan3d.data.tfrecords import masked_crc32c
from vae_gan3d.errors import UserError
from vae_gan3d.text import printable

FAILURES = ("hung", "crashed", "memory", "traceback", "wrong")
OUTCOMES = ("read", "refused", *FAILURES)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of one file.

    Attributes:
        name: one of `OUTCOMES`: `read` as something that can be so, `refused` in one line; ended by its limit of
            time, by a crash or by its limit of memory; an exception that is no refusal; or an answer that is wrong.
        reason: what was said.
    """

    name: str
    reason: str


RECORDS = ".tfrecord"
SIDE = 16
CLASSES = ("chair", "table")
_RECORDS_A_SET = 3
_TIMEOUT_SECONDS = 60.0


def read_damaged_records(
    extension: str, sets: int, seed: int, folder: pathlib.Path
) -> Iterator[tuple[pathlib.Path, Outcome]]:
    """Reads damaged sets of records in a process of their own, which is started again where one ends it.

    Args:
        extension: `RECORDS`.
        sets: how many.
        seed: of the damage.
        folder: where they are written, each in a folder; they stay.

    Yields:
        Each set's folder, and what became of it.
    """
    good, legacy = _good_payloads()
    chance = random.Random(f"{extension} {seed}")
    folders = []
    for number in range(sets):
        folders.append(folder / f"{seed}-{number}")
        of_legacy = number % 4 == 0
        payloads = list(legacy if of_legacy else good)
        place = chance.randrange(_RECORDS_A_SET)
        payloads[place] = mutate(payloads[place], [*good, *legacy], chance)
        write_payloads(folders[-1], payloads, legacy=of_legacy)
    yield from read_folders(folders)


def write_payloads(folder: pathlib.Path, payloads: list[bytes], *, legacy: bool = False) -> None:
    """Writes records of any contents as a set whose checksums, sizes and digests are right.

    Args:
        folder: is made.
        payloads: the data of each record.
        legacy: without a manifest.
    """
    folder.mkdir(parents=True)
    shard = folder / "train.tfrecords"
    lengths = [struct.pack("<Q", len(payload)) for payload in payloads]
    parts = zip(lengths, masked_crc32c(lengths), payloads, masked_crc32c(payloads), strict=True)
    shard.write_bytes(
        b"".join(
            length + of_length.astype("<u4").tobytes() + payload + of_data.astype("<u4").tobytes()
            for length, of_length, payload, of_data in parts
        )
    )
    if not legacy:
        entry = Shard(shard.name, len(payloads), shard.stat().st_size, file_sha256(shard))
        write_manifest(folder / "train.json", Manifest("train", SIDE, CLASSES, (entry,), (), "0"))


def read_folders(folders: list[pathlib.Path]) -> Iterator[tuple[pathlib.Path, Outcome]]:
    """Reads sets of records one after the other.

    Args:
        folders: of the sets.

    Yields:
        Each, and what became of it.
    """
    done = 0
    while done < len(folders):
        command = [sys.executable, "-m", "tests.robustness.read_records"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as child:
            assert child.stdin is not None and child.stdout is not None
            child.stdout.readline()
            for path in folders[done:]:
                done += 1
                timer = threading.Timer(_TIMEOUT_SECONDS, child.kill)
                timer.start()
                try:
                    child.stdin.write(f"{path}\n".encode())
                    child.stdin.flush()
                    answer = json.loads(child.stdout.readline())
                    yield path, Outcome(answer["outcome"], answer["reason"])
                except (OSError, ValueError):
                    hung = timer.finished.is_set()
                    yield path, Outcome("hung" if hung else "crashed", f"the process ended with {child.wait()}")
                    break
                finally:
                    timer.cancel()
            child.stdin.close()


def good_grids() -> np.ndarray:
    """`[3, 16, 16, 16]` uint8 in {0, 1}, random and not empty."""
    return (np.random.default_rng(0).random((_RECORDS_A_SET, SIDE, SIDE, SIDE)) < 0.2).astype(np.uint8)


def _good_payloads() -> tuple[list[bytes], list[bytes]]:
    """The records of a set, and legacy ones."""
    import tensorflow as tf

    from vae_gan3d.data.record_reader import encode_example

    good = [
        encode_example(pack_grid(grid), resolution=SIDE, label=place % 2, class_name="chair", source=f"{place}.mat")
        for place, grid in enumerate(good_grids())
    ]
    assert len(pack_grid(good_grids()[0])) == packed_bytes(SIDE)
    features = [tf.train.Feature(bytes_list=tf.train.BytesList(value=[grid.tobytes()])) for grid in good_grids()]
    legacy = [
        tf.train.Example(features=tf.train.Features(feature={"image": feature})).SerializeToString()
        for feature in features
    ]
    return good, legacy


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
    parser = OneLineParser(prog="python -m tests.robustness.mutations", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--files", type=int, default=2000, help="of each format and seed (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the damage (default: %(default)s)")
    parser.add_argument("--formats", default=",".join(FORMATS), help="default: %(default)s")
    parser.add_argument("--minutes", type=float, default=0, help="go on with further seeds for so long (default: one)")
    parser.add_argument("--keep", type=pathlib.Path, metavar="FOLDER", help="where files that fail are copied to")
    return parser


if __name__ == "__main__":
    sys.exit(main())
