"""The generator: a latent vector to voxels."""

import math
from typing import NamedTuple

import keras
import tensorflow as tf

from vae_gan3d.networks.convolutions import Convolution, VoxelTransposedConvolution
from vae_gan3d.networks.layers import (
    CORE_SIDE,
    ConvolutionBlock,
    ResidualBlock,
    check_classes,
    check_depth,
    check_grown,
    check_latent_layout,
    check_sizes,
    class_shares,
    class_vectors,
    double_grids,
    doubling,
    fade_variable,
    faded,
    refining,
    stage_count,
)

# Shapes fill 1 to 10 % of their grids. Starting near that occupancy saves the steps that would only darken a grey grid.
_FIRST_LOGIT = -3.0
_CLASS_CHANNELS = 8


class GrownFeatures(NamedTuple):
    """Inputs of the two last layers of a generator that has grown.

    Attributes:
        own: `[B, R/2, R/2, R/2, base_width]`, for `to_logits`.
        before: `[B, R/4, R/4, R/4, 2 base_width]`, for `to_logits_before`.
    """

    own: tf.Tensor
    before: tf.Tensor


class Generator(keras.Model):
    """Transposed strided 3D convolutions from 4^3 to the voxels.

    From the latent layout `vector` the networks open with a transposed 4^3 convolution of stride 1 on 1^3, which is a
    dense layer; from the layout `grid`, `[4, 4, 4, latent_size / 64]` flattened, with a 3^3 convolution. The `default`
    architecture follows every doubling but the last with a 3^3 convolution. `3dgan` does not: it is the published
    network (Wu et al. 2016, "Learning a Probabilistic Latent Space of Object Shapes via 3D Generative-Adversarial
    Modeling", section 3.1), at 64^3 and base_width 64 with 512-256-128-64-1 channels.

    With classes, a learned vector of the class is appended to the latent: 8 channels, per cell in the layout `grid`.

    A network that has grown (`--progressive`) also holds the last layer of the generator of half the resolution, and
    fades from it to its own last stage.

    Attributes:
        latent_size: dimensions of the latent vector.
        arguments: the constructor's arguments by name; `classes`, `depth` and `grown` only if they are not 0 or False.
        to_logits: the last layer.
        to_logits_before: the last layer of the smaller generator; None if the network has not grown.
        fade: the weight in [0, 1] of the new last stage; None if the network has not grown.
    """

    def __init__(
        self,
        *,
        resolution: int,
        latent_size: int,
        base_width: int,
        normalization: str,
        activation: str,
        architecture: str,
        latent_layout: str = "vector",
        classes: int = 0,
        depth: int = 0,
        grown: bool = False,
    ) -> None:
        """Creates and builds the network.

        Args:
            resolution: voxels a side, 16, 32, 64 or 128.
            latent_size: dimensions of the latent vector.
            base_width: channels of the stage at half the resolution.
            normalization: `group`, `batch` or `none`.
            activation: see `layers.activation_layer`.
            architecture: `default` or `3dgan`.
            latent_layout: `vector` or `grid`.
            classes: the number of classes; 0 for a network without labels.
            depth: residual blocks after each stage, in addition to those of the architecture.
            grown: whether the network also holds the last layer of one of half the resolution.

        Raises:
            ValueError: a size is too small, or a name is not known.
        """
        super().__init__(name="generator")
        check_sizes(latent_size=latent_size, base_width=base_width)
        check_classes(classes)
        if architecture not in ("default", "3dgan"):
            raise ValueError(f"architecture={architecture!r} is not known: give default or 3dgan")
        check_latent_layout(latent_layout, latent_size)
        check_depth(depth)
        check_grown(grown, resolution)
        self.latent_size = latent_size
        self.arguments = {
            "resolution": resolution,
            "latent_size": latent_size,
            "base_width": base_width,
            "normalization": normalization,
            "activation": activation,
            "architecture": architecture,
            "latent_layout": latent_layout,
            **({"classes": classes} if classes else {}),
            **({"depth": depth} if depth else {}),
            **({"grown": True} if grown else {}),
        }
        self._classes = classes
        self._latent_shape = _latent_shape(latent_size, latent_layout)
        self.class_latents = _class_latents(classes, math.prod(self._latent_shape[:3]))
        core_width = base_width * 2 ** (stage_count(resolution) - 1)
        self.opening = _opening(core_width, normalization, activation, latent_layout)
        blocks: list[keras.layers.Layer] = []
        if latent_layout == "grid":
            blocks.append(ResidualBlock(core_width, normalization, activation, name="core"))
        self._last_stage = 0  # index of its first block
        for stage in range(stage_count(resolution) - 1):
            self._last_stage = len(blocks)
            width, refined = core_width // 2 ** (stage + 1), architecture == "default"
            blocks += _stage(stage, width, normalization, activation, refined=refined, depth=depth)
        self.blocks = blocks
        first_bias = _FIRST_LOGIT if architecture == "default" else 0.0
        self.to_logits = VoxelTransposedConvolution(first_bias=first_bias, name="voxels")
        self.to_logits_before = None
        if grown:
            self.to_logits_before = VoxelTransposedConvolution(first_bias=first_bias, name="voxels_before")
        self.fade: keras.Variable | None = None
        self.build((None, latent_size))

    # Keras names weights in `.weights.h5` files by the attributes that `dir` lists. These two keep their first names
    # there, so that files of all versions can be read.

    @property
    def voxels(self) -> keras.layers.Layer:
        """`to_logits`."""
        return self.to_logits

    @property
    def voxels_before(self) -> keras.layers.Layer | None:
        """`to_logits_before`."""
        return self.to_logits_before

    def __dir__(self) -> list[str]:
        """All attributes but `to_logits` and `to_logits_before`."""
        return [name for name in super().__dir__() if not name.startswith("to_logits")]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds every layer for `[B, latent_size]`."""
        *cells, channels = self._latent_shape
        if self.class_latents is not None:
            self.class_latents.build((None, self._classes))
            channels += _CLASS_CHANNELS
        shape: tuple[int | None, ...] = (None, *cells, channels)
        self.opening.build(shape)
        shape = self.opening.compute_output_shape(shape)
        for index, block in enumerate(self.blocks):
            if self.to_logits_before is not None and index == self._last_stage:
                self.to_logits_before.build(shape)
                self.fade = fade_variable(self)
            block.build(shape)
            shape = block.compute_output_shape(shape)
        self.to_logits.build(shape)
        self.built = True

    def features(
        self, latents: tf.Tensor, labels: tf.Tensor | None = None, training: bool = False
    ) -> tf.Tensor | GrownFeatures:
        """All layers but the last.

        Args:
            latents: `[B, latent_size]` float.
            labels: the class of each sample, see `class_shares`; None without classes.
            training: whether BatchNorm uses the statistics of the batch.

        Returns:
            `[B, R/2, R/2, R/2, base_width]` in the policy's compute type; `GrownFeatures` if the network has grown.

        Raises:
            ValueError: labels are missing, not wanted, or of the wrong shape.
        """
        shares = class_shares(labels, self._classes)
        outputs = tf.reshape(latents, [-1, *self._latent_shape])  # [B, 1, 1, 1, latent_size] or [B, 4, 4, 4, .. / 64]
        if self.class_latents is not None:
            of_classes = tf.reshape(self.class_latents(shares), [-1, *self._latent_shape[:3], _CLASS_CHANNELS])
            outputs = tf.concat([outputs, tf.cast(of_classes, outputs.dtype)], axis=-1)
        outputs = self.opening(outputs, training=training)  # [B, 4, 4, 4, C]
        for block in self.blocks[: self._last_stage]:
            outputs = block(outputs, training=training)
        before = outputs  # [B, R/4, R/4, R/4, 2 base_width]
        for block in self.blocks[self._last_stage :]:
            outputs = block(outputs, training=training)
        return outputs if self.to_logits_before is None else GrownFeatures(outputs, before)

    def logits(self, features: tf.Tensor | GrownFeatures) -> tf.Tensor:
        """The last layer: features to logits `[B, R, R, R, 1]` float32."""
        if self.to_logits_before is None or not isinstance(features, GrownFeatures):
            return tf.cast(self.to_logits(features), tf.float32)
        own = tf.cast(self.to_logits(features.own), tf.float32)
        before = tf.cast(self.to_logits_before(features.before), tf.float32)  # [B, R/2, R/2, R/2, 1]
        return faded(double_grids(before), own, self.fade)

    def call(self, latents: tf.Tensor, labels: tf.Tensor | None = None, training: bool = False) -> tf.Tensor:
        """Generates voxels.

        Args:
            latents: `[B, latent_size]` float.
            labels: the class of each sample, see `class_shares`; None without classes.
            training: whether BatchNorm uses the statistics of the batch.

        Returns:
            `[B, R, R, R, 1]` float32 logits; their sigmoid is the probability that a voxel is occupied.

        Raises:
            ValueError: labels are missing, not wanted, or of the wrong shape.
        """
        return self.logits(self.features(latents, labels, training))


def _class_latents(classes: int, cells: int) -> keras.layers.Layer | None:
    """The learned vectors of the classes; at first N(0, I), like the latents that they are concatenated to."""
    if not classes:
        return None
    return class_vectors(cells * _CLASS_CHANNELS, keras.initializers.RandomNormal(stddev=1.0))


def _opening(width: int, normalization: str, activation: str, latent_layout: str) -> ConvolutionBlock:
    """The first block: the latent to `[B, 4, 4, 4, width]`."""
    if latent_layout == "grid":
        convolution = Convolution(width, 3, padding="same", name="convolution")
    else:
        convolution = keras.layers.Conv3DTranspose(width, CORE_SIDE, padding="valid", name="convolution")
    return ConvolutionBlock(convolution, normalization, activation, name="opening")


def _stage(
    stage: int, width: int, normalization: str, activation: str, *, refined: bool, depth: int
) -> list[keras.layers.Layer]:
    """The blocks of a stage: one that doubles the resolution, then those that refine."""
    blocks: list[keras.layers.Layer] = [doubling(width, normalization, activation, f"stage{stage}")]
    if refined:
        blocks.append(refining(width, normalization, activation, f"refine{stage}"))
    for number in range(depth):
        blocks.append(ResidualBlock(width, normalization, activation, name=f"stage{stage}_residual{number}"))
    return blocks


def _latent_shape(latent_size: int, latent_layout: str) -> tuple[int, int, int, int]:
    """The shape in which the first convolution takes the latent vector."""
    if latent_layout == "grid":
        return CORE_SIDE, CORE_SIDE, CORE_SIDE, latent_size // CORE_SIDE**3
    return 1, 1, 1, latent_size
