"""Spectral normalisation: layers whose kernel, as a matrix, has a largest singular value of 1.

Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks". Keras's own `SpectralNormalization`
is not used: it divides the stored kernel in every training call, so twice in a step with real and generated shapes,
and no gradient passes through the division.
"""

from typing import Any

import keras
import tensorflow as tf

from vae_gan3d.networks.convolutions import VoxelConvolution

_SMALLEST_NORM = 1e-12  # so that a kernel of zeros stays zero


class _EveryVariableSaved(keras.layers.Layer):
    """Saves all variables of a layer to a file of weights; Keras's convolutions save kernel and bias only."""

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """See Keras."""
        keras.layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store: dict[str, Any]) -> None:
        """See Keras."""
        keras.layers.Layer.load_own_variables(self, store)


class SpectralConvolution(_EveryVariableSaved, VoxelConvolution):
    """`VoxelConvolution` with its kernel divided by its spectral norm; the bias is not changed.

    Attributes:
        direction: `[filters]` float32, the estimate of the first right singular vector. Not trained:
            `advance_direction` updates it.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates kernel, bias and direction for `[B, D, H, W, C]`."""
        super().build(input_shape)
        self.direction = _direction(self, self.filters)

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Convolves with the divided kernel; Keras's `call` adds the bias."""
        return super().convolution_op(inputs, normalized_kernel(kernel, self.direction))


class SpectralDense(_EveryVariableSaved, keras.layers.Dense):
    """`keras.layers.Dense` without activation, with its kernel divided by its spectral norm.

    Attributes:
        direction: `[units]` float32, as in `SpectralConvolution`.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates kernel, bias and direction for `[B, C]`."""
        super().build(input_shape)
        self.direction = _direction(self, self.units)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps `[B, C]` to `[B, units]`."""
        outputs = tf.matmul(inputs, normalized_kernel(self.kernel, self.direction))
        return outputs + self.bias if self.use_bias else outputs


def power_iteration(kernel: tf.Tensor, direction: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """One power iteration on a kernel as a matrix (Miyato et al. 2018, algorithm 1).

    Args:
        kernel: `[..., C]`; the matrix is `[N, C]`, a column for each of C outputs.
        direction: `[C]` float32, not zero.

    Returns:
        matrix: `[N, C]` float32, the kernel.
        left: `[N]` float32 of length 1.
        right: `[C]` float32 of length 1, the next direction. No gradient passes through `left` and `right`.
    """
    matrix = tf.reshape(tf.cast(kernel, tf.float32), [-1, kernel.shape[-1]])
    left = tf.math.l2_normalize(tf.linalg.matvec(matrix, tf.convert_to_tensor(direction)))
    right = tf.math.l2_normalize(tf.linalg.matvec(matrix, left, transpose_a=True))
    return matrix, tf.stop_gradient(left), tf.stop_gradient(right)


def normalized_kernel(kernel: tf.Tensor, direction: tf.Tensor) -> tf.Tensor:
    """A kernel divided by its spectral norm, as one power iteration from `direction` estimates it.

    The same kernel and direction always give the same result. Gradients pass through the norm,
    σ = left^T matrix right (Miyato et al. 2018, section 2.3).

    Args:
        kernel: `[..., C]` float.
        direction: `[C]` float32.

    Returns:
        The kernel's shape and type.
    """
    matrix, left, right = power_iteration(kernel, direction)
    norm = tf.tensordot(left, tf.linalg.matvec(matrix, right), 1)
    return kernel / tf.cast(tf.maximum(norm, _SMALLEST_NORM), kernel.dtype)


def advance_direction(layer: SpectralConvolution | SpectralDense) -> None:
    """Updates the direction by one power iteration, once a training step."""
    layer.direction.assign(power_iteration(tf.convert_to_tensor(layer.kernel), layer.direction)[2])


def _direction(layer: keras.layers.Layer, outputs: int) -> keras.Variable:
    """Creates the direction, at first random; all replicas update it alike."""
    return layer.add_weight(
        shape=(outputs,),
        initializer="random_normal",
        trainable=False,
        autocast=False,
        aggregation="only_first_replica",
        name="direction",
    )
