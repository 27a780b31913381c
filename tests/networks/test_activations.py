"""Activations: by hand, and against Keras's."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.networks.activations import LeakyReLU, activation_layer


def test_activations_by_hand():
    inputs = tf.constant([-1.0, 2.0])
    expected = {
        "relu": [0, 2],
        "leaky_relu": [-0.2, 2],
        "elu": [np.exp(-1) - 1, 2],
        "selu": [1.0507 * 1.67326 * (np.exp(-1) - 1), 1.0507 * 2],
        "gelu": [-0.158655, 1.954500],  # x Φ(x), Φ(-1) = 0.158655, Φ(2) = 0.977250
        "tanh": [np.tanh(-1), np.tanh(2)],
    }
    for kind, values in expected.items():
        np.testing.assert_allclose(activation_layer(kind, "name")(inputs), values, rtol=1e-4)
    with pytest.raises(ValueError, match="'swish'"):
        activation_layer("swish", "name")


def test_a_leaky_slope_by_hand():
    np.testing.assert_allclose(activation_layer("leaky_relu", "name", 0.5)(tf.constant([-1.0, 2.0])), [-0.5, 2])
    np.testing.assert_allclose(activation_layer("relu", "name", 0.5)(tf.constant([-1.0, 2.0])), [0, 2])
    with pytest.raises(ValueError, match=r"leaky_slope=-0\.1 must be 0 or more"):
        activation_layer("leaky_relu", "name", -0.1)


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_a_gradient_from_the_outputs_is_that_from_the_inputs(slope):
    inputs = tf.constant(np.random.default_rng(0).standard_normal((3, 5)), tf.float32)
    found = []
    for layer in (LeakyReLU(negative_slope=slope), keras.layers.LeakyReLU(negative_slope=slope)):
        with tf.GradientTape() as outer:
            outer.watch(inputs)
            with tf.GradientTape() as inner:
                inner.watch(inputs)
                score = tf.reduce_sum(tf.sin(inputs) * tf.square(layer(inputs)))
            first = inner.gradient(score, inputs)
            norm = tf.reduce_sum(tf.square(first))
        found.append((layer(inputs), first, outer.gradient(norm, inputs)))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
        assert np.abs(theirs).max() > 0.1
