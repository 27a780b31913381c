"""The encoder's moments."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.fakes import random_grids
from vae_gan3d.networks.encoder import LOG_VARIANCE_RANGE, Encoder


def test_log_variance_is_held_in_its_range_and_the_mean_is_not():
    encoder = Encoder(resolution=16, latent_size=3, base_width=8, normalization="none")
    encoder.moments.bias.assign([-100, 0, 100, -100, 0, 100])
    mean, log_variance = encoder(tf.zeros([1, 16, 16, 16, 1]))
    np.testing.assert_allclose(mean[0], [-100, 0, 100])
    np.testing.assert_allclose(log_variance[0], [LOG_VARIANCE_RANGE[0], 0, LOG_VARIANCE_RANGE[1]])


def test_batch_statistics_are_used_and_learnt_in_training_alone():
    encoder = Encoder(resolution=16, latent_size=3, base_width=8, normalization="batch")
    voxels = tf.constant(random_grids(4, 16)[..., np.newaxis], tf.float32)
    statistics = [variable for variable in encoder.variables if "moving" in variable.path]
    before = [variable.numpy() for variable in statistics]
    first, _ = encoder(voxels)
    assert all(np.array_equal(old, variable) for old, variable in zip(before, statistics, strict=True))
    trained, _ = encoder(voxels, training=True)
    assert not any(np.array_equal(old, variable) for old, variable in zip(before, statistics, strict=True))
    assert not np.allclose(first, trained)


def test_outputs_are_float32_under_bfloat16():
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        encoder = Encoder(resolution=16, latent_size=3, base_width=8, normalization="group")
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    mean, log_variance = encoder(tf.zeros([1, 16, 16, 16, 1]))
    assert (mean.dtype, log_variance.dtype) == (tf.float32, tf.float32)
    assert {variable.dtype for variable in encoder.variables} == {"float32"}


def test_a_latent_grid_keeps_mean_and_log_variance_of_a_cell_together():
    encoder = Encoder(resolution=16, latent_size=128, base_width=8, normalization="none", latent_layout="grid")
    assert encoder.moments.kernel.shape == (1, 1, 1, 16, 4)
    encoder.moments.kernel.assign(tf.zeros([1, 1, 1, 16, 4]))
    encoder.moments.bias.assign([1, 2, 3, 100])
    mean, log_variance = encoder(tf.zeros([1, 16, 16, 16, 1]))
    np.testing.assert_array_equal(mean[0], [1, 2] * 64)  # cell by cell, two dimensions each
    np.testing.assert_array_equal(log_variance[0], [3, LOG_VARIANCE_RANGE[1]] * 64)


def test_a_cell_of_a_latent_grid_sees_its_own_part_of_the_shape():
    encoder = Encoder(resolution=64, latent_size=64, base_width=8, normalization="none", latent_layout="grid")
    voxels = np.zeros((2, 64, 64, 64, 1), np.float32)
    voxels[1, :4, :4, :4] = 1  # the second shape differs from the first in one corner
    mean, _ = encoder(tf.constant(voxels))
    changed = np.abs(mean[1] - mean[0]).reshape(4, 4, 4)
    assert changed[0, 0, 0] > 0
    assert changed[3, 3, 3] == 0


def test_a_latent_grid_needs_whole_cells():
    with pytest.raises(ValueError, match="latent_size=200 does not fill a 4\\^3 grid: give a multiple of 64"):
        Encoder(resolution=16, latent_size=200, base_width=8, normalization="none", latent_layout="grid")
