"""Peak memory of training against batch and resolution.

    python -m benchmarks.memory

Each figure is the peak resident memory (Linux) of a new process after three steps, the first one with the R1 penalty if
there is one; "training" is the part above the memory after the start of TensorFlow.
"""

import argparse
import json
import os
import resource
import subprocess
import sys

_STEPS = 3
_KIBIBYTES_A_MEBIBYTE = 1024
_BATCH_SIZES = {16: [16, 64, 256], 32: [8, 32, 128], 64: [2, 8, 32]}


def peak_mebibytes() -> float:
    """Peak resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIBIBYTES_A_MEBIBYTE


def measure_here(model: str, resolution: int, batch_size: int, precision: str) -> list[float]:
    """Takes steps in this process; returns the memory after the start of TensorFlow and at the end."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from vae_gan3d.tensorflow_start import start_tensorflow

    start_tensorflow(verbose=False)
    from benchmarks.models import compiled_step
    from vae_gan3d.training.hardware import set_precision

    set_precision(precision)
    before = peak_mebibytes()
    step = compiled_step(model, resolution, batch_size)
    for _ in range(_STEPS):
        step().numpy()
    return [before, peak_mebibytes()]


def measure(model: str, resolution: int, batch_size: int, precision: str) -> list[float]:
    """`measure_here` in a new process."""
    words = [sys.executable, "-m", "benchmarks.memory", f"--here={resolution},{batch_size}"]
    words += [f"--model={model}", f"--precision={precision}"]
    found = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True)
    return json.loads(found.stdout.splitlines()[-1])


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="vae_gan", choices=["vae_gan", "vae", "gan"])
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--here", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.here:
        resolution, batch_size = map(int, flags.here.split(","))
        print(json.dumps(measure_here(flags.model, resolution, batch_size, flags.precision)))
        return
    print(f"{flags.model}, {flags.precision}, default networks\n")
    print(
        "| voxels a side | batch | peak, MiB | of which training | MiB a shape more |\n| --- | --- | --- | --- | --- |"
    )
    for resolution, batch_sizes in _BATCH_SIZES.items():
        earlier: tuple[int, float] | None = None
        for batch_size in batch_sizes:
            before, peak = measure(flags.model, resolution, batch_size, flags.precision)
            slope = "" if earlier is None else f"{(peak - earlier[1]) / (batch_size - earlier[0]):.1f}"
            print(f"| {resolution} | {batch_size} | {peak:.0f} | {peak - before:.0f} | {slope} |", flush=True)
            earlier = batch_size, peak


if __name__ == "__main__":
    main()
