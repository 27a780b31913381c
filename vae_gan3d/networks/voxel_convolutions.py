"""The two layers that touch the voxels, in a form that a CPU runs several times as fast.

Both are the plain layers of Keras, with the same weights and the same result to rounding. What is slow in them on a CPU
is one operation: the transposed 4^3 convolution of stride 2 onto a single channel, which is the generator's last layer
forward and the discriminator's first layer backward. In sub-pixel form (Shi et al. 2016, "Real-Time Single Image and
Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network") it is one convolution that gives the
8 voxels around each corner of a cell as 8 channels: they come from the same 2^3 cells, those of one cell from 3^3.
"""

import keras
import tensorflow as tf

from vae_gan3d.networks.convolutions import Convolution, Gradients

_STRIDES = [1, 2, 2, 2, 1]


class VoxelConvolution(Convolution):
    """`Convolution`; fast backward also where it is 4^3 with stride 2 and padding `same`, on one channel."""

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Convolves without the bias, which Keras's `call` adds."""
        on_voxels = tuple(kernel.shape[:-1]) == (4, 4, 4, 1)
        if on_voxels and tuple(self.strides) == (2, 2, 2) and self.padding == "same":
            return halve_voxels(inputs, tf.convert_to_tensor(kernel))
        return super().convolution_op(inputs, kernel)


class VoxelTransposedConvolution(keras.layers.Conv3DTranspose):
    """`keras.layers.Conv3DTranspose` of 4^3 with stride 2 and padding `same` onto one channel; fast forward."""

    def __init__(self, *, first_bias: float, name: str) -> None:
        """Makes the layer.

        Args:
            first_bias: the first value of the bias.
            name: the layer's name.
        """
        bias = keras.initializers.Constant(first_bias)
        super().__init__(1, 4, strides=2, padding="same", bias_initializer=bias, name=name)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps `[B, N, N, N, C]` to `[B, 2N, 2N, 2N, 1]`."""
        voxels = double_to_voxels(inputs, tf.convert_to_tensor(self.kernel))
        return voxels + tf.convert_to_tensor(self.bias)


def halve_voxels(voxels: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """A 4^3 convolution of stride 2 with padding `same` on one channel.

    Args:
        voxels: `[B, 2N, 2N, 2N, 1]` float.
        kernel: `[4, 4, 4, 1, C]`, the same type.

    Returns:
        `[B, N, N, N, C]`; differentiable twice.
    """

    @tf.custom_gradient
    def halve(voxels: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Gradients]:
        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return double_to_voxels(upstream, kernel), _kernel_gradient(voxels, upstream, kernel)

        return tf.nn.conv3d(voxels, kernel, _STRIDES, "SAME"), gradient

    return halve(voxels, kernel)


def double_to_voxels(features: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """The transposed convolution that belongs to `halve_voxels`, in sub-pixel form.

    Args:
        features: `[B, N, N, N, C]` float.
        kernel: `[4, 4, 4, 1, C]`, the same type.

    Returns:
        `[B, 2N, 2N, 2N, 1]`; differentiable twice.
    """

    @tf.custom_gradient
    def double(features: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Gradients]:
        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return halve_voxels(upstream, kernel), _kernel_gradient(upstream, features, kernel)

        corners = features.shape[1] + 1  # a side
        # Padding of its own with VALID: TensorFlow merges it into the convolution.
        padded = tf.pad(features, [[0, 0], [1, 1], [1, 1], [1, 1], [0, 0]])  # [B, N + 2, N + 2, N + 2, C]
        parts = tf.nn.conv3d(padded, _sub_pixel_kernel(kernel), [1, 1, 1, 1, 1], "VALID")  # [B, N + 1, .., 8]
        parts = tf.reshape(parts, [-1, corners, corners, corners, 2, 2, 2])
        parts = tf.transpose(parts, [0, 1, 4, 2, 5, 3, 6])  # [B, N + 1, 2, N + 1, 2, N + 1, 2]
        voxels = tf.reshape(parts, [-1, 2 * corners, 2 * corners, 2 * corners, 1])
        return voxels[:, 1:-1, 1:-1, 1:-1], gradient  # [B, 2N, 2N, 2N, 1]

    return double(features, kernel)


def _kernel_gradient(voxels: tf.Tensor, features: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """The gradient of either function at the kernel, from the tensors on its two sides: `[4, 4, 4, 1, C]`."""
    return tf.raw_ops.Conv3DBackpropFilterV2(
        input=voxels, filter_sizes=kernel.shape, out_backprop=features, strides=_STRIDES, padding="SAME"
    )


def _sub_pixel_kernel(kernel: tf.Tensor) -> tf.Tensor:
    """`[4, 4, 4, 1, C]` to `[2, 2, 2, C, 8]`: what each of the 2^3 cells around a corner gives to its 8 voxels.

    On each axis the voxels 2j - 1 and 2j get taps 2 and 3 of cell j - 1, and taps 0 and 1 of cell j.
    """
    taps = tf.reshape(kernel, [2, 2, 2, 2, 2, 2, -1])  # cell (the later one first) and voxel of each axis, C
    taps = tf.reverse(taps, [0, 2, 4])
    return tf.reshape(tf.transpose(taps, [0, 2, 4, 6, 1, 3, 5]), [2, 2, 2, kernel.shape[-1], 8])
