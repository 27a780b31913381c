"""Random numbers that are a pure function of seed, step and sample, so that a resumed run draws the same ones.

Replicas draw those of the whole batch, and each takes the rows of its samples.
"""

import math

import tensorflow as tf

from vae_gan3d.replicas import this_replica

POSTERIOR_STREAM = 0
PRIOR_STREAM = 1
INTERPOLATE_STREAM = 2
TURN_STREAM = 3  # the first turn of a plain GAN's step; each further turn has the next number


def latent_noise(shape: tuple[int, int], *, seed: int, stream: int, step: tf.Tensor) -> tf.Tensor:
    """Draws from N(0, I).

    Args:
        shape: (B, L), B the samples of this replica.
        seed: the run's.
        stream: tells draws of one step apart, one of the streams above.
        step: int64 scalar.

    Returns:
        `[B, L]` float32; the same for the same arguments on the same replica, and another on every other replica:
        replicas together draw what one with all samples draws.
    """
    replica = this_replica()
    key = tf.random.fold_in(tf.constant([seed, stream], tf.int64), step)
    key = tf.random.fold_in(key, 0)  # so that runs of older versions go on with the same noise
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
    """Draws from N(0, 1) as draws from the uniform distribution on [0, 1]: the normal distribution function of them."""
    return 0.5 * tf.math.erfc(-noise / math.sqrt(2.0))


def interpolated(first: tf.Tensor, second: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """`share` of the first and the rest of the second, all float32 and of shapes that fit each other."""
    return share * first + (1.0 - share) * second
