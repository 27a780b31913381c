"""Whether what a step has found is fit to learn from: a NaN or an infinity would stay in the weights for good."""

from collections.abc import Sequence

import tensorflow as tf


def is_sound(numbers: Sequence[tf.Tensor], penalties: tf.Tensor) -> tf.Tensor:
    """Judges a step, or a turn of one.

    Args:
        numbers: losses and the norms of the gradients, float32 of any shapes, of the whole batch: what is wrong on one
            replica is wrong in the sums of all.
        penalties: `[2]` float32, NaN where one is not measured. Of one that is, a NaN reaches its gradient too.

    Returns:
        A bool scalar, the same on every replica: whether no number is NaN or infinite, and no penalty is infinite.
    """
    known = tf.concat([tf.reshape(number, [-1]) for number in numbers], axis=0)
    return tf.reduce_all(tf.math.is_finite(known)) & ~tf.reduce_any(tf.math.is_inf(penalties))


def none_where_skipped(sound: tf.Tensor, metrics: tf.Tensor) -> tf.Tensor:
    """The numbers of a step that is learned from; all NaN for a step that is skipped, by which it is known."""
    return tf.where(sound, metrics, float("nan"))
