"""A checkpoint as functions from shapes to latents and back."""

import pathlib

import numpy as np
import tensorflow as tf

from vae_gan3d.config import ModelConfig
from vae_gan3d.errors import UserError
from vae_gan3d.networks.factory import Networks, build_networks
from vae_gan3d.training.checkpoint_digest import require_model, say_if_unchecked
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
            lambda voxels, labels: networks.require_encoder()(voxels, labels), autograph=False, reduce_retracing=True
        )
        self._generate = tf.function(
            lambda latents, labels: tf.sigmoid(networks.generator(latents, labels)),
            autograph=False,
            reduce_retracing=True,
        )

    def posterior(self, voxels: np.ndarray, labels: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The latent Gaussians of shapes.

        Args:
            voxels: `[K, R, R, R]` in [0, 1].
            labels: of a conditional model, the class of each: `[K]` integer, positions in its classes, or
                `[K, classes]` float, shares of them.

        Returns:
            mean: `[K, L]` float32.
            log_variance: `[K, L]` float32 in [-8, 4].

        Raises:
            ValueError: the model is a plain GAN, without an encoder; or labels are missing, superfluous, or of another
                shape.
        """
        moments = [
            self._encode(tf.cast(voxels[batch, ..., np.newaxis], tf.float32), _part(labels, batch))
            for batch in _batches(len(voxels))
        ]
        mean, log_variance = (tf.concat(parts, axis=0).numpy() for parts in zip(*moments, strict=True))
        return mean, log_variance

    def encode(
        self, voxels: np.ndarray, labels: np.ndarray | None = None, *, noise_seed: int | None = None
    ) -> np.ndarray:
        """Encodes shapes.

        Args:
            voxels: `[K, R, R, R]` in [0, 1].
            labels: as in `posterior`.
            noise_seed: adds the encoder's noise, drawn by this seed; None gives the means.

        Returns:
            `[K, L]` float32.

        Raises:
            ValueError: as `posterior`.
        """
        mean, log_variance = self.posterior(voxels, labels)
        if noise_seed is None:
            return mean
        step = tf.constant(0, tf.int64)
        noise = latent_noise(mean.shape, seed=noise_seed, stream=POSTERIOR_STREAM, step=step)
        return reparameterize(mean, log_variance, noise).numpy()

    def generate(self, latents: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Generates shapes.

        Args:
            latents: `[K, L]` float32.
            labels: as in `posterior`.

        Returns:
            `[K, R, R, R]` float32 probabilities.

        Raises:
            ValueError: labels are missing, superfluous, or of another shape.
        """
        parts = [
            self._generate(tf.constant(latents[batch], tf.float32), _part(labels, batch)).numpy()
            for batch in _batches(len(latents))
        ]
        return np.concatenate(parts)[..., 0]


def _batches(count: int) -> list[slice]:
    return [slice(start, start + _BATCH) for start in range(0, count, _BATCH)]


def _part(labels: np.ndarray | None, batch: slice) -> tf.Tensor | None:
    return None if labels is None else tf.constant(labels[batch])


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
    require_model(prefix, config)
    say_if_unchecked(prefix)
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
