"""Times create_tf_record.py, from command to prompt, on generated .mat files, with 1 and 2 reading processes.

    python -m benchmarks.records
    python -m benchmarks.records --data_dir=DATA --shards=8

Passes other flags to create_tf_record.py. The runs take turns; figures are medians over the rounds. Files per second
and cores (processor time of all processes divided by wall time) exclude the start (mostly the import of TensorFlow),
which a run with a single file measures. Memory is the resident memory of the largest process.
"""

import argparse
import dataclasses
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from vae_gan3d.data.shape_folders import find_shapes
from vae_gan3d.demo_shapes import DEMO_CLASSES, write_demo_shapes

_SCRIPT = pathlib.Path(__file__).resolve().parents[1] / "create_tf_record.py"
_WORKERS = (1, 2)


@dataclasses.dataclass(frozen=True)
class Run:
    """Measurements of one run.

    Attributes:
        seconds: from command to prompt.
        processor: processor seconds of all processes.
        written: bytes of records.
        memory: bytes of the largest process.
    """

    seconds: float
    processor: float
    written: int
    memory: int


def run_once(data_dir: pathlib.Path, workers: int, words: Sequence[str]) -> Run:
    """Writes the training shapes of a folder as records, and removes the records.

    Raises:
        SystemExit: the script failed; the message is its output.
    """
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as said:
        command = [sys.executable, str(_SCRIPT), f"--data_dir={data_dir}", f"--output_dir={folder}"]
        start = time.perf_counter()
        process = subprocess.Popen([*command, f"--workers={workers}", *words], stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        if status:
            said.seek(0)
            raise SystemExit(said.read().strip())
        written = sum(path.stat().st_size for path in pathlib.Path(folder).glob("*.tfrecords"))
    # Linux counts in KiB; the largest of the process and those that it has waited for.
    return Run(seconds, usage.ru_utime + usage.ru_stime, written, usage.ru_maxrss * 1024)


def write_one(folder: pathlib.Path) -> pathlib.Path:
    """A data folder with a single shape."""
    write_demo_shapes(folder, DEMO_CLASSES[:1], 1, test_fraction=0)
    return folder / "volumetric_data"


def compare(data_dir: pathlib.Path, one: pathlib.Path, rounds: int, words: Sequence[str]) -> None:
    """Prints a table with a row for each number of reading processes."""
    files = len(find_shapes(data_dir, ("all",), "train").files)
    # A single file fills one shard alone.
    start_words = [word for word in words if not word.lstrip("-").startswith("shards")]
    starts, runs = [], {workers: [] for workers in _WORKERS}
    for _ in range(rounds):
        starts.append(run_once(one, 1, start_words))
        for workers in _WORKERS:
            runs[workers].append(run_once(data_dir, workers, words))
    start = statistics.median(run.seconds for run in starts)
    start_processor = statistics.median(run.processor for run in starts)
    start_memory = max(run.memory for run in starts) / 1e6
    print(f"{files:,} files; the start, with one file: {start:.1f} s, largest process {start_memory:,.0f} MB\n")
    print("| reading processes | files/s | seconds | cores | records, bytes | largest process, MB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for workers, measured in runs.items():
        seconds = statistics.median(run.seconds for run in measured)
        cores = statistics.median(run.processor - start_processor for run in measured) / (seconds - start)
        memory = max(run.memory for run in measured) / 1e6
        rate = files / (seconds - start)
        print(f"| {workers} | {rate:,.0f} | {seconds:.1f} | {cores:.2f} | {measured[0].written:,} | {memory:,.0f} |")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument(
        "--data_dir", type=pathlib.Path, help="shapes of your own; by default demo shapes are generated"
    )
    parser.add_argument("--count", type=int, default=10_000, help="demo shapes")
    parser.add_argument("--rounds", type=int, default=3)
    flags, words = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        data_dir = flags.data_dir
        if data_dir is None:
            made = pathlib.Path(folder, "shapes")
            write_demo_shapes(made, DEMO_CLASSES, max(1, flags.count // len(DEMO_CLASSES)), test_fraction=0)
            data_dir = made / "volumetric_data"
        compare(data_dir, write_one(pathlib.Path(folder, "one")), flags.rounds, words)


if __name__ == "__main__":
    main()
