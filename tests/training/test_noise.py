"""Noise is a pure function of seed, stream, step and sample."""

import numpy as np
import tensorflow as tf

from vae_gan3d.replicas import Replica, acting_as
from vae_gan3d.training.noise import POSTERIOR_STREAM, PRIOR_STREAM, interpolated, latent_noise, reparameterize, uniform


def draw(seed=1, stream=POSTERIOR_STREAM, step=3):
    return latent_noise((500, 4), seed=seed, stream=stream, step=tf.constant(step, tf.int64)).numpy()


def test_same_arguments_same_noise_and_any_other_gives_other_noise():
    np.testing.assert_array_equal(draw(), draw())
    for other in (draw(seed=2), draw(stream=PRIOR_STREAM), draw(step=4)):
        # Independent draws of 2000 numbers correlate by 1 / sqrt(2000) = 0.02; 0.1 is more than four times that.
        assert abs(np.corrcoef(draw().ravel(), other.ravel())[0, 1]) < 0.1


def test_replicas_draw_the_rows_of_their_samples():
    whole = draw()
    for index in (0, 1):
        with acting_as(Replica(index, 2, tf.identity)):
            for _ in range(2):
                mine = latent_noise((250, 4), seed=1, stream=POSTERIOR_STREAM, step=tf.constant(3, tf.int64)).numpy()
                np.testing.assert_array_equal(mine, whole[250 * index : 250 * (index + 1)])
    assert not np.array_equal(whole[:250], whole[250:])


def test_noise_is_standard_normal():
    # The mean of 2000 draws deviates by 0.022, their deviation by 0.016: the bounds are four times that.
    assert abs(draw().mean()) < 0.09
    assert abs(draw().std() - 1) < 0.065


def test_reparameterize_by_hand():
    # Variance e^(2 ln 3) = 9, deviation 3: 1 + 3 * 2 = 7.
    latents = reparameterize(tf.constant([[1.0]]), tf.constant([[2 * np.log(3.0)]], tf.float32), tf.constant([[2.0]]))
    np.testing.assert_allclose(latents, [[7]], rtol=1e-6)


def test_uniform_draws_by_hand():
    # The normal distribution function is 0.5 at 0 and 0.8413 at 1 standard deviation.
    np.testing.assert_allclose(uniform(tf.constant([0.0, 1.0, -1.0, 9.0])), [0.5, 0.841345, 0.158655, 1], atol=1e-5)


def test_interpolated_by_hand():
    np.testing.assert_allclose(interpolated(tf.constant([4.0, 4.0]), tf.constant([0.0, 8.0]), 0.25), [1, 7])
