"""Convolutions whose kernels' gradients a CPU takes from rows of several samples, where the grids are small.

oneDNN goes through a grid row by row. On rows of 4 or 8 voxels its bfloat16 gradient at the kernel spends more time on
sorting than on multiplying; samples side by side, with zeros between them, make long rows, and have the same sums.
"""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

# Of the larger grid a side: nothing is gained on 16 voxels, and in float32 time is lost.
_LONGEST_SIDE = 8
_ROW = 64  # voxels that are put into a row, where the batch has so many

Gradients = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class Convolution(keras.layers.Conv3D):
    """`keras.layers.Conv3D`, with the same variables; fast backward on small grids."""

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Convolves without the bias, which Keras's `call` adds."""
        if self.padding != "same":
            return super().convolution_op(inputs, kernel)
        return convolve(inputs, tf.convert_to_tensor(kernel), self.strides[0])


class TransposedConvolution(keras.layers.Conv3DTranspose):
    """`keras.layers.Conv3DTranspose` with padding `same`, with the same variables; fast backward on small grids."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps `[B, N, N, N, F]` to `[B, sN, sN, sN, filters]`."""
        return without_bias(self, inputs) + tf.convert_to_tensor(self.bias)


def without_bias(layer: keras.layers.Conv3D | keras.layers.Conv3DTranspose, inputs: tf.Tensor) -> tf.Tensor:
    """What a convolution gives before it adds its bias.

    Args:
        layer: built, with padding `same` or `valid`, and no activation.
        inputs: `[B, D, H, W, C]` float.
    """
    with tf.name_scope(layer.name):
        if isinstance(layer, TransposedConvolution):
            return convolve_transposed(inputs, tf.convert_to_tensor(layer.kernel), layer.strides[0])
        if isinstance(layer, keras.layers.Conv3DTranspose):
            return keras.ops.conv_transpose(inputs, layer.kernel, strides=list(layer.strides), padding=layer.padding)
        return layer.convolution_op(inputs, layer.kernel)


def convolve(inputs: tf.Tensor, kernel: tf.Tensor, stride: int) -> tf.Tensor:
    """A convolution with padding `same`.

    Args:
        inputs: `[B, sN, sN, sN, C]` float.
        kernel: `[K, K, K, C, F]`, the same type.
        stride: s, on every axis.

    Returns:
        `[B, N, N, N, F]`; differentiable twice.
    """

    @tf.custom_gradient
    def forward(inputs: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Gradients]:
        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            by_inputs = _plain_transposed(upstream, kernel, stride)
            return by_inputs, kernel_gradient(inputs, upstream, kernel.shape, stride)

        return _plain(inputs, kernel, stride), gradient

    gain = samples_a_row(inputs.shape, kernel.shape, inputs.dtype) > 1
    return forward(inputs, kernel) if gain else _plain(inputs, kernel, stride)


def convolve_transposed(inputs: tf.Tensor, kernel: tf.Tensor, stride: int) -> tf.Tensor:
    """The transposed convolution that belongs to `convolve`.

    Args:
        inputs: `[B, N, N, N, F]` float.
        kernel: `[K, K, K, C, F]`, the same type.
        stride: s, on every axis.

    Returns:
        `[B, sN, sN, sN, C]`; differentiable twice.
    """

    @tf.custom_gradient
    def forward(inputs: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Gradients]:
        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return _plain(upstream, kernel, stride), kernel_gradient(upstream, inputs, kernel.shape, stride)

        return _plain_transposed(inputs, kernel, stride), gradient

    grids = tf.TensorShape([inputs.shape[0], *(stride * side for side in inputs.shape[1:4]), kernel.shape[3]])
    gain = samples_a_row(grids, kernel.shape, inputs.dtype) > 1
    return forward(inputs, kernel) if gain else _plain_transposed(inputs, kernel, stride)


def kernel_gradient(grids: tf.Tensor, features: tf.Tensor, shape: Sequence[int], stride: int) -> tf.Tensor:
    """The gradient at the kernel of `convolve` or of `convolve_transposed`.

    Args:
        grids: `[B, sN, sN, sN, C]` float, on the one side of the kernel.
        features: `[B, N, N, N, F]`, the same type, on the other.
        shape: `[K, K, K, C, F]`.
        stride: s.

    Returns:
        `[K, K, K, C, F]`.
    """
    samples = samples_a_row(grids.shape, shape, grids.dtype)
    if samples > 1:
        # What padding puts beside a sample serves its neighbour too; the strides of all have to fall alike.
        gap = -(-(shape[0] - stride) // (2 * stride))
        grids, features = _in_rows(grids, samples, gap * stride), _in_rows(features, samples, gap)
    return tf.raw_ops.Conv3DBackpropFilterV2(
        input=grids, filter_sizes=shape, out_backprop=features, strides=_strides(stride), padding="SAME"
    )


def samples_a_row(grids: tf.TensorShape, kernel: Sequence[int], dtype: tf.DType) -> int:
    """How many samples the gradient at a kernel puts side by side; 1 where that gains nothing.

    Args:
        grids: `[B, sN, sN, sN, C]`, B perhaps unknown.
        kernel: `[K, K, K, C, F]`.
        dtype: of the grids.
    """
    batch, side = grids[0], grids[3]
    plain = dtype != tf.bfloat16 or side > _LONGEST_SIDE or kernel[0] == 1
    if plain or batch is None or tf.config.list_physical_devices("GPU"):
        return 1
    return max(number for number in range(1, _ROW // side + 1) if batch % number == 0)


def _in_rows(grids: tf.Tensor, samples: int, gap: int) -> tf.Tensor:
    """`[B, D, H, W, C]` to `[B / samples, D, H, samples (W + gap), C]`, with zeros in the gaps."""
    batch, depth, height, width, channels = grids.shape
    parts = tf.unstack(tf.reshape(grids, [samples, batch // samples, depth, height, width, channels]))
    zeros = tf.zeros([batch // samples, depth, height, gap, channels], grids.dtype)
    return tf.concat([piece for part in parts for piece in (part, zeros)], axis=3)


def _plain(inputs: tf.Tensor, kernel: tf.Tensor, stride: int) -> tf.Tensor:
    return tf.nn.conv3d(inputs, kernel, _strides(stride), "SAME")


def _plain_transposed(inputs: tf.Tensor, kernel: tf.Tensor, stride: int) -> tf.Tensor:
    shape = [tf.shape(inputs)[0], *(stride * side for side in inputs.shape[1:4]), kernel.shape[3]]
    return tf.nn.conv3d_transpose(inputs, kernel, shape, _strides(stride), "SAME")


def _strides(stride: int) -> list[int]:
    return [1, stride, stride, stride, 1]
