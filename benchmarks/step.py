"""Times one training step of a VAE-GAN against the same networks, losses and batch in PyTorch.

    pip install -e ".[benchmarks]"
    python -m benchmarks.step

Each engine runs in its own process, so that their thread pools do not compete. They take turns while the others wait,
so that ratios are right even if the machine's speed drifts. Figures are medians over the rounds; a round is the mean of
eight steps, one of them with the R1 penalty. "times as fast" compares with the faster layout of PyTorch. GFLOP/s uses
PyTorch's formulas for the number of floating-point operations. The peak is the faster engine's product of 2048 x 2048
matrices in the same precision.
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
_PAUSE_SECONDS = 0.5  # until the threads of the previous engine stop spinning


class Engine:
    """A worker process."""

    def __init__(self, name: str, resolution: int, base_width: int, batch_size: int, precision: str) -> None:
        """Starts the process; it is ready when it answers."""
        words = [sys.executable, "-m", "benchmarks.step_worker", f"--engine={name}", f"--resolution={resolution}"]
        words += [f"--base_width={base_width}", f"--batch_size={batch_size}", f"--precision={precision}"]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def ask(self, order: str, number: int = 1) -> float:
        """Sends a command and waits for the answer.

        Raises:
            SystemExit: the worker ended, for example because PyTorch is missing.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(f"{order} {number}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit('error: an engine ended; is PyTorch installed? pip install -e ".[benchmarks]"')
        return json.loads(answer)

    def end(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def floating_point_operations(resolution: int, base_width: int, batch_size: int) -> float:
    """Mean GFLOP of a step; one of eight has R1. Without elementwise operations."""
    import torch

    from benchmarks.torch_step import OperationCounter, TorchState, draw_noise, torch_step

    state = TorchState(resolution, base_width, LATENT_SIZE, torch.contiguous_format)
    voxels = (torch.rand(batch_size, 1, *(resolution,) * 3) < 0.1).float()
    counted = []
    for _ in range(2):  # the first one has R1
        with OperationCounter() as counter:
            torch_step(state, voxels, draw_noise(batch_size, LATENT_SIZE), bfloat16=False)
        counted.append(counter.total)
    return (counted[0] + (_STEPS_A_ROUND - 1) * counted[1]) / _STEPS_A_ROUND / 1e9


def measure(resolution: int, base_width: int, batch_size: int, precision: str, rounds: int) -> dict[str, list[float]]:
    """Seconds for a step of each engine in each round; and `peak`, the peak of each engine."""
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
    parser.add_argument("--batch_size", type=int, help="default: 64, 16 and 4 at 16, 32 and 64 voxels a side")
    parser.add_argument("--rounds", type=int, default=5)
    flags = parser.parse_args()
    print(f"width {flags.base_width}, {flags.rounds} rounds of {_STEPS_A_ROUND} steps, milliseconds a step\n")
    print(
        "| voxels, batch | precision | vae_gan3d | PyTorch | PyTorch, channels last | times as fast | GFLOP/s, peak |"
    )
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
