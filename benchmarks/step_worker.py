"""One engine of `benchmarks.step`: a process that takes training steps on command.

It reads commands from stdin and answers each with a line of JSON. `steps N` takes N steps and returns the seconds for
one. `peak N` multiplies matrices for about a second and returns GFLOP/s.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable

LATENT_SIZE = 256
_PEAK_SIDE = 2048
_PEAK_SECONDS = 1.0


def tensorflow_engine(flags: argparse.Namespace) -> tuple[Callable[[], None], Callable[[], None]]:
    """A training step in TensorFlow, and a matrix product."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from vae_gan3d.tensorflow_start import start_tensorflow

    start_tensorflow(verbose=False)
    import tensorflow as tf

    from benchmarks.models import compiled_step
    from vae_gan3d.training.hardware import set_precision

    set_precision(flags.precision)
    step = compiled_step("vae_gan", flags.resolution, flags.batch_size, base_width=flags.base_width)
    kind = tf.bfloat16 if flags.precision == "bfloat16" else tf.float32
    matrix = tf.cast(tf.random.normal((_PEAK_SIDE, _PEAK_SIDE)), kind)
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(matrix, matrix)))
    return lambda: step().numpy(), lambda: product().numpy()


def torch_engine(flags: argparse.Namespace) -> tuple[Callable[[], None], Callable[[], None]]:
    """A training step in PyTorch, and a matrix product."""
    import torch

    from benchmarks.torch_step import TorchState, draw_noise, torch_step

    layout = torch.channels_last_3d if flags.engine == "torch_channels_last" else torch.contiguous_format
    state = TorchState(flags.resolution, flags.base_width, LATENT_SIZE, layout)
    voxels = (torch.rand(flags.batch_size, 1, *(flags.resolution,) * 3) < 0.1).float().contiguous(memory_format=layout)
    bfloat16 = flags.precision == "bfloat16"
    matrix = torch.randn(_PEAK_SIDE, _PEAK_SIDE, dtype=torch.bfloat16 if bfloat16 else torch.float32)

    def step() -> None:
        torch_step(state, voxels, draw_noise(flags.batch_size, LATENT_SIZE), bfloat16=bfloat16)

    return step, lambda: torch.mm(matrix, matrix).sum().item()


def seconds_of(work: Callable[[], None], times: int) -> float:
    """Mean seconds of one call over several."""
    start = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - start) / times


def main() -> None:
    """Answers until its input ends."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", choices=["tensorflow", "torch", "torch_channels_last"], required=True)
    parser.add_argument("--resolution", type=int, required=True)
    parser.add_argument("--base_width", type=int, required=True)
    parser.add_argument("--batch_size", type=int, required=True)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], required=True)
    flags = parser.parse_args()
    step, product = (tensorflow_engine if flags.engine == "tensorflow" else torch_engine)(flags)
    step()
    for line in sys.stdin:
        order, number = line.split()
        if order == "steps":
            answer = seconds_of(step, int(number))
        else:
            product()
            once = seconds_of(product, 1)
            answer = 2e-9 * _PEAK_SIDE**3 / seconds_of(product, max(1, round(_PEAK_SECONDS / once)))
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
