"""Times one training step of a VAE-GAN against the same networks, losses and batch in PyTorch.

    pip install -e ".[benchmarks]"
    python -m benchmarks.step

Each engine is a process of its own, so that their thread pools do not meet; they take turns, one working while the
others wait, so that the ratios hold where the machine's speed drifts. Figures are medians over the rounds, each the
mean of eight steps, of which one carries the R1 penalty. PyTorch counts by the better of its two layouts, and its own
formulas say how many floating-point operations the step has. The peak is the better one of the two engines' products of
matrices of 2048 x 2048, in the same precision.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

from benchmarks.step_worker import LATENT_SIZE

_ENGINES = ["tensorflow", "torch", "torch_channels_last"]
_STEPS_A_ROUND = 8
_BATCH_SIZES = {16: 64, 32: 16, 64: 4}
_PAUSE_SECONDS = 0.5  # in which the threads of the engine before stop spinning


class Engine:
    """A worker process."""

    def __init__(self, name: str, resolution: int, base_width: int, batch_size: int, precision: str) -> None:
        """Starts it; it is ready when it answers."""
        words = [sys.executable, "-m", "benchmarks.step_worker", f"--engine={name}", f"--resolution={resolution}"]
        words += [f"--base_width={base_width}", f"--batch_size={batch_size}", f"--precision={precision}"]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def ask(self, order: str, number: int = 1) -> float:
        """Gives an order, and waits for the answer.

        Raises:
            SystemExit: the worker ended, as it does without PyTorch.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(f"{order} {number}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(
                'error: an engine ended; PyTorch is the extra "benchmarks": pip install -e ".[benchmarks]"'
            )
        return json.loads(answer)

    def end(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def floating_point_operations(resolution: int, base_width: int, batch_size: int) -> float:
    """Of a mean step, in GFLOP: an eighth of them with R1. Elementwise work is not in it."""
    import torch

    from benchmarks.torch_step import OperationCounter, TorchState, draw_noise, torch_step

    state = TorchState(resolution, base_width, LATENT_SIZE, torch.contiguous_format)
    voxels = (torch.rand(batch_size, 1, *(resolution,) * 3) < 0.1).float()
    counted = []
    for _ in range(2):  # the first carries R1
        with OperationCounter() as counter:
            torch_step(state, voxels, draw_noise(batch_size, LATENT_SIZE), bfloat16=False)
        counted.append(counter.total)
    return (counted[0] + (_STEPS_A_ROUND - 1) * counted[1]) / _STEPS_A_ROUND / 1e9


def measure(resolution: int, base_width: int, batch_size: int, precision: str, rounds: int) -> dict[str, list[float]]:
    """Seconds a step of each engine, round by round, and the peak of each under `peak`."""
    engines = {name: Engine(name, resolution, base_width, batch_size, precision) for name in _ENGINES}
    times: dict[str, list[float]] = {name: [] for name in _ENGINES}
    peaks = []
    for engine in engines.values():
        engine.ask("steps", _STEPS_A_ROUND)
    for _ in range(rounds):
        for name, engine in engines.items():
            time.sleep(_PAUSE_SECONDS)
            times[name].append(engine.ask("steps", _STEPS_A_ROUND))
    for engine in engines.values():
        time.sleep(_PAUSE_SECONDS)
        peaks.append(engine.ask("peak"))
        engine.end()
    return {**times, "peak": peaks}


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resolutions", type=int, nargs="+", default=[16, 32, 64])
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--base_width", type=int, default=32)
    parser.add_argument("--batch_size", type=int, help="64, 16 and 4 at 16, 32 and 64 voxels a side, unless given")
    parser.add_argument("--rounds", type=int, default=5)
    flags = parser.parse_args()
    print(f"width {flags.base_width}, {flags.rounds} rounds of {_STEPS_A_ROUND} steps, milliseconds a step\n")
    print("| voxels, batch | precision | here | PyTorch | PyTorch, channels last | times as fast | GFLOP/s, peak |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for resolution in flags.resolutions:
        batch_size = flags.batch_size or _BATCH_SIZES.get(resolution, 1)
        work = floating_point_operations(resolution, flags.base_width, batch_size)
        for precision in flags.precisions:
            times = measure(resolution, flags.base_width, batch_size, precision, flags.rounds)
            ours, *theirs = (statistics.median(times[name]) for name in _ENGINES)
            cells = [
                f"{resolution}³, {batch_size}",
                precision,
                *(f"{1e3 * seconds:.0f}" for seconds in (ours, *theirs)),
            ]
            cells += [f"{min(theirs) / ours:.2f}", f"{work / ours:.0f}, {max(times['peak']):.0f}"]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
