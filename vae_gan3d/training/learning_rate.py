"""How the learning rates rise and fall over a run."""

import math

import tensorflow as tf


def learning_rate_scale(step: tf.Tensor, total_steps: int, warmup: int, kind: str) -> tf.Tensor:
    """The factor of a learning rate at a step.

    It is a pure function of the step, so a resumed run goes on with it exactly. A run that is resumed with more epochs
    follows the curve of the longer run from there: a rate that had nearly come down to 0 rises again.

    Args:
        step: int64 scalar, steps taken before this one.
        total_steps: of the whole run; the factor would be 0 at this step, the first that is not taken.
        warmup: the first steps, over which the factor rises linearly: 1 / warmup, 2 / warmup, to 1; 0 for none.
        kind: the fall from there: `none`, `linear`, or `cosine`, half a period (Loshchilov and Hutter 2017,
            equation 5, without restarts).

    Returns:
        A float32 scalar in [0, 1].

    Raises:
        ValueError: the kind is not known.
    """
    now = tf.cast(step, tf.float32)
    rise = tf.minimum(1.0, (now + 1.0) / warmup) if warmup else tf.constant(1.0)
    done = tf.clip_by_value((now - warmup) / max(total_steps - warmup, 1), 0.0, 1.0)
    if kind == "none":
        return rise
    if kind == "linear":
        return rise * (1.0 - done)
    if kind == "cosine":
        return rise * 0.5 * (1.0 + tf.cos(math.pi * done))
    raise ValueError(f"learning rate decay {kind!r} is not known: give none, linear or cosine")
