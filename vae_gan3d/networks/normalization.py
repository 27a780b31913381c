"""Normalisation for voxel grids: by groups of channels, or by the whole batch."""

import keras
import tensorflow as tf

from vae_gan3d.networks.group_normalization import GroupNormalization
from vae_gan3d.replicas import this_replica

_EPSILON = 1e-5


def normalization_layer(kind: str, name: str) -> keras.layers.Layer:
    """Builds the normalisation that `--normalization` names.

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
        return BatchNormalization(momentum=0.9, epsilon=_EPSILON, name=name)
    if kind == "none":
        return keras.layers.Identity(name=name)
    raise ValueError(f"normalization={kind!r} is not known: give group, batch or none")


class BatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` whose statistics are of the whole batch, also where replicas share it.

    Keras's own `synchronized=True` fails inside `tf.cond` under `tf.distribute.MirroredStrategy`.
    """

    def _moments(self, inputs: tf.Tensor, mask: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and variance `[C]` of `[B, D, H, W, C]`; gradients pass to the samples of every replica."""
        mean, variance = super()._moments(inputs, mask)
        if this_replica().count == 1:
            return mean, variance
        # Of equally many values each: the mean of the variances, and the variance of the means.
        means, variances = tf.unstack(this_replica().all_gather(tf.stack([mean, variance])), axis=1)  # [count, C] each
        whole = tf.reduce_mean(means, axis=0)
        return whole, tf.reduce_mean(variances + tf.math.squared_difference(means, whole), axis=0)
