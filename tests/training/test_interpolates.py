"""Points between real and generated shapes."""

import numpy as np
import tensorflow as tf

from vae_gan3d.training.interpolates import random_interpolates

COUNT = 400


def positions(seed=1, step=3):
    """Real shapes are 0 and the generated ones 1 to 2 COUNT, so a point's value is (1 - share) times its partner."""
    real = tf.zeros([COUNT, 1, 1, 1, 1])
    fakes = tf.reshape(tf.range(1.0, 2 * COUNT + 1), [-1, 1, 1, 1, 1])
    points = random_interpolates(real, fakes, seed=seed, step=tf.constant(step, tf.int64))
    assert points.shape == real.shape
    return points.numpy().ravel()


def test_shares_are_uniform():
    # With all generated shapes 1, a point is 1 - share. The mean of 400 uniform numbers deviates by 0.0144, and the
    # share below a quarter by 0.022: the bounds are four times that.
    points = random_interpolates(
        tf.zeros([COUNT, 1, 1, 1, 1]), tf.ones([3, 1, 1, 1, 1]), seed=0, step=tf.constant(0, tf.int64)
    ).numpy()
    assert points.min() >= 0
    assert points.max() <= 1
    assert abs(points.mean() - 0.5) < 0.06
    assert abs((points < 0.25).mean() - 0.25) < 0.09


def test_partners_come_from_all_generated_shapes():
    # Real shapes are 0, generated ones 0 in one half and 1 in the other: a point is 0 where its partner is, and above
    # 0 elsewhere.
    fakes = tf.concat([tf.zeros([50, 1, 1, 1, 1]), tf.ones([50, 1, 1, 1, 1])], axis=0)
    points = random_interpolates(tf.zeros([COUNT, 1, 1, 1, 1]), fakes, seed=0, step=tf.constant(0, tf.int64)).numpy()
    # A fair coin's share of 400 throws deviates by 0.025; the bound is four times that.
    assert abs((points == 0).mean() - 0.5) < 0.1


def test_they_are_a_function_of_seed_and_step():
    np.testing.assert_array_equal(positions(), positions())
    for other in (positions(seed=2), positions(step=4)):
        assert abs(np.corrcoef(positions(), other)[0, 1]) < 0.2  # 1 / sqrt 400 = 0.05, four times over


def test_a_shape_is_mixed_as_a_whole():
    real, fakes = tf.zeros([5, 4, 4, 4, 1]), tf.ones([5, 4, 4, 4, 1])
    points = random_interpolates(real, fakes, seed=0, step=tf.constant(0, tf.int64)).numpy().reshape(5, -1)
    assert (points == points[:, :1]).all()
    assert len(np.unique(points[:, 0])) == 5
