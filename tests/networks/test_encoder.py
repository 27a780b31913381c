"""The encoder's moments."""

import keras
import numpy as np
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
