"""The peer of `benchmarks.step` computes what the training step computes, so that their times can be compared."""

import functools
import importlib.util
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.models import LOSS
from vae_gan3d.training.noise import POSTERIOR_STREAM, PRIOR_STREAM, latent_noise, uniform
from vae_gan3d.training.state import Hyperparameters, TrainingState
from vae_gan3d.training.vae_gan_step import STEP_METRICS, vae_gan_step

_RESOLUTION, _WIDTH, _LATENT_SIZE, _BATCH, _STEPS = 16, 8, 64, 4, 3
_ARGUMENTS = {
    "resolution": _RESOLUTION,
    "latent_size": _LATENT_SIZE,
    "base_width": _WIDTH,
    "normalization": "group",
    "activation": "relu",
    "architecture": "default",
    "latent_layout": "grid",
}


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason='PyTorch is the extra "benchmarks"')
def test_three_steps_have_the_losses_of_the_training_step(tmp_path):
    state = TrainingState(_ARGUMENTS, learning_rate=1e-3, d_learning_rate=1e-3, beta1=0.5, seed=0)
    hp = Hyperparameters(**vars(LOSS), seed=0, global_batch=_BATCH, ema_decay=0.999)
    voxels = (np.random.default_rng(0).random((_BATCH, *(_RESOLUTION,) * 3, 1)) < 0.1).astype(np.float32)
    noise = [_noise(step) for step in range(_STEPS)]
    np.savez(
        tmp_path / "given.npz",
        sizes=[_RESOLUTION, _WIDTH, _LATENT_SIZE],
        voxels=voxels.transpose(0, 4, 1, 2, 3),
        posterior=np.stack([posterior for posterior, _ in noise]),
        places=np.stack([places for _, places in noise]),
        **{
            variable.path: variable.numpy()
            for network in state.networks.by_name().values()
            for variable in network.trainable_variables
        },
    )
    names = ("reconstruction_loss", "generator_loss", "discriminator_loss")
    chosen = [STEP_METRICS.index(name) for name in names]
    step = functools.partial(vae_gan_step, state, hp, tf.constant(voxels), adversarial=True)
    ours = [step().numpy()[chosen] for _ in range(_STEPS)]
    command = [sys.executable, "-m", "tests.benchmarks.torch_losses", "given.npz", "losses.npy"]
    repository = pathlib.Path(__file__).parents[2]
    paths = [str(tmp_path / word) if word.endswith(("npz", "npy")) else word for word in command]
    subprocess.run(paths, cwd=repository, check=True)
    np.testing.assert_allclose(np.load(tmp_path / "losses.npy"), ours, rtol=1e-3)


def _noise(step: int) -> tuple[np.ndarray, np.ndarray]:
    """What the training step draws at this step, with channels first."""
    shape = (_BATCH, _LATENT_SIZE)
    posterior = latent_noise(shape, seed=0, stream=POSTERIOR_STREAM, step=tf.constant(step, tf.int64))
    prior = latent_noise(shape, seed=0, stream=PRIOR_STREAM, step=tf.constant(step, tf.int64))
    grid = posterior.numpy().reshape(_BATCH, 4, 4, 4, -1).transpose(0, 4, 1, 2, 3)
    return grid, uniform(prior[:, :1]).numpy().reshape(_BATCH, 1, 1, 1, 1)
