"""Small models and training runs: an untrained model, models with known results, and runs of a few steps."""

import contextlib
import functools
import os
import signal
import types

import numpy as np
import pytest
import tensorflow as tf

from tests.fakes import random_grids, write_records
from vae_gan3d.config import LossConfig, ModelConfig, OptimizerConfig, TrainingConfig
from vae_gan3d.data.record_set import find_records
from vae_gan3d.models.model import Model
from vae_gan3d.networks.build import build_networks
from vae_gan3d.training import loop
from vae_gan3d.training.distribution import Distribution
from vae_gan3d.training.image_summaries import ImageSummaries
from vae_gan3d.training.run_log import RunLog
from vae_gan3d.training.run_recorder import RunRecorder
from vae_gan3d.training.vae_gan_step import STEP_METRICS

GAN = ModelConfig(16, 4, "default", 8, "group", "relu", ("chair",), kind="gan", latent_deviation=0.5)
# A VAE: its step is traced in a fraction of the time.
VAE_LOSS = LossConfig(1.0, "bce", 0.0, 0, 0.0, 1.0, adversarial_latents="prior")


def small_records(folder):
    """Ten random shapes."""
    write_records(folder, random_grids(10, 16))
    return find_records(str(folder))


def make_config(folder, **changed):
    """A small run with everything that changes from step to step."""
    values = {
        "model": ModelConfig(16, 4, "default", 8, "none", "relu", ("chair",), spectral_normalization=True),
        "loss": LossConfig(
            1.0,
            "bce",
            0.3,
            3,
            0.0,
            1.0,
            r1_weight=1.0,
            r1_every=2,
            adversarial_loss="hinge",
            adversarial_latents="prior",
            kl_warmup=6,
        ),
        "optimizer": OptimizerConfig(1e-3, 1e-3, 0.5, learning_rate_decay="cosine", learning_rate_warmup=2),
        "mirror": ("x", "z"),
        "records": "records",
        "split_name": "train",
        "save_path": folder / "run",
        "logdir": folder / "run",
        "epochs": 3,
        "batch_size": 4,
        "checkpoint_every": 2,
        "keep_checkpoints": 15,
        "image_every": 5,
        "log_every": 2,
        "seed": 0,
        "precision": "float32",
        "restart": False,
        "assume_yes": False,
    }
    return TrainingConfig(**{**values, **changed})


def make_gan_config(folder, **changed):
    """A small run of a plain GAN, with several turns a step."""
    optimizer = OptimizerConfig(1e-3, 1e-3, 0.5, learning_rate_decay="cosine", learning_rate_warmup=0, d_steps=2)
    loss = LossConfig(1.0, "bce", 0.3, 3, 0.0, 1.0, r1_weight=1.0, r1_every=3, adversarial_latents="prior")
    return make_config(folder, **{"model": GAN, "loss": loss, "optimizer": optimizer, **changed})


def restored_weights(config):
    state = loop.build_state(config)
    loop.restore_newest(state.checkpoint(), config.save_path)
    variables = [variable for network in state.networks.by_name().values() for variable in network.variables]
    return [variable.numpy() for variable in variables], int(state.step)


@contextlib.contextmanager
def no_pictures():
    """Training without plots and image summaries, which take longer than the steps of a small run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunLog, "draw_plots", lambda self: None)
        patch.setattr(ImageSummaries, "write", lambda self, epoch, step: None)
        yield


@contextlib.contextmanager
def eager_steps():
    """Steps on one device without a graph, whose tracing takes longer than the steps of a small run."""

    def without_a_graph(self, step):
        eager = functools.partial(step)
        eager.get_concrete_function = lambda *_: types.SimpleNamespace(graph=None)
        return eager

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Distribution, "compiled", without_a_graph)
        patch.setattr(RunRecorder, "show_graph", lambda self, graph: None)
        yield


@contextlib.contextmanager
def cheap_steps():
    """Steps that move one bias by the learning rate and the batch's sum: for tests of order, epochs and checkpoints."""

    def take_step(state, hp, voxels, *_, **__):
        state.set_schedules(hp, d_start=0)
        # The weights have a mean of zero, so that another order of the same shapes gives another sum altogether.
        weights = tf.sin(tf.range(tf.size(voxels, tf.float32)))
        checksum = tf.reduce_sum(tf.reshape(voxels, [-1]) * weights)
        state.networks.generator.to_logits.bias.assign_add([10.0 * state.optimizer.learning_rate * checksum])
        state.step.assign_add(1)
        return tf.zeros([len(STEP_METRICS)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "vae_gan_step", take_step)
        yield


@contextlib.contextmanager
def stopped_after(step):
    """Sends SIGTERM to a training run when it takes a step."""
    training_batches = loop.training_batches

    def batches(*arguments, start_step, **options):
        found = training_batches(*arguments, start_step=start_step, **options)
        for number, batch in enumerate(found, start=start_step + 1):
            if number == step:
                os.kill(os.getpid(), signal.SIGTERM)
            yield batch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "training_batches", batches)
        yield


def train_to_step(config, records, step):
    """Trains, and stops after a step."""
    with no_pictures(), stopped_after(step):
        assert loop.train(config, records) == 128 + signal.SIGTERM
    assert restored_weights(config)[1] == step


SMALL = ModelConfig(16, 4, "default", 8, "group", "relu")
# The probabilities of an untrained generator lie around sigmoid(-3): about half of the voxels above this.
UNTRAINED_THRESHOLD = 0.047


def untrained_model(config=SMALL):
    """A model with its first weights."""
    return Model(config, build_networks(**config.network_arguments()))


class VoxelModel(Model):
    """Encodes `[N, 16, 16, 16]` as its 4,096 voxels in a row, and decodes them."""

    def __init__(self, config=ModelConfig(16, 4096, "default", 8, "group", "relu"), prefix=None):  # noqa: B008 (frozen)
        super().__init__(config, None, prefix)

    def posterior(self, shapes, labels=None):
        latents = np.asarray(shapes).reshape(len(shapes), -1).astype(np.float32)
        return latents, np.zeros_like(latents)

    def decode(self, latents, labels=None, *, threshold=None):
        shapes = np.asarray(latents).reshape(-1, 16, 16, 16)
        return shapes if threshold is None else shapes > threshold


class PlaneModel(Model):
    """Fills as many planes as the latent says with a probability, and encodes a shape as its planes less one."""

    def __init__(self, probability=0.7):
        super().__init__(ModelConfig(16, 1, "default", 8, "group", "relu", ("chair", "table")), None)
        self.probability = probability

    def posterior(self, shapes, labels=None):
        latents = shapes[:, :, 0, 0].sum(axis=1, keepdims=True) - np.float32(1)
        return latents, np.zeros_like(latents)

    def decode(self, latents, labels=None, *, threshold=None):
        planes = np.arange(16)[np.newaxis, :, np.newaxis, np.newaxis] < latents[:, :, np.newaxis, np.newaxis]
        shapes = self.probability * np.broadcast_to(planes, (len(latents), 16, 16, 16))
        return shapes if threshold is None else shapes > threshold
