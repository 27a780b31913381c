"""Voxels to one logit: real or generated."""

from typing import Any

import keras
import tensorflow as tf

from vae_gan3d.networks.blocks import LEAKY_SLOPE
from vae_gan3d.networks.spectral_norm import SpectralDense, advance_direction
from vae_gan3d.networks.trunk import Trunk


class Discriminator(keras.Model):
    """Mirrors the encoder: strided 3D convolutions to 4^3 with LeakyReLU, then one logit.

    Attributes:
        arguments: what it was made with, by name.
    """

    def __init__(
        self,
        *,
        resolution: int,
        base_width: int,
        normalization: str,
        spectral_normalization: bool = False,
        leaky_slope: float = LEAKY_SLOPE,
    ) -> None:
        """Makes and builds the network.

        Args:
            resolution: voxels a side, 16, 32, 64 or 128.
            base_width: channels of the first stage.
            normalization: `group`, `batch` or `none`.
            spectral_normalization: divides every kernel by its spectral norm (Miyato et al. 2018).
            leaky_slope: of LeakyReLU below 0.

        Raises:
            ValueError: a size is too small, a name is not known, or the slope is negative.
        """
        super().__init__(name="discriminator")
        self.arguments: dict[str, Any] = {
            "resolution": resolution,
            "base_width": base_width,
            "normalization": normalization,
            "spectral_normalization": spectral_normalization,
            "leaky_slope": leaky_slope,
        }
        self.trunk = Trunk(**self.arguments)
        self.flatten = keras.layers.Flatten(name="flatten", dtype="float32")
        dense = SpectralDense if spectral_normalization else keras.layers.Dense
        self.logit = dense(1, dtype="float32", name="logit")
        self._spectral_normalization = spectral_normalization
        self.build((None, resolution, resolution, resolution, 1))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds every layer for `[B, R, R, R, 1]`."""
        self.trunk.build(input_shape)
        self.logit.build(self.flatten.compute_output_shape(self.trunk.compute_output_shape(input_shape)))
        self.built = True

    def call(self, voxels: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Judges voxels.

        Args:
            voxels: `[B, R, R, R, 1]` float in [0, 1].
            training: uses batch statistics where the normalisation has two modes.

        Returns:
            `[B, 1]` float32 logits, high for real.
        """
        core = self.trunk(voxels)  # [B, 4, 4, 4, C]
        return self.logit(self.flatten(core))  # [B, 1]

    def advance_spectral_norms(self) -> None:
        """One power iteration on every kernel, to be called once a training step; nothing without them."""
        if self._spectral_normalization:
            for layer in (*(block.convolution for block in self.trunk.blocks), self.logit):
                advance_direction(layer)
