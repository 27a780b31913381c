"""Points between real and generated shapes, where the penalty of wgan-gp is measured."""

import tensorflow as tf

from vae_gan3d.replicas import this_replica
from vae_gan3d.training.noise import interpolated, latent_noise, uniform

INTERPOLATE_STREAM = 2  # the streams before it are in noise.py


def random_interpolates(real: tf.Tensor, fakes: tf.Tensor, *, seed: int, step: tf.Tensor) -> tf.Tensor:
    """Random points on the lines from real shapes to generated ones (Gulrajani et al. 2017, algorithm 1).

    Each real shape is paired with any of the generated ones, drawn anew for every shape: reconstructions and samples
    of the prior come equally often, and a shape seldom meets its own reconstruction, which lies too close to it.

    Args:
        real: `[B, R, R, R, 1]` float32 in [0, 1].
        fakes: `[K, R, R, R, 1]` float32 in [0, 1], all that the discriminator is shown in this step; with several
            replicas, those of this one, and K is B or a multiple of it. Partners are of all replicas.
        seed: the run's.
        step: int64 scalar.

    Returns:
        `[B, R, R, R, 1]` float32; the same for the same arguments on the same replica.
    """
    shown = this_replica().whole_batch(fakes, groups=max(1, fakes.shape[0] // real.shape[0]))
    count = shown.shape[0]
    noise = latent_noise((real.shape[0], 2), seed=seed, stream=INTERPOLATE_STREAM, step=step)
    draws = uniform(noise)
    partners = tf.gather(shown, tf.minimum(tf.cast(count * draws[:, 0], tf.int32), count - 1))  # [B, R, R, R, 1]
    return interpolated(real, partners, tf.reshape(draws[:, 1], [-1, 1, 1, 1, 1]))
