"""Normalisation: by hand, and against Keras's."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.networks.normalization import GroupNormalization, normalization_layer
from vae_gan3d.replicas import Replica, acting_as


def test_values_by_hand():
    # One voxel row with channels (0, 2) and (4, 6) in two voxels, one group: values 0 2 4 6, mean 3, variance
    # (9 + 1 + 1 + 9) / 4 = 5, so they become -3, -1, 1, 3 over the root of 5.
    layer = GroupNormalization(1)
    outputs = layer(tf.reshape(tf.constant([0.0, 2.0, 4.0, 6.0]), [1, 2, 1, 1, 2]))
    np.testing.assert_allclose(tf.reshape(outputs, [-1]), np.array([-3, -1, 1, 3]) / np.sqrt(5), rtol=1e-5)


@pytest.mark.parametrize("groups", [1, 4, 16])
def test_equals_keras_in_values_and_gradients(groups):
    ours, theirs = GroupNormalization(groups), keras.layers.GroupNormalization(groups, epsilon=1e-5)
    random = np.random.default_rng(0)
    inputs, weights = (tf.constant(random.normal(size=(3, 4, 5, 6, 16)), tf.float32) for _ in range(2))
    scale, offset = random.normal(size=(2, 16))
    results = []
    for layer, names in ((ours, ("scale", "offset")), (theirs, ("gamma", "beta"))):
        layer.build(inputs.shape)
        for name, value in zip(names, (scale, offset), strict=True):
            getattr(layer, name).assign(value)
        parameters = [getattr(layer, name).value for name in names]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs)
            loss = tf.reduce_sum(outputs * weights)
        results.append([outputs, *tape.gradient(loss, [inputs, *parameters])])
    for mine, reference in zip(*results, strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-4, atol=1e-4)


def test_a_bias_is_added_and_learns_as_if_the_layer_before_had_added_it():
    random = np.random.default_rng(1)
    layer = GroupNormalization(4)
    inputs, weights = (tf.constant(random.normal(size=(2, 3, 4, 5, 16)), tf.float32) for _ in range(2))
    bias = tf.constant(random.normal(size=16), tf.float32)
    layer.build(inputs.shape)
    layer.scale.assign(random.normal(size=16))
    results = []
    for normalize in (lambda: layer(inputs, bias=bias), lambda: layer(inputs + bias)):
        with tf.GradientTape() as tape:
            tape.watch([inputs, bias])
            outputs = normalize()
            loss = tf.reduce_sum(outputs * weights)
        results.append([outputs, *tape.gradient(loss, [inputs, bias, layer.scale.value, layer.offset.value])])
    for handed_on, added in zip(*results, strict=True):
        np.testing.assert_allclose(handed_on, added, rtol=1e-4, atol=1e-4)
        assert np.abs(added).max() > 0.1


def test_statistics_stay_float32_under_bfloat16():
    # Mean 1004, deviation 4: the squares, 1000000 and 1016064, need more digits than the 8 bits of bfloat16.
    layer = GroupNormalization(1, dtype="mixed_bfloat16")
    outputs = layer(tf.reshape(tf.constant([1000.0, 1008.0], tf.bfloat16), [1, 2, 1, 1, 1]))
    assert outputs.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.reshape(tf.cast(outputs, tf.float32), [-1]), [-1, 1], atol=0.05)
    assert layer.scale.dtype == "float32"


def test_batch_normalization_takes_the_statistics_of_all_replicas():
    # This replica's values 0 and 2 have mean 1 and variance 1, the other's 5 and 1, which are those of 4 and 6. Of all
    # four the mean is 3 and the variance 5.
    layer = normalization_layer("batch", "name")
    inputs = tf.reshape(tf.constant([0.0, 2.0]), [2, 1, 1, 1, 1])
    layer.build(inputs.shape)
    with acting_as(Replica(0, 2, lambda values: values + tf.constant([0.0, 0.0, 5.0, 1.0]))):
        outputs = layer(inputs, training=True)
    np.testing.assert_allclose(tf.reshape(outputs, [-1]), np.array([-3, -1]) / np.sqrt(5), rtol=1e-5)
    np.testing.assert_allclose([layer.moving_mean[0], layer.moving_variance[0]], [0.3, 0.9 + 0.5], rtol=1e-5)


def test_refusals():
    with pytest.raises(ValueError, match="groups=0"):
        GroupNormalization(0)
    with pytest.raises(ValueError, match="12 channels"):
        GroupNormalization(8).build((None, 4, 4, 4, 12))
    with pytest.raises(ValueError, match="'layer'"):
        normalization_layer("layer", "name")
