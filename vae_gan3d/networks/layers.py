"""Layers that the networks share: activations, class embeddings, blocks, fading, and the convolutional trunk."""

import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from vae_gan3d.networks.convolutions import Convolution, TransposedConvolution, VoxelConvolution, without_bias
from vae_gan3d.networks.normalization import GroupNormalization, normalization_layer
from vae_gan3d.networks.spectral_norm import SpectralConvolution, SpectralDense

LEAKY_SLOPE = 0.2  # the default slope of LeakyReLU below 0
CORE_SIDE = 4  # voxels a side of the innermost grid, where convolutions meet the latent


class LeakyReLU(keras.layers.LeakyReLU):
    """`keras.layers.LeakyReLU` whose gradient is computed from its outputs, which have the signs of its inputs.

    The backward pass then does not need the inputs: they are not kept, and on a CPU TensorFlow fuses convolution, bias
    and activation into one operation.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps any shape to the same one; differentiable twice."""
        slope = float(self.negative_slope)

        @tf.custom_gradient
        def activate(inputs: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
            outputs = tf.nn.leaky_relu(inputs, slope)

            def gradient(upstream: tf.Tensor) -> tf.Tensor:
                return tf.raw_ops.LeakyReluGrad(gradients=upstream, features=outputs, alpha=slope)

            return outputs, gradient

        return activate(inputs)


def activation_layer(kind: str, name: str, leaky_slope: float = LEAKY_SLOPE) -> keras.layers.Layer:
    """Creates the activation that `--activation` names; `leaky_slope` is the slope of `leaky_relu` below 0.

    Raises:
        ValueError: the name is not known, or the slope is negative.
    """
    if kind == "leaky_relu":
        if leaky_slope < 0:
            raise ValueError(f"leaky_slope={leaky_slope} must be 0 or more")
        return LeakyReLU(negative_slope=leaky_slope, name=name)
    if kind in ("relu", "elu", "selu", "gelu", "tanh"):
        return keras.layers.Activation(kind, name=name)
    raise ValueError(f"activation={kind!r} is not known: give relu, leaky_relu, elu, selu, gelu or tanh")


def class_shares(labels: tf.Tensor | None, classes: int) -> tf.Tensor | None:
    """Labels as weights of the classes: a layer without bias maps them to a mixture of the classes' vectors.

    Args:
        labels: `[B]` integer in [0, classes), or `[B, classes]` float weights for points between classes; None for a
            network that is not conditional.
        classes: the number of classes; 0 if the network is not conditional.

    Returns:
        `[B, classes]` float32; None if `classes` is 0.

    Raises:
        ValueError: labels are missing, not wanted, or of the wrong shape.
    """
    if classes == 0:
        if labels is not None:
            raise ValueError("the network has no classes: leave out the labels, or build it with classes")
        return None
    if labels is None:
        raise ValueError(f"the network is conditional on {classes} classes: give a label for each shape")
    given = tf.convert_to_tensor(labels)
    if given.dtype.is_integer and given.shape.rank == 1:
        return tf.one_hot(given, classes)
    if given.dtype.is_floating and given.shape.rank == 2 and given.shape[1] == classes:
        return tf.cast(given, tf.float32)
    raise ValueError(
        f"labels {given.dtype.name} of shape {given.shape}: give [B] integer, or [B, {classes}] float weights"
    )


def class_vectors(
    size: int,
    initializer: str | keras.initializers.Initializer = "glorot_uniform",
    *,
    spectral_normalization: bool = False,
) -> keras.layers.Dense:
    """The layer with a learned vector for each class: weights `[B, classes]` to their mixture `[B, size]` float32."""
    dense = SpectralDense if spectral_normalization else keras.layers.Dense
    return dense(size, use_bias=False, kernel_initializer=initializer, dtype="float32", name="classes")


def check_classes(classes: int) -> None:
    """Refuses an impossible number of classes.

    Raises:
        ValueError: it is 1, or below 0.
    """
    if classes < 0 or classes == 1:
        raise ValueError(f"classes={classes}: give 2 or more, or 0 for a network that is not conditional")


def stage_count(resolution: int) -> int:
    """The number of halvings from `resolution` to 4 voxels a side.

    Raises:
        ValueError: the resolution is not 4 times a power of two, or below 8.
    """
    stages = math.log2(resolution / CORE_SIDE) if resolution > CORE_SIDE else 0.0
    if stages < 1 or stages != int(stages):
        raise ValueError(f"resolution={resolution} is not 4 times a power of two: give 16, 32, 64 or 128")
    return int(stages)


def check_sizes(**sizes: int) -> None:
    """Refuses sizes below 1.

    Raises:
        ValueError: one is; the line has its name.
    """
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name}={size} must be 1 or more")


