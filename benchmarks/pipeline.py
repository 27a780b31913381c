"""Compares the speed of the input pipeline with the speed of training steps.

    python -m benchmarks.pipeline --records=RECORDS

They take turns in one process, so that the ratio is right even if the machine's speed drifts. Figures are medians over
the rounds.
"""

import argparse
import statistics
import time

from vae_gan3d.tensorflow_start import start_tensorflow

start_tensorflow(verbose=False)

import tensorflow as tf  # noqa: E402 (after start_tensorflow, which hides its messages)

from vae_gan3d.config import ARCHITECTURE_DEFAULTS, LossConfig  # noqa: E402
from vae_gan3d.data.pipeline import training_batches  # noqa: E402
from vae_gan3d.data.record_set import RecordSet, find_records  # noqa: E402
from vae_gan3d.training.state import Hyperparameters, TrainingState  # noqa: E402
from vae_gan3d.training.vae_gan_step import vae_gan_step  # noqa: E402

_ROUNDS = 5
_SECONDS_A_ROUND = 2.0


def seconds_per_call(call, least_calls: int = 2) -> float:  # noqa: ANN001 (any callable)
    """Mean seconds of one call over about two seconds of calls."""
    start, calls = time.perf_counter(), 0
    while calls < least_calls or time.perf_counter() - start < _SECONDS_A_ROUND:
        call()
        calls += 1
    return (time.perf_counter() - start) / calls


def compare(records: RecordSet, resolution: int, batch_size: int) -> tuple[float, float]:
    """Times batches of the pipeline and adversarial steps of the default network in turn.

    Returns:
        Median grids per second of the pipeline, and of the step.
    """
    batches = iter(training_batches(records, resolution=resolution, batch_size=batch_size, seed=0, stop_step=10**9))
    arguments = {"resolution": resolution, "architecture": "default", **ARCHITECTURE_DEFAULTS["default"]}
    state = TrainingState(arguments, learning_rate=1e-3, d_learning_rate=1e-3, beta1=0.5, seed=0)
    loss = LossConfig(1.0, "bce", 0.3, 0, 0.0, 1.0, adversarial_latents="prior")
    hp = Hyperparameters(**vars(loss), seed=0, global_batch=batch_size, ema_decay=0.999)
    step = tf.function(lambda voxels: vae_gan_step(state, hp, voxels, adversarial=True), autograph=False)
    voxels, _ = next(batches)
    step(voxels)
    batch_seconds, step_seconds = [], []
    for _ in range(_ROUNDS):
        batch_seconds.append(seconds_per_call(lambda: next(batches)))
        step_seconds.append(seconds_per_call(lambda: step(voxels).numpy()))
    return batch_size / statistics.median(batch_seconds), batch_size / statistics.median(step_seconds)


def main() -> None:
    """Prints a table for 16, 32 and 64 voxels a side."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", required=True)
    parser.add_argument("--batch_size", type=int, default=32)
    flags = parser.parse_args()
    records = find_records(flags.records)
    print("| resolution | pipeline, grids/s | training step, grids/s | ratio |\n| --- | --- | --- | --- |")
    for resolution in (16, 32, 64):
        pipeline, step = compare(records, resolution, flags.batch_size)
        print(f"| {resolution}³ | {pipeline:,.0f} | {step:,.0f} | {pipeline / step:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
