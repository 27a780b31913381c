"""Measures of shapes and of the discriminator, one pure function each, for training and evaluation alike."""

import tensorflow as tf


def intersection_over_union(probabilities: tf.Tensor, voxels: tf.Tensor, threshold: float = 0.5) -> tf.Tensor:
    """The share of voxels occupied in both among those occupied in either.

    Args:
        probabilities: `[B, R, R, R, 1]` float in [0, 1]; above the threshold means occupied.
        voxels: `[B, R, R, R, 1]` float, occupied above 0.5.
        threshold: in (0, 1).

    Returns:
        `[B]` float32 in [0, 1]; 1 where both are empty.
    """
    first, second = probabilities > threshold, voxels > 0.5
    both = tf.math.count_nonzero(first & second, axis=[1, 2, 3, 4], dtype=tf.float32)
    either = tf.math.count_nonzero(first | second, axis=[1, 2, 3, 4], dtype=tf.float32)
    return tf.where(either > 0, both / tf.maximum(either, 1.0), 1.0)


def occupancy(probabilities: tf.Tensor, threshold: float = 0.5) -> tf.Tensor:
    """The share of occupied voxels.

    Args:
        probabilities: `[B, R, R, R, 1]` float in [0, 1]; above the threshold means occupied.
        threshold: in (0, 1).

    Returns:
        `[B]` float32 in [0, 1].
    """
    return tf.reduce_mean(tf.cast(probabilities > threshold, tf.float32), axis=[1, 2, 3, 4])


def discriminator_accuracy(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """The mean of the shares of real and of generated shapes that are told right (logit above 0: real).

    Args:
        real_logits: `[B, 1]` float32.
        fake_logits: `[B', 1]` float32.

    Returns:
        A float32 scalar in [0, 1].
    """
    real = tf.reduce_mean(tf.cast(real_logits > 0, tf.float32))
    fake = tf.reduce_mean(tf.cast(fake_logits <= 0, tf.float32))
    return 0.5 * (real + fake)
