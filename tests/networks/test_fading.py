"""The steps between two resolutions, by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.networks.fading import check_grown, double_grids, faded, halve_grids
from vae_gan3d.networks.generator import Generator


def test_a_voxel_becomes_eight_and_eight_become_the_largest():
    small = np.arange(8.0, dtype=np.float32).reshape(1, 2, 2, 2, 1)
    large = double_grids(tf.constant(small)).numpy()
    assert large.shape == (1, 4, 4, 4, 1)
    # Voxel (x, y, z) of the large grid is voxel (x // 2, y // 2, z // 2) of the small one, which holds 4x + 2y + z.
    assert [large[0, x, y, z, 0] for x, y, z in ((0, 0, 0), (1, 1, 1), (2, 1, 0), (1, 3, 2), (3, 3, 3))] == [
        0,
        0,
        4,
        3,
        7,
    ]
    np.testing.assert_array_equal(halve_grids(tf.constant(large)), small)
    large[0, 3, 2, 3, 0] = 9  # in the last cell
    assert halve_grids(tf.constant(large)).numpy()[0, 1, 1, 1, 0] == 9


def test_equally_large_voxels_share_the_gradient_and_it_has_one_of_its_own():
    voxels = tf.constant(np.array([3, 3, 1, 0, 0, 0, 0, 0], np.float32).reshape(1, 2, 2, 2, 1))
    with tf.GradientTape() as outer:
        outer.watch(voxels)
        with tf.GradientTape() as inner:
            inner.watch(voxels)
            value = tf.reduce_sum(halve_grids(voxels) ** 2)
        first = inner.gradient(value, voxels)
        length = tf.reduce_sum(first**2)
    # m = 3: d m^2 is 6, half for each of the two.
    np.testing.assert_allclose(np.ravel(first), [3, 3, 0, 0, 0, 0, 0, 0])
    # The length is 2 (2 m / 2)^2 = 2 m^2, so its gradient is 4 m = 12, shared again.
    np.testing.assert_allclose(np.ravel(outer.gradient(length, voxels)), [6, 6, 0, 0, 0, 0, 0, 0])


def test_the_share_is_of_the_own_end():
    fade = keras.Variable(0.25)
    np.testing.assert_allclose(faded(tf.constant([4.0]), tf.constant([8.0]), fade), [5.0])
    assert faded(tf.constant([4.0], tf.bfloat16), tf.constant([8.0], tf.bfloat16), fade).dtype == tf.bfloat16


def test_the_smallest_networks_have_grown_out_of_nothing():
    check_grown(True, 16)
    check_grown(False, 8)
    with pytest.raises(ValueError, match="resolution=8 has no half"):
        check_grown(True, 8)
    with pytest.raises(ValueError, match="resolution=8 has no half"):
        Generator(
            resolution=8,
            latent_size=4,
            base_width=8,
            normalization="none",
            activation="relu",
            architecture="default",
            grown=True,
        )
