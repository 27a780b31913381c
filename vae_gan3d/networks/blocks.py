"""What the three networks share: the stages between the voxels and 4^3, and the block that makes them up."""

import math

import keras
import tensorflow as tf

from vae_gan3d.networks.activations import LEAKY_SLOPE, activation_layer
from vae_gan3d.networks.convolutions import Convolution, TransposedConvolution, without_bias
from vae_gan3d.networks.group_normalization import GroupNormalization
from vae_gan3d.networks.normalization import normalization_layer
from vae_gan3d.networks.spectral_norm import SpectralConvolution
from vae_gan3d.networks.voxel_convolutions import VoxelConvolution

CORE_SIDE = 4  # every network meets the latent at 4^3


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
    """Refuses sizes of a network that are below 1.

    Raises:
        ValueError: one is, by name.
    """
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name}={size} must be 1 or more")


def check_depth(depth: int) -> None:
    """Refuses a number of blocks below 0.

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
        """Makes the block.

        Args:
            convolution: a layer on `[B, D, H, W, C]`.
            normalization: `group`, `batch` or `none`.
            activation, leaky_slope: see `activations.activation_layer`.
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
        """The convolution's: nothing after it changes the shape."""
        return self.convolution.compute_output_shape(input_shape)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps `[B, D, H, W, C]` to the convolution's output shape; Keras hands `training` on to the normalisation."""
        outputs = _normalized(self.convolution, self.normalization, inputs)
        return self.activation(outputs)


def _normalized(convolution: keras.layers.Layer, normalization: keras.layers.Layer, inputs: tf.Tensor) -> tf.Tensor:
    """A convolution, then its normalisation, which adds the bias where it can."""
    if isinstance(normalization, GroupNormalization):
        return normalization(without_bias(convolution, inputs), bias=convolution.bias)
    return normalization(convolution(inputs))


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
    """Two 3^3 convolutions beside a path that leaves the grid as it is (He et al. 2016, full pre-activation).

    The last convolution begins at zero, so that the block begins as the identity.
    """

    def __init__(
        self, channels: int, normalization: str, activation: str, *, name: str, leaky_slope: float = LEAKY_SLOPE
    ) -> None:
        """Makes the layers.

        Args:
            channels: of input and output.
            normalization: `group`, `batch` or `none`.
            activation, leaky_slope: see `activations.activation_layer`.
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
        """Maps `[B, D, H, W, channels]` to the same shape; Keras hands `training` on to the normalisation."""
        normalization0, activation0, convolution0, normalization1, activation1, convolution1 = self.layers
        outputs = activation0(normalization0(inputs))
        outputs = activation1(_normalized(convolution0, normalization1, outputs))
        return inputs + convolution1(outputs)


def check_latent_layout(latent_layout: str, latent_size: int) -> None:
    """Refuses a layout that is not known or that the latent cannot be cut into.

    Raises:
        ValueError: it is neither `vector` nor `grid`, or `grid` and the size is not a multiple of 4^3.
    """
    if latent_layout not in ("vector", "grid"):
        raise ValueError(f"latent_layout={latent_layout!r} is not known: give vector or grid")
    if latent_layout == "grid" and latent_size % CORE_SIDE**3:
        raise ValueError(f"latent_size={latent_size} does not fill a 4^3 grid: give a multiple of 64, or vector")
