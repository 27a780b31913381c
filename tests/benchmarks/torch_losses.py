"""Takes the peer's steps in a process of its own: TensorFlow and PyTorch do not live in one.

python -m tests.benchmarks.torch_losses IN.npz OUT.npy
"""

import sys

import numpy as np
import torch

from benchmarks.torch_networks import load_weights
from benchmarks.torch_step import Noise, TorchState, torch_step


def main() -> None:
    """Reads first weights, sizes, voxels and noise, and writes the losses `[steps, 3]`."""
    given = np.load(sys.argv[1])
    resolution, width, latent_size = given["sizes"].tolist()
    state = TorchState(resolution, width, latent_size, torch.contiguous_format)
    for name in ("encoder", "generator", "discriminator"):
        weights = {key: given[key] for key in given.files if key.startswith(f"{name}/")}
        load_weights(getattr(state, name), weights)
    voxels = torch.from_numpy(given["voxels"])
    losses = [
        torch_step(state, voxels, Noise(torch.from_numpy(posterior), torch.from_numpy(places)), bfloat16=False)
        for posterior, places in zip(given["posterior"], given["places"], strict=True)
    ]
    np.save(sys.argv[2], np.array(losses))


if __name__ == "__main__":
    main()
