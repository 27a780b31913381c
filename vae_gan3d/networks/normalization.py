"""Normalisation for voxel grids: by groups of channels, or by the whole batch."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from vae_gan3d.replicas import this_replica

EPSILON = 1e-5
Gradients = tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]


class GroupNormalization(keras.layers.Layer):
    """Group normalisation (Wu and He 2018), the same function as `keras.layers.GroupNormalization`.

    Keras runs it on five dimensions as many separate operations, which took 34 % of a training step on a CPU. Here the
    statistics are two sums over the voxels, the rest is one multiply-add, and the gradient is in closed form.
    Statistics are float32 under every dtype policy.
    """

    def __init__(self, groups: int, **options: Any) -> None:  # noqa: ANN401 (Keras's own keywords)
        """Creates the layer.

        Args:
            groups: how many groups the channels are split into.
            **options: of `keras.layers.Layer`.

        Raises:
            ValueError: groups is below 1.
        """
        super().__init__(**options)
        if groups < 1:
            raise ValueError(f"groups={groups} must be 1 or more")
        self.groups = groups

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates scale and offset, `[C]` each.

        Raises:
            ValueError: the channels cannot be split into the groups.
        """
        channels = input_shape[-1]
        if channels is None or channels % self.groups:
            raise ValueError(f"{channels} channels cannot be split into groups={self.groups}: give a divisor")
        self.scale = self.add_weight(shape=(channels,), initializer="ones", name="scale", autocast=False)
        self.offset = self.add_weight(shape=(channels,), initializer="zeros", name="offset", autocast=False)

    def call(self, inputs: tf.Tensor, bias: tf.Tensor | None = None) -> tf.Tensor:
        """Normalises each sample's groups to mean 0 and variance 1, then scales and shifts the channels.

        Args:
            inputs: `[B, D, H, W, C]` float.
            bias: `[C]`, added to the inputs. It costs nothing here; the convolution before would pass over the grid
                once more for it, forward and backward.

        Returns:
            The same shape and type.
        """
        voxels = inputs.shape[1] * inputs.shape[2] * inputs.shape[3]
        channels = inputs.shape[-1]
        flat = tf.reshape(inputs, [-1, voxels, channels])  # [B, DHW, C]
        scale, offset = tf.convert_to_tensor(self.scale), tf.convert_to_tensor(self.offset)
        added = tf.zeros([channels]) if bias is None else tf.cast(bias, tf.float32)
        return tf.reshape(_normalize(flat, added, scale, offset, self.groups), tf.shape(inputs))  # [B, D, H, W, C]


def normalization_layer(kind: str, name: str) -> keras.layers.Layer:
    """Creates the normalisation that `--normalization` names.

    Args:
        kind: `group` (8 groups), `batch` or `none`.
        name: the layer's name.

    Returns:
        A layer on `[B, D, H, W, C]` tensors that keeps their shape.

    Raises:
        ValueError: the kind is not known.
    """
    if kind == "group":
        return GroupNormalization(8, name=name)
    if kind == "batch":
        return BatchNormalization(momentum=0.9, epsilon=EPSILON, name=name)
    if kind == "none":
        return keras.layers.Identity(name=name)
    raise ValueError(f"normalization={kind!r} is not known: give group, batch or none")


class BatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` with statistics of the whole batch, over all replicas.

    Keras's own `synchronized=True` fails inside `tf.cond` under `tf.distribute.MirroredStrategy`.
    """

    def _moments(self, inputs: tf.Tensor, mask: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and variance `[C]` of `[B, D, H, W, C]`; gradients reach the samples of every replica."""
        mean, variance = super()._moments(inputs, mask)
        if this_replica().count == 1:
            return mean, variance
        # Replicas have equally many values: the variance is the mean of the variances plus the variance of the means.
        means, variances = tf.unstack(this_replica().all_gather(tf.stack([mean, variance])), axis=1)  # [count, C] each
        whole = tf.reduce_mean(means, axis=0)
        return whole, tf.reduce_mean(variances + tf.math.squared_difference(means, whole), axis=0)


def _normalize(inputs: tf.Tensor, bias: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, groups: int) -> tf.Tensor:
    """Group normalisation of `[B, N, C]`, plus a bias `[C]`, with its gradient in closed form."""
    voxels = float(inputs.shape[1])

    @tf.custom_gradient
    def normalize(
        inputs: tf.Tensor, bias: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor
    ) -> tuple[tf.Tensor, Callable[[tf.Tensor], Gradients]]:
        values = tf.cast(inputs, tf.float32)  # bfloat16 would lose the difference of squares
        plain_sum = _sum_over_voxels(values)  # [B, 1, C]
        sums = plain_sum + voxels * bias
        squares = _sum_over_voxels(tf.square(values)) + bias * (plain_sum + sums)
        mean = _group_mean(sums, groups, voxels)
        variance = _group_mean(squares, groups, voxels) - tf.square(mean)
        inverse = tf.math.rsqrt(tf.maximum(variance, 0.0) + EPSILON)
        slope = inverse * scale
        outputs = inputs * tf.cast(slope, inputs.dtype) + tf.cast(offset + (bias - mean) * slope, inputs.dtype)

        def gradient(upstream: tf.Tensor) -> Gradients:
            upstream_values = tf.cast(upstream, tf.float32)
            total = _sum_over_voxels(upstream_values)  # Σ dy, [B, 1, C]
            product = _sum_over_voxels(upstream_values * tf.cast(inputs, tf.float32)) + bias * total
            along = (product - mean * total) * inverse  # Σ dy x̂, [B, 1, C]
            # dx = inverse (scale dy - mean(scale dy) - x̂ mean(scale dy x̂)), gathered as dy slope + x bend + shift
            bend = -tf.square(inverse) * _group_mean(along * scale, groups, voxels)
            shift = -inverse * _group_mean(total * scale, groups, voxels) - bend * mean
            by_input = upstream * tf.cast(slope, inputs.dtype) + (
                inputs * tf.cast(bend, inputs.dtype) + tf.cast(shift + bias * bend, inputs.dtype)
            )
            by_bias = slope * total + bend * sums + voxels * shift
            return by_input, *(tf.reduce_sum(by, axis=[0, 1]) for by in (by_bias, along, total))

        return outputs, gradient

    return normalize(inputs, bias, scale, offset)


def _group_mean(sums: tf.Tensor, groups: int, voxels: float) -> tf.Tensor:
    """Sums over voxels `[B, 1, C]` to means over each channel's group `[B, 1, C]`."""
    size = sums.shape[-1] // groups
    means = tf.reduce_sum(tf.reshape(sums, [-1, groups, size]), axis=2, keepdims=True) / (voxels * size)  # [B, G, 1]
    # `tf.repeat` would make 30 operations of this, a third of all in a training step.
    return tf.reshape(tf.tile(means, [1, 1, size]), [-1, 1, groups * size])


def _sum_over_voxels(values: tf.Tensor) -> tf.Tensor:
    """`[B, N, C]` float32 to `[B, 1, C]` as a product with ones: faster on a CPU than a sum over an inner axis."""
    return tf.linalg.matmul(tf.ones([1, 1, values.shape[1]]), values)
