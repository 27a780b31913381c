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


def precision(probabilities: tf.Tensor, voxels: tf.Tensor, threshold: float = 0.5) -> tf.Tensor:
    """The share of real voxels among those predicted.

    Args:
        probabilities: `[B, R, R, R, 1]` float in [0, 1]; above the threshold means predicted.
        voxels: `[B, R, R, R, 1]` float, real above 0.5.
        threshold: in (0, 1).

    Returns:
        `[B]` float32 in [0, 1]. Where nothing is predicted: 1 if the real shape is empty too, else 0.
    """
    return _share_of_first(probabilities > threshold, voxels > 0.5)


def recall(probabilities: tf.Tensor, voxels: tf.Tensor, threshold: float = 0.5) -> tf.Tensor:
    """The share of predicted voxels among those that are real.

    Args:
        probabilities: `[B, R, R, R, 1]` float in [0, 1]; above the threshold means predicted.
        voxels: `[B, R, R, R, 1]` float, real above 0.5.
        threshold: in (0, 1).

    Returns:
        `[B]` float32 in [0, 1]. Where the real shape is empty: 1 if nothing is predicted either, else 0.
    """
    return _share_of_first(voxels > 0.5, probabilities > threshold)


def _share_of_first(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """The share of the first's voxels that are in the second too; where there are none, 1 if both are empty, else 0."""
    both = tf.math.count_nonzero(first & second, axis=[1, 2, 3, 4], dtype=tf.float32)
    size = tf.math.count_nonzero(first, axis=[1, 2, 3, 4], dtype=tf.float32)
    second_is_empty = tf.logical_not(tf.reduce_any(second, axis=[1, 2, 3, 4]))
    return tf.where(size > 0, both / tf.maximum(size, 1.0), tf.cast(second_is_empty, tf.float32))


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
