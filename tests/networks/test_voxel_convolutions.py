"""The fast forms of the outermost layers equal the plain ones, forward, backward and twice backward."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.networks.voxel_convolutions import (
    VoxelConvolution,
    VoxelTransposedConvolution,
    double_to_voxels,
    halve_voxels,
)


def _plain_double(features, kernel):
    batch, cells = features.shape[0], features.shape[1]
    return tf.nn.conv3d_transpose(features, kernel, [batch, *[2 * cells] * 3, 1], [1, 2, 2, 2, 1], "SAME")


def _plain_halve(voxels, kernel):
    return tf.nn.conv3d(voxels, kernel, [1, 2, 2, 2, 1], "SAME")


FORMS = [
    pytest.param(double_to_voxels, _plain_double, (2, 4, 4, 4, 3), id="double"),
    pytest.param(halve_voxels, _plain_halve, (2, 8, 8, 8, 1), id="halve"),
]


def _first_and_second_gradients(function, inputs, kernel):
    """The output, its gradients, and those of the squared norm of the gradient at the inputs, as R1 takes them."""
    with tf.GradientTape() as outer:
        outer.watch([inputs, kernel])
        with tf.GradientTape() as inner:
            inner.watch([inputs, kernel])
            outputs = function(inputs, kernel)
            score = tf.reduce_sum(tf.sin(outputs))
        by_inputs, by_kernel = inner.gradient(score, [inputs, kernel])
        norm = tf.reduce_sum(tf.square(by_inputs))
    return outputs, by_inputs, by_kernel, *outer.gradient(norm, [inputs, kernel])


@pytest.mark.parametrize("compiled", [False, True])  # a graph merges operations, with code of its own for each
@pytest.mark.parametrize(("fast", "plain", "shape"), FORMS)
def test_the_fast_form_equals_the_plain_one(fast, plain, shape, compiled):
    generator = np.random.default_rng(0)
    inputs = tf.constant(generator.standard_normal(shape), tf.float32)
    kernel = tf.constant(generator.standard_normal((4, 4, 4, 1, 3)), tf.float32)
    measure = tf.function(_first_and_second_gradients) if compiled else _first_and_second_gradients
    for ours, theirs in zip(
        measure(fast, inputs, kernel),
        _first_and_second_gradients(plain, inputs, kernel),
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-3)
        assert np.abs(theirs).max() > 0.1


def test_one_tap_lands_where_the_transposed_convolution_puts_it():
    # Padding `same` cuts one voxel at each end, so tap k of cell i reaches voxel 2i + k - 1: tap (1, 2, 3) of cell
    # (1, 1, 1) reaches voxel (2, 3, 4).
    kernel = np.zeros((4, 4, 4, 1, 1), np.float32)
    kernel[1, 2, 3] = 5
    features = np.zeros((1, 3, 3, 3, 1), np.float32)
    features[0, 1, 1, 1] = 2
    voxels = double_to_voxels(tf.constant(features), tf.constant(kernel)).numpy()
    assert np.argwhere(voxels).tolist() == [[0, 2, 3, 4, 0]]
    assert voxels.max() == 10


def test_layers_have_the_weights_and_results_of_kerass_own():
    features = tf.constant(np.random.default_rng(1).standard_normal((2, 4, 4, 4, 3)), tf.float32)
    voxels = tf.constant(np.random.default_rng(2).standard_normal((2, 8, 8, 8, 1)), tf.float32)
    form = {"strides": 2, "padding": "same"}
    transposed = VoxelTransposedConvolution(first_bias=-3.0, name="a")
    for ours, theirs, inputs in (
        (transposed, keras.layers.Conv3DTranspose(1, 4, **form), features),
        (VoxelConvolution(5, 4, **form), keras.layers.Conv3D(5, 4, **form), voxels),
        (VoxelConvolution(5, 4, **form), keras.layers.Conv3D(5, 4, **form), features),
    ):
        ours(inputs)
        theirs(inputs)
        theirs.set_weights(ours.get_weights())
        assert [variable.name for variable in ours.weights] == [variable.name for variable in theirs.weights]
        np.testing.assert_allclose(ours(inputs), theirs(inputs), rtol=1e-5, atol=1e-5)


def test_the_first_bias_is_the_one_asked_for():
    layer = VoxelTransposedConvolution(first_bias=-3.0, name="a")
    layer.build((None, 4, 4, 4, 2))
    np.testing.assert_array_equal(layer.bias, [-3.0])


def test_bfloat16_stays_bfloat16():
    features = tf.ones((1, 4, 4, 4, 3), tf.bfloat16)
    assert double_to_voxels(features, tf.ones((4, 4, 4, 1, 3), tf.bfloat16)).dtype == tf.bfloat16
