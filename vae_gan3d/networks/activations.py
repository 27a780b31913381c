"""What stands between two linear layers."""

from collections.abc import Callable

import keras
import tensorflow as tf

LEAKY_SLOPE = 0.2  # of LeakyReLU below 0, unless another is asked for


class LeakyReLU(keras.layers.LeakyReLU):
    """`keras.layers.LeakyReLU` whose gradient is taken from its outputs, which have the signs of its inputs.

    So nothing but the activation reads what a convolution gives, and TensorFlow makes one operation of convolution,
    bias and activation on a CPU; the inputs need not be kept until the backward pass either.
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
    """Builds the activation that `--activation` names; that of `leaky_relu` has the slope `leaky_slope` below 0.

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
