"""Times training steps of a VAE, a VAE-GAN and a plain GAN at 16, 32 and 64 voxels a side on the CPU.

    python -m benchmarks.models --batch_size=64

The models take turns in one process, so that ratios are right even if the machine's speed drifts. Figures are medians
over the rounds.
"""

import argparse
import dataclasses
import functools
import statistics
import time
from collections.abc import Callable

from vae_gan3d.tensorflow_start import start_tensorflow

start_tensorflow(verbose=False)

import tensorflow as tf  # noqa: E402 (after start_tensorflow, which hides its messages)

from vae_gan3d.config import ARCHITECTURE_DEFAULTS, LossConfig  # noqa: E402
from vae_gan3d.training.gan_step import gan_step  # noqa: E402
from vae_gan3d.training.hardware import set_precision  # noqa: E402
from vae_gan3d.training.state import Hyperparameters, TrainingState  # noqa: E402
from vae_gan3d.training.vae_gan_step import vae_gan_step  # noqa: E402

_ADVERSARIAL_WEIGHTS = {"vae": 0.0, "vae_gan": 0.3, "gan": 0.3}
LOSS = LossConfig(1.0, "bce", 0.3, 0, 0.0, 1.0, adversarial_latents="interpolation")


def compiled_step(
    model: str, resolution: int, batch_size: int, *, base_width: int | None = None
) -> Callable[[], tf.Tensor]:
    """One training step of the default networks on random shapes, traced and run once."""
    arguments = {"resolution": resolution, "architecture": "default", **ARCHITECTURE_DEFAULTS["default"]}
    if base_width is not None:
        arguments["base_width"] = base_width
    if model == "gan":
        arguments["with_encoder"] = False
    state = TrainingState(arguments, learning_rate=1e-3, d_learning_rate=1e-3, beta1=0.5, seed=0)
    loss = dataclasses.replace(LOSS, adversarial_weight=_ADVERSARIAL_WEIGHTS[model])
    hp = Hyperparameters(**vars(loss), seed=0, global_batch=batch_size, ema_decay=0.999)
    take_step = gan_step if model == "gan" else functools.partial(vae_gan_step, adversarial=model == "vae_gan")
    step = tf.function(lambda voxels: take_step(state, hp, voxels), autograph=False)
    noise = tf.random.stateless_uniform((batch_size, resolution, resolution, resolution, 1), (0, 0))
    voxels = tf.cast(noise < 0.1, tf.float32)
    step(voxels)
    return lambda: step(voxels)


def seconds_of(step: Callable[[], tf.Tensor], steps: int) -> float:
    """Mean seconds of one of so many steps."""
    start = time.perf_counter()
    for _ in range(steps):
        step().numpy()
    return (time.perf_counter() - start) / steps


def main() -> None:
    """Prints a table of steps a second."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8, help="in a round; every eighth has the R1 penalty")
    parser.add_argument("--precision", default="auto", help="float32, bfloat16 or auto")
    parser.add_argument("--resolutions", type=int, nargs="+", default=[16, 32, 64])
    flags = parser.parse_args()
    print(f"batch {flags.batch_size}, {set_precision(flags.precision)}, {flags.rounds} rounds of {flags.steps} steps\n")
    print("| resolution | model | seconds a step | steps a second | 200 steps take |\n| --- | --- | --- | --- | --- |")
    for resolution in flags.resolutions:
        steps = {model: compiled_step(model, resolution, flags.batch_size) for model in _ADVERSARIAL_WEIGHTS}
        times: dict[str, list[float]] = {model: [] for model in steps}
        for _ in range(flags.rounds):
            for model, step in steps.items():
                times[model].append(seconds_of(step, flags.steps))
        for model, measured in times.items():
            seconds = statistics.median(measured)
            minutes = 200 * seconds / 60
            print(
                f"| {resolution}³ | {model} | {seconds:.3f} | {1 / seconds:.2f} | {minutes:.1f} min |",
                flush=True,
            )


if __name__ == "__main__":
    main()
