"""A checkpoint as functions from shapes to latents and back."""

import pathlib

import numpy as np
import tensorflow as tf

from vae_gan3d.config import ModelConfig
from vae_gan3d.errors import UserError
from vae_gan3d.networks.factory import Networks, build_networks
from vae_gan3d.training.checkpoints import DAMAGED, MISMATCHED
from vae_gan3d.training.noise import POSTERIOR_STREAM, latent_noise, reparameterize
from vae_gan3d.training.state import inference_checkpoint

_BATCH = 32


class TrainedModel:
    """The averaged generator of a checkpoint, and its averaged encoder where there is one.

    Attributes:
        config: the model's configuration.
        networks: the networks, restored.
    """

    def __init__(self, config: ModelConfig, networks: Networks) -> None:
        """Wraps restored networks.

        Args:
            config: the model's configuration.
            networks: the networks.
        """
        self.config = config
        self.networks = networks
        self._encode = tf.function(
            lambda voxels: networks.require_encoder()(voxels), autograph=False, reduce_retracing=True
        )
        self._generate = tf.function(
            lambda latents: tf.sigmoid(networks.generator(latents)), autograph=False, reduce_retracing=True
        )

    def posterior(self, voxels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The latent Gaussians of shapes.

        Args:
            voxels: `[K, R, R, R]` in [0, 1].

        Returns:
            mean: `[K, L]` float32.
            log_variance: `[K, L]` float32 in [-8, 4].

        Raises:
            ValueError: the model is a plain GAN, without an encoder.
        """
        moments = [
            self._encode(tf.cast(voxels[start : start + _BATCH, ..., np.newaxis], tf.float32))
            for start in range(0, len(voxels), _BATCH)
        ]
        mean, log_variance = (tf.concat(parts, axis=0).numpy() for parts in zip(*moments, strict=True))
        return mean, log_variance

    def encode(self, voxels: np.ndarray, *, noise_seed: int | None = None) -> np.ndarray:
        """Encodes shapes.

        Args:
            voxels: `[K, R, R, R]` in [0, 1].
            noise_seed: adds the encoder's noise, drawn by this seed; None gives the means.

        Returns:
            `[K, L]` float32.

        Raises:
            ValueError: the model is a plain GAN, without an encoder.
        """
        mean, log_variance = self.posterior(voxels)
        if noise_seed is None:
            return mean
        step = tf.constant(0, tf.int64)
        noise = latent_noise(mean.shape, seed=noise_seed, stream=POSTERIOR_STREAM, step=step)
        return reparameterize(mean, log_variance, noise).numpy()

    def generate(self, latents: np.ndarray) -> np.ndarray:
        """Generates shapes.

        Args:
            latents: `[K, L]` float32.

        Returns:
            `[K, R, R, R]` float32 probabilities.
        """
        parts = [
            self._generate(tf.constant(latents[start : start + _BATCH], tf.float32)).numpy()
            for start in range(0, len(latents), _BATCH)
        ]
        return np.concatenate(parts)[..., 0]


def load_model(prefix: pathlib.Path, config: ModelConfig) -> TrainedModel:
    """Rebuilds the networks that a checkpoint was trained with, and restores the averaged weights.

    Args:
        prefix: of the checkpoint.
        config: from the `config.json` beside it.

    Returns:
        The model.

    Raises:
        UserError: the checkpoint is damaged, or of other networks than `config.json` says.
    """
    networks = build_networks(**config.network_arguments())
    try:
        inference_checkpoint(networks).read(str(prefix)).assert_existing_objects_matched()
    except MISMATCHED as error:
        raise UserError(
            f"{prefix} is not of the networks that {prefix.parent / 'config.json'} describes ({config.describe()}): "
            "put the two files of one run together"
        ) from error
    except DAMAGED as error:
        raise UserError(f"{prefix} is damaged ({str(error).splitlines()[0]}): use another checkpoint") from error
    return TrainedModel(config, networks)
