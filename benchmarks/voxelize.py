"""Times the conversion of a mesh of 10,000 triangles to a solid grid, in one process.

    python -m benchmarks.voxelize

create_tf_record.py runs one such process for each processor core (--workers). The mesh is a torus: complete, and with a
tenth of its triangles missing, because meshes with holes are slowest. Times are processor times, so that other work on
the machine matters little.
"""

import argparse
import statistics
import time

import numpy as np

from vae_gan3d.data.grids import RESOLUTIONS
from vae_gan3d.data.voxelize import voxelize

_AROUND, _ACROSS = 100, 50
_MISSING = 0.1


def torus() -> tuple[np.ndarray, np.ndarray]:
    """A torus of radii 1 and 0.3: corners `[5000, 3]` and triangles `[10000, 3]`."""
    around = np.linspace(0, 2 * np.pi, _AROUND, endpoint=False)[:, np.newaxis]
    across = np.linspace(0, 2 * np.pi, _ACROSS, endpoint=False)
    out = 1 + 0.3 * np.cos(across)
    up = np.broadcast_to(0.3 * np.sin(across), (_AROUND, _ACROSS))
    corners = np.stack([out * np.cos(around), out * np.sin(around), up], axis=-1)
    numbers = np.arange(_AROUND * _ACROSS).reshape(_AROUND, _ACROSS)
    a, b = numbers, np.roll(numbers, -1, axis=0)
    c, d = np.roll(a, -1, axis=1), np.roll(b, -1, axis=1)
    triangles = np.concatenate([np.stack([a, b, d], -1).reshape(-1, 3), np.stack([a, d, c], -1).reshape(-1, 3)])
    return corners.reshape(-1, 3), triangles


def milliseconds(corners: np.ndarray, triangles: np.ndarray, resolution: int, rounds: int) -> float:
    """The median processor time of one call."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        voxelize(corners, triangles, resolution)
        times.append(time.process_time() - start)
    return 1000 * statistics.median(times)


def main() -> None:
    """Prints a table for 16 to 128 voxels a side."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    flags = parser.parse_args()
    corners, triangles = torus()
    generator = np.random.default_rng(0)
    torn = generator.permutation(triangles)[: round(len(triangles) * (1 - _MISSING))]
    print("| resolution | closed, ms | with holes, ms |\n| --- | --- | --- |")
    for resolution in RESOLUTIONS:
        times = [milliseconds(corners, mesh, resolution, flags.rounds) for mesh in (triangles, torn)]
        print(f"| {resolution}³ | {times[0]:.0f} | {times[1]:.0f} |", flush=True)


if __name__ == "__main__":
    main()