def check_depth(depth: int) -> None:
    """Refuses a negative number of blocks.

    Raises:
        ValueError: it is.
    """
    if depth < 0:
        raise ValueError(f"depth={depth} must be 0 or more")


class ConvolutionBlock(keras.layers.Layer):
    """A convolution, then normalisation, then an activation."""

    def __init__(
        self,
        convolution: keras.layers.Layer,
        normalization: str,
        activation: str,
        *,
        name: str,
        leaky_slope: float = LEAKY_SLOPE,
    ) -> None:
        """Creates the block.

        Args:
            convolution: a layer on `[B, D, H, W, C]`.
            normalization: `group`, `batch` or `none`.
            activation, leaky_slope: see `activation_layer`.
            name: the layer's name.

        Raises:
            ValueError: a name is not known, or the slope is negative.
        """
        super().__init__(name=name)
        self.convolution = convolution
        self.normalization = normalization_layer(normalization, "normalization")
        self.activation = activation_layer(activation, "activation", leaky_slope)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds the layers for `[B, D, H, W, C]`."""
        self.convolution.build(input_shape)
        self.normalization.build(self.convolution.compute_output_shape(input_shape))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The convolution's output shape."""
        return self.convolution.compute_output_shape(input_shape)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps `[B, D, H, W, C]` to the convolution's output shape; Keras passes `training` to the normalisation."""
        outputs = _normalized(self.convolution, self.normalization, inputs)
        return self.activation(outputs)


def halving(
    channels: int,
    normalization: str,
    name: str,
    *,
    spectral_normalization: bool = False,
    leaky_slope: float = LEAKY_SLOPE,
) -> ConvolutionBlock:
    """A 4^3 convolution of stride 2 with LeakyReLU: `[B, D, H, W, C]` to `[B, D/2, H/2, W/2, channels]`."""
    layer = SpectralConvolution if spectral_normalization else VoxelConvolution
    convolution = layer(channels, 4, strides=2, padding="same", name="convolution")
    return ConvolutionBlock(convolution, normalization, "leaky_relu", name=name, leaky_slope=leaky_slope)


def doubling(channels: int, normalization: str, activation: str, name: str) -> ConvolutionBlock:
    """A transposed 4^3 convolution of stride 2: `[B, D, H, W, C]` to `[B, 2D, 2H, 2W, channels]`."""
    convolution = TransposedConvolution(channels, 4, strides=2, padding="same", name="convolution")
    return ConvolutionBlock(convolution, normalization, activation, name=name)


def refining(channels: int, normalization: str, activation: str, name: str) -> ConvolutionBlock:
    """A 3^3 convolution that keeps the grid: `[B, D, H, W, C]` to `[B, D, H, W, channels]`."""
    convolution = Convolution(channels, 3, padding="same", name="convolution")
    return ConvolutionBlock(convolution, normalization, activation, name=name)


