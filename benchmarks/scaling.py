"""How the cost of training grows with resolution, batch, width and the number of shapes.

    python -m benchmarks.scaling

Starts from the default VAE-GAN (32 voxels a side, batches of 32, width 16) and changes one size at a time. Figures are
medians over rounds in which all sizes take turns. The slope is that of a straight line through the logarithms of size
and seconds: 1 if twice the size takes twice the time. The number of shapes affects only the reading of the records at
the start and the batches of the input pipeline.
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping

import numpy as np

from vae_gan3d.tensorflow_start import start_tensorflow

start_tensorflow(verbose=False)

from benchmarks.models import compiled_step, seconds_of  # noqa: E402 (TensorFlow's messages are kept aside first)
from vae_gan3d.data.pipeline import training_batches  # noqa: E402
from vae_gan3d.data.record_reader import load_packed  # noqa: E402
from vae_gan3d.data.record_set import find_records  # noqa: E402
from vae_gan3d.training.hardware import set_precision  # noqa: E402

_STEPS_A_ROUND = 8  # one of them with the R1 penalty
_BATCHES_A_ROUND = 100
_RESOLUTION, _BATCH_SIZE, _WIDTH = 32, 32, 16
_SIZES = {"resolution": [16, 32, 64], "batch": [8, 16, 32, 64], "width": [8, 16, 32]}
_SHAPES = [500, 2000, 8000]


def training_steps(name: str) -> dict[int, Callable[[], float]]:
    """For each size, a function that takes steps and returns the seconds for one."""
    timed = {}
    for size in _SIZES[name]:
        resolution = size if name == "resolution" else _RESOLUTION
        batch_size = size if name == "batch" else _BATCH_SIZE
        step = compiled_step("vae_gan", resolution, batch_size, base_width=size if name == "width" else _WIDTH)
        timed[size] = lambda step=step: seconds_of(step, _STEPS_A_ROUND)
    return timed


def write_demo_records(folder: pathlib.Path, count: int) -> pathlib.Path:
    """Writes demo shapes as records with the commands of a user."""
    made, records = folder / f"shapes-{count}", folder / f"records-{count}"
    shapes = ["-m", "vae_gan3d.demo_shapes", f"--output_dir={made}", f"--count={count}"]
    writing = ["create_tf_record.py", f"--data_dir={made}/volumetric_data", f"--output_dir={records}", "--classes=all"]
    for words in (shapes, writing):
        subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return records


def reading(folders: Mapping[int, pathlib.Path]) -> dict[int, Callable[[], float]]:
    """For each number of shapes, a function that checks and reads the records and returns the seconds."""

    def read(folder: pathlib.Path) -> float:
        start = time.perf_counter()
        load_packed(find_records(str(folder)), _RESOLUTION)
        return time.perf_counter() - start

    return {count: lambda folder=folder: read(folder) for count, folder in folders.items()}


def batches(folders: Mapping[int, pathlib.Path]) -> dict[int, Callable[[], float]]:
    """For each number of shapes, a function that takes batches and returns the seconds for one."""

    def take(source: object) -> float:
        start = time.perf_counter()
        for _ in range(_BATCHES_A_ROUND):
            next(source)
        return (time.perf_counter() - start) / _BATCHES_A_ROUND

    options = {"resolution": _RESOLUTION, "batch_size": _BATCH_SIZE, "seed": 0, "stop_step": 10**9}
    sources = {count: iter(training_batches(find_records(str(path)), **options)) for count, path in folders.items()}
    return {count: lambda source=source: take(source) for count, source in sources.items()}


def in_turn(timed: Mapping[int, Callable[[], float]], rounds: int) -> dict[int, float]:
    """Medians over rounds in which all functions take turns, after a warm-up round."""
    found: dict[int, list[float]] = {size: [] for size in timed}
    for number in range(rounds + 1):
        for size, measure in timed.items():
            seconds = measure()
            if number:
                found[size].append(seconds)
    return {size: statistics.median(seconds) for size, seconds in found.items()}


def print_row(name: str, medians: Mapping[int, float]) -> None:
    """Prints a row of the table: milliseconds for each size, and the slope."""
    slope = np.polyfit(np.log(list(medians)), np.log(list(medians.values())), 1)[0]
    cells = ", ".join(f"{size}: {1e3 * seconds:.4g}" for size, seconds in medians.items())
    print(f"| {name} | {cells} | {slope:.2f} |", flush=True)


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    flags = parser.parse_args()
    print(f"{set_precision(flags.precision)}, {flags.rounds} rounds\n")
    print("| what grows | milliseconds at each size | slope |\n| --- | --- | --- |")
    for name in _SIZES:
        print_row(f"{name}, a step", in_turn(training_steps(name), flags.rounds))
    with tempfile.TemporaryDirectory() as folder:
        folders = {count: write_demo_records(pathlib.Path(folder), count) for count in _SHAPES}
        print_row("shapes, reading the records", in_turn(reading(folders), flags.rounds))
        print_row("shapes, a batch of the pipeline", in_turn(batches(folders), flags.rounds))


if __name__ == "__main__":
    main()
