"""The discriminator: voxels to one logit, high for real shapes."""

from typing import Any

import keras
import tensorflow as tf

from vae_gan3d.networks.layers import (
    CORE_SIDE,
    LEAKY_SLOPE,
    Trunk,
    check_classes,
    class_shares,
    class_vectors,
    stage_count,
)
from vae_gan3d.networks.spectral_norm import SpectralDense, advance_direction


class Discriminator(keras.Model):
    """Mirrors the encoder: strided 3D convolutions to 4^3 with LeakyReLU, then one logit.

    With classes, the inner product of a learned vector of the class and the pooled features is added to the logit
    (Miyato and Koyama 2018, "cGANs with Projection Discriminator", equation 3). Pooling sums over the 4^3 cells, as in
    the paper, and divides by 8, the square root of their number: it then has norm 1, so that spectral normalisation
    bounds this term as it bounds the logit.

    Attributes:
        arguments: the constructor's arguments by name; `classes` and `grown` only if they are not 0 or False.
        per_sample: whether each logit depends on its own sample only; False with BatchNorm.
    """

    def __init__(
        self,
        *,
        resolution: int,
        base_width: int,
        normalization: str,
        spectral_normalization: bool = False,
        leaky_slope: float = LEAKY_SLOPE,
        classes: int = 0,
        grown: bool = False,
    ) -> None:
        """Creates and builds the network.

        Args:
            resolution: voxels a side, 16, 32, 64 or 128.
            base_width: channels of the first stage.
            normalization: `group`, `batch` or `none`.
            spectral_normalization: divides every kernel by its spectral norm (Miyato et al. 2018).
            leaky_slope: of LeakyReLU below 0.
            classes: the number of classes; 0 for a network without labels.
            grown: whether the network also holds the first layer of one of half the resolution, see `Trunk`.

        Raises:
            ValueError: a size is too small, a name is not known, or the slope is negative.
        """
        super().__init__(name="discriminator")
        check_classes(classes)
        self.arguments: dict[str, Any] = {
            "resolution": resolution,
            "base_width": base_width,
            "normalization": normalization,
            "spectral_normalization": spectral_normalization,
            "leaky_slope": leaky_slope,
            **({"grown": True} if grown else {}),
        }
        self.trunk = Trunk(**self.arguments)
        self.flatten = keras.layers.Flatten(name="flatten", dtype="float32")
        dense = SpectralDense if spectral_normalization else keras.layers.Dense
        self.logit = dense(1, dtype="float32", name="logit")
        self.projection = None
        if classes:
            width = base_width * 2 ** (stage_count(resolution) - 1)
            self.projection = class_vectors(width, spectral_normalization=spectral_normalization)
            self.arguments["classes"] = classes
        self.per_sample = normalization != "batch"
        self._classes = classes
        self._spectral_normalization = spectral_normalization
        self.build((None, resolution, resolution, resolution, 1))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds every layer for `[B, R, R, R, 1]`."""
        self.trunk.build(input_shape)
        self.logit.build(self.flatten.compute_output_shape(self.trunk.compute_output_shape(input_shape)))
        if self.projection is not None:
            self.projection.build((None, self._classes))
        self.built = True

    def call(self, voxels: tf.Tensor, labels: tf.Tensor | None = None, training: bool = False) -> tf.Tensor:
        """Classifies voxels as real or generated.

        Args:
            voxels: `[B, R, R, R, 1]` float in [0, 1].
            labels: the class of each sample, see `class_shares`; None without classes.
            training: whether BatchNorm uses the statistics of the batch.

        Returns:
            `[B, 1]` float32 logits, high for real.

        Raises:
            ValueError: labels are missing, not wanted, or of the wrong shape.
        """
        shares = class_shares(labels, self._classes)
        core = self.trunk(voxels)  # [B, 4, 4, 4, C]
        features = self.flatten(core)  # [B, 64 C], float32
        logits = self.logit(features)  # [B, 1]
        if self.projection is None:
            return logits
        cells = tf.reshape(features, [-1, CORE_SIDE**3, core.shape[-1]])
        pooled = tf.reduce_sum(cells, axis=1) / CORE_SIDE**1.5  # [B, C]
        return logits + tf.reduce_sum(self.projection(shares) * pooled, axis=1, keepdims=True)

    def advance_spectral_norms(self) -> None:
        """Does one power iteration on every kernel, once a training step; nothing without spectral normalisation."""
        if self._spectral_normalization:
            heads = [self.logit] if self.projection is None else [self.logit, self.projection]
            before = [] if self.trunk.end_before is None else [self.trunk.end_before]
            for layer in (*(block.convolution for block in (*self.trunk.blocks, *before)), *heads):
                advance_direction(layer)