class ResidualBlock(keras.layers.Layer):
    """Two 3^3 convolutions with a skip connection (He et al. 2016, full pre-activation).

    The last convolution starts at zero, so the block starts as the identity.
    """

    def __init__(
        self, channels: int, normalization: str, activation: str, *, name: str, leaky_slope: float = LEAKY_SLOPE
    ) -> None:
        """Creates the layers.

        Args:
            channels: of input and output.
            normalization: `group`, `batch` or `none`.
            activation, leaky_slope: see `activation_layer`.
            name: the layer's name.

        Raises:
            ValueError: a name is not known, or the slope is negative.
        """
        super().__init__(name=name)
        self.layers = [
            normalization_layer(normalization, "normalization0"),
            activation_layer(activation, "activation0", leaky_slope),
            Convolution(channels, 3, padding="same", name="convolution0"),
            normalization_layer(normalization, "normalization1"),
            activation_layer(activation, "activation1", leaky_slope),
            Convolution(channels, 3, padding="same", kernel_initializer="zeros", name="convolution1"),
        ]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds the layers for `[B, D, H, W, channels]`."""
        for layer in self.layers:
            layer.build(input_shape)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's shape."""
        return input_shape

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps `[B, D, H, W, channels]` to the same shape; Keras passes `training` to the normalisation."""
        normalization0, activation0, convolution0, normalization1, activation1, convolution1 = self.layers
        outputs = activation0(normalization0(inputs))
        outputs = activation1(_normalized(convolution0, normalization1, outputs))
        return inputs + convolution1(outputs)


def check_latent_layout(latent_layout: str, latent_size: int) -> None:
    """Refuses an unknown latent layout, and a latent size that does not fit it.

    Raises:
        ValueError: it is neither `vector` nor `grid`, or `grid` and the size is not a multiple of 4^3.
    """
    if latent_layout not in ("vector", "grid"):
        raise ValueError(f"latent_layout={latent_layout!r} is not known: give vector or grid")
    if latent_layout == "grid" and latent_size % CORE_SIDE**3:
        raise ValueError(f"latent_size={latent_size} does not fill a 4^3 grid: give a multiple of 64, or vector")


def check_grown(grown: bool, resolution: int) -> None:
    """Refuses a grown network of the smallest resolution.

    Raises:
        ValueError: the resolution is not 4 times a power of two, or there are no networks of half of it.
    """
    if grown and stage_count(resolution) < 2:
        raise ValueError(f"resolution={resolution} has no smaller network to grow from: give 16 or more")


def fade_variable(layer: keras.layers.Layer) -> keras.Variable:
    """The weight in [0, 1] of a grown network's new layers; 1 until it is set. It is saved, and not trained."""
    return layer.add_weight(
        shape=(),
        initializer="ones",
        trainable=False,
        autocast=False,
        aggregation="only_first_replica",
        name="fade",
    )


def faded(before: tf.Tensor, own: tf.Tensor, fade: keras.Variable) -> tf.Tensor:
    """`(1 - fade) before + fade own`, for two tensors of one shape and type."""
    share = tf.cast(tf.convert_to_tensor(fade), own.dtype)
    return (1 - share) * before + share * own


def halve_grids(voxels: tf.Tensor) -> tf.Tensor:
    """Max-pools `[B, 2N, 2N, 2N, 1]` to `[B, N, N, N, 1]`, as records are read at a smaller resolution.

    Differentiable twice; equal maxima share the gradient.
    """
    cells = voxels.shape[1] // 2
    # One axis after the other: the gradient of a maximum over three axes does not run on a CPU.
    largest = tf.reduce_max(tf.reshape(voxels, [-1, 2, 4 * cells**2]), axis=1)  # [BN, 2N 2N]
    largest = tf.reduce_max(tf.reshape(largest, [-1, 2, 2 * cells]), axis=1)  # [BNN, 2N]
    largest = tf.reduce_max(tf.reshape(largest, [-1, 2]), axis=1)  # [BNNN]
    return tf.reshape(largest, [-1, cells, cells, cells, 1])


def double_grids(values: tf.Tensor) -> tf.Tensor:
    """Nearest-neighbour upsampling: `[B, N, N, N, 1]` to `[B, 2N, 2N, 2N, 1]`."""
    cells = values.shape[1]
    values = tf.tile(tf.reshape(values, [-1, cells, 1, cells, 1, cells, 1]), [1, 1, 2, 1, 2, 1, 2])
    return tf.reshape(values, [-1, 2 * cells, 2 * cells, 2 * cells, 1])


