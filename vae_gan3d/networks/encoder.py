"""The encoder: voxels to the mean and log-variance of a latent Gaussian."""

from typing import Any

import keras
import tensorflow as tf

from vae_gan3d.networks.layers import (
    CORE_SIDE,
    LEAKY_SLOPE,
    ResidualBlock,
    Trunk,
    check_classes,
    check_latent_layout,
    check_sizes,
    class_shares,
    class_vectors,
    stage_count,
)

# exp(-8) to exp(4): wide enough for any posterior seen, narrow enough that exp never overflows in bfloat16.
LOG_VARIANCE_RANGE = (-8.0, 4.0)


class Encoder(keras.Model):
    """Strided 3D convolutions from the voxels to 4^3, then mean and log-variance (Kingma and Welling 2014).

    In the layout `vector` a dense layer gives the moments, each from the whole shape. In the layout `grid` the latent
    is the flattened form of `[4, 4, 4, latent_size / 64]`, and each moment comes from its own part of the shape and
    what surrounds it.

    With classes, a learned grid `[4, 4, 4, C]` of the class is added to the convolutions' output, not to their input:
    the convolutions learn to recognise classes themselves.

    Attributes:
        latent_size: dimensions of the latent vector.
        arguments: the constructor's arguments by name; `classes`, `depth` and `grown` only if they are not 0 or False.
    """

    def __init__(
        self,
        *,
        resolution: int,
        latent_size: int,
        base_width: int,
        normalization: str,
        latent_layout: str = "vector",
        leaky_slope: float = LEAKY_SLOPE,
        classes: int = 0,
        depth: int = 0,
        grown: bool = False,
    ) -> None:
        """Creates and builds the network.

        Args:
            resolution: voxels a side, 16, 32, 64 or 128.
            latent_size: dimensions of the latent vector.
            base_width: channels of the first stage.
            normalization: `group`, `batch` or `none`.
            latent_layout: `vector` or `grid`.
            leaky_slope: of LeakyReLU below 0.
            classes: the number of classes; 0 for a network without labels.
            depth: residual blocks after each stage.
            grown: whether the network also holds the first layer of one of half the resolution, see `Trunk`.

        Raises:
            ValueError: a size is too small, a name is not known, or the slope is negative.
        """
        super().__init__(name="encoder")
        check_sizes(latent_size=latent_size)
        check_classes(classes)
        check_latent_layout(latent_layout, latent_size)
        trunk: dict[str, Any] = {
            "resolution": resolution,
            "base_width": base_width,
            "normalization": normalization,
            "leaky_slope": leaky_slope,
            **({"depth": depth} if depth else {}),
            **({"grown": True} if grown else {}),
        }
        self.arguments = {**trunk, "latent_size": latent_size, "latent_layout": latent_layout}
        if classes:
            self.arguments["classes"] = classes
        self.latent_size = latent_size
        self._classes = classes
        self.trunk = Trunk(**trunk)
        width = base_width * 2 ** (stage_count(resolution) - 1)
        self.class_grids = class_vectors(CORE_SIDE**3 * width) if classes else None
        if latent_layout == "grid":
            self.refine = ResidualBlock(width, normalization, "leaky_relu", name="refine", leaky_slope=leaky_slope)
            self.moments = keras.layers.Conv3D(2 * latent_size // CORE_SIDE**3, 1, dtype="float32", name="moments")
        else:
            self.refine = keras.layers.Flatten(name="flatten", dtype="float32")
            self.moments = keras.layers.Dense(2 * latent_size, dtype="float32", name="moments")
        self.build((None, resolution, resolution, resolution, 1))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds every layer for `[B, R, R, R, 1]`."""
        self.trunk.build(input_shape)
        core = self.trunk.compute_output_shape(input_shape)
        if self.class_grids is not None:
            self.class_grids.build((None, self._classes))
        self.refine.build(core)
        self.moments.build(self.refine.compute_output_shape(core))
        self.built = True

    def call(
        self, voxels: tf.Tensor, labels: tf.Tensor | None = None, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Encodes voxels.

        Args:
            voxels: `[B, R, R, R, 1]` float in [0, 1].
            labels: the class of each sample, see `class_shares`; None without classes.
            training: whether BatchNorm uses the statistics of the batch.

        Returns:
            mean: `[B, latent_size]` float32.
            log_variance: `[B, latent_size]` float32 in [-8, 4].

        Raises:
            ValueError: labels are missing, not wanted, or of the wrong shape.
        """
        shares = class_shares(labels, self._classes)
        core = self.trunk(voxels)  # [B, 4, 4, 4, C]
        if self.class_grids is not None:
            core += tf.cast(tf.reshape(self.class_grids(shares), tf.shape(core)), core.dtype)
        moments = self.moments(self.refine(core))  # [B, 2 latent_size], or [B, 4, 4, 4, 2 latent_size / 64]
        mean, log_variance = tf.split(moments, 2, axis=-1)
        mean = tf.reshape(mean, [-1, self.latent_size])
        log_variance = tf.reshape(log_variance, [-1, self.latent_size])
        return mean, tf.clip_by_value(log_variance, *LOG_VARIANCE_RANGE)
