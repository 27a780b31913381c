"""Random numbers that are a pure function of seed, step and sample, so a resumed run draws the same numbers.

Every replica draws for the whole batch, and takes the rows of its samples.
"""

import math

import tensorflow as tf

from vae_gan3d.replicas import this_replica

POSTERIOR_STREAM = 0
PRIOR_STREAM = 1
INTERPOLATE_STREAM = 2
TURN_STREAM = 3  # the first turn of a plain GAN's step; the next turns have the next numbers


def latent_noise(shape: tuple[int, int], *, seed: int, stream: int, step: tf.Tensor) -> tf.Tensor:
    """Draws from N(0, I).

    Args:
        shape: (B, L); B is the number of samples of this replica.
        seed: the run's.
        stream: one of the streams above; draws of one step differ by it.
        step: int64 scalar.

    Returns:
        `[B, L]` float32. Replicas draw different numbers; together, those that one replica draws for the batch.
    """
    replica = this_replica()
    key = tf.random.fold_in(tf.constant([seed, stream], tf.int64), step)
    key = tf.random.fold_in(key, 0)  # keeps the noise of runs of older versions
    of_all = shape if replica.count == 1 else (replica.count * shape[0], shape[1])
    return replica.local_rows(tf.random.stateless_normal(of_all, seed=key))


def reparameterize(mean: tf.Tensor, log_variance: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """A sample of N(mean, exp(log_variance)) (Kingma and Welling 2014, section 2.4).

    Args:
        mean, log_variance, noise: `[B, L]` float32.

    Returns:
        `[B, L]` float32.
    """
    return mean + tf.exp(0.5 * log_variance) * noise


def uniform(noise: tf.Tensor) -> tf.Tensor:
    """Draws from N(0, 1) to draws from the uniform distribution on [0, 1], by the normal distribution function."""
    return 0.5 * tf.math.erfc(-noise / math.sqrt(2.0))


def interpolated(first: tf.Tensor, second: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """`share * first + (1 - share) * second`, all float32 and broadcastable."""
    return share * first + (1.0 - share) * second