class Trunk(keras.layers.Layer):
    """Strided 4^3 convolutions with LeakyReLU; base_width channels at half the resolution, doubling from there.

    With a depth, residual blocks follow each stage. A trunk that has grown (`--progressive`) also holds the first stage
    of a trunk of half the resolution, and fades from it to its own first two stages.

    In the published discriminator (Wu et al. 2016) these are the layers 64-128-256-512, at 64^3 and base_width 64.

    Attributes:
        blocks: the convolutions, outermost first.
        residuals: the blocks that follow each.
        end_before: the first stage of the smaller trunk; None if the trunk has not grown.
        fade: the weight in [0, 1] of the new first two stages; None if the trunk has not grown.
    """

    def __init__(
        self,
        *,
        resolution: int,
        base_width: int,
        normalization: str,
        spectral_normalization: bool = False,
        leaky_slope: float = LEAKY_SLOPE,
        depth: int = 0,
        grown: bool = False,
    ) -> None:
        """Creates the layers.

        Args:
            resolution: voxels a side, 16, 32, 64 or 128.
            base_width: channels of the first stage.
            normalization: `group`, `batch` or `none`.
            spectral_normalization: divides every kernel by its spectral norm.
            leaky_slope: of LeakyReLU below 0.
            depth: residual blocks after each stage.
            grown: whether the trunk also holds the first stage of one of half the resolution.

        Raises:
            ValueError: a size is too small, a name is not known, or the slope is negative.
        """
        super().__init__(name="trunk")
        check_sizes(base_width=base_width)
        check_depth(depth)
        check_grown(grown, resolution)
        options: dict[str, Any] = {"spectral_normalization": spectral_normalization, "leaky_slope": leaky_slope}
        self.blocks = [
            halving(base_width * 2**stage, normalization, f"stage{stage}", **options)
            for stage in range(stage_count(resolution))
        ]
        self.end_before = halving(2 * base_width, normalization, "end_before", **options) if grown else None
        self.fade: keras.Variable | None = None
        self.residuals = [
            [
                ResidualBlock(
                    base_width * 2**stage,
                    normalization,
                    "leaky_relu",
                    name=f"stage{stage}_residual{number}",
                    leaky_slope=leaky_slope,
                )
                for number in range(depth)
            ]
            for stage in range(stage_count(resolution))
        ]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Builds every layer for `[B, R, R, R, 1]`."""
        if self.end_before is not None:
            self.end_before.build((input_shape[0], *(side and side // 2 for side in input_shape[1:4]), 1))
            self.fade = fade_variable(self)
        shape = input_shape
        for block, residuals in zip(self.blocks, self.residuals, strict=True):
            block.build(shape)
            shape = block.compute_output_shape(shape)
            for residual in residuals:
                residual.build(shape)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """`[B, R, R, R, 1]` to `[B, 4, 4, 4, C]`."""
        shape = input_shape
        for block in self.blocks:
            shape = block.compute_output_shape(shape)
        return shape

    def features(self, voxels: tf.Tensor) -> list[tf.Tensor]:
        """The output of every stage, outermost first: `[B, R/2, R/2, R/2, base_width]` to `[B, 4, 4, 4, C]`."""
        outputs: list[tf.Tensor] = []
        features = voxels
        for block, residuals in zip(self.blocks, self.residuals, strict=True):
            features = block(features)
            if self.end_before is not None and len(outputs) == 1:
                features = faded(self.end_before(halve_grids(voxels)), features, self.fade)  # [B, R/4, R/4, R/4, C]
            for residual in residuals:
                features = residual(features)
            outputs.append(features)
        return outputs

    def call(self, voxels: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps `[B, R, R, R, 1]` float to `[B, 4, 4, 4, C]`; Keras passes `training` to the blocks."""
        return self.features(voxels)[-1]


def _normalized(convolution: keras.layers.Layer, normalization: keras.layers.Layer, inputs: tf.Tensor) -> tf.Tensor:
    """A convolution, then its normalisation, which adds the bias if it can."""
    if isinstance(normalization, GroupNormalization):
        return normalization(without_bias(convolution, inputs), bias=convolution.bias)
    return normalization(convolution(inputs))
