"""Spectral normalisation: the norm, its gradient, and how the direction moves."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.networks.spectral_norm import (
    SpectralConvolution,
    SpectralDense,
    advance_direction,
    normalized_kernel,
    power_iteration,
)

DIAGONAL = [[3.0, 0.0], [0.0, 1.0]]


def built(kind):
    keras.utils.set_random_seed(1)
    if kind == "convolution":
        layer = SpectralConvolution(12, 4, strides=2, padding="same")
        layer.build((None, 8, 8, 8, 5))
    else:
        layer = SpectralDense(12)
        layer.build((None, 40))
    return layer


def test_a_power_iteration_by_hand():
    # W (1, 1) = (3, 1), of length sqrt 10; W^T of that is (9, 1) / sqrt 10, of direction (9, 1) / sqrt 82.
    matrix, left, right = power_iteration(tf.constant(DIAGONAL), tf.constant([1.0, 1.0]))
    np.testing.assert_allclose(matrix, DIAGONAL)
    np.testing.assert_allclose(left, np.array([3, 1]) / np.sqrt(10), rtol=1e-6)
    np.testing.assert_allclose(right, np.array([9, 1]) / np.sqrt(82), rtol=1e-6)


def test_the_gradient_passes_through_the_norm():
    # Along (1, 0) the norm is the first entry a = 3. The sum of W / a over all four entries is S / a with S = 4: its
    # slope is 1 / a = 1/3 in every entry, and S / a² = 4/9 less in the first.
    kernel = tf.Variable(DIAGONAL)
    with tf.GradientTape() as tape:
        divided = normalized_kernel(tf.convert_to_tensor(kernel), tf.constant([1.0, 0.0]))
        total = tf.reduce_sum(divided)
    np.testing.assert_allclose(divided, [[1, 0], [0, 1 / 3]], rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(total, kernel), [[-1 / 9, 1 / 3], [1 / 3, 1 / 3]], rtol=1e-5)


@pytest.mark.parametrize("kind", ["convolution", "dense"])
def test_the_largest_singular_value_becomes_one(kind):
    layer = built(kind)
    layer.kernel.assign(7 * layer.kernel)
    for _ in range(60):
        advance_direction(layer)
    divided = normalized_kernel(tf.convert_to_tensor(layer.kernel), layer.direction).numpy().reshape(-1, 12)
    np.testing.assert_allclose(np.linalg.svd(divided, compute_uv=False)[0], 1, rtol=5e-3)
    before = np.linalg.svd(layer.kernel.numpy().reshape(-1, 12), compute_uv=False)[0]
    np.testing.assert_allclose(divided * before, layer.kernel.numpy().reshape(-1, 12), rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize(("kind", "shape"), [("convolution", (2, 8, 8, 8, 5)), ("dense", (2, 40))])
def test_a_layer_is_the_plain_one_with_the_divided_kernel(kind, shape):
    layer = built(kind)
    layer.bias.assign(np.arange(12))
    plain = keras.layers.Conv3D(12, 4, strides=2, padding="same") if kind == "convolution" else keras.layers.Dense(12)
    plain.build(shape)
    plain.kernel.assign(normalized_kernel(tf.convert_to_tensor(layer.kernel), layer.direction))
    plain.bias.assign(layer.bias)
    inputs = tf.constant(np.random.default_rng(0).standard_normal(shape), tf.float32)
    np.testing.assert_allclose(layer(inputs, training=True), plain(inputs), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["convolution", "dense"])
def test_only_advancing_moves_the_direction_and_no_optimizer_does(kind):
    layer = built(kind)
    before = layer.direction.numpy()
    layer(tf.ones((2, 8, 8, 8, 5) if kind == "convolution" else (2, 40)), training=True)
    np.testing.assert_array_equal(layer.direction, before)
    assert [variable.path.split("/")[-1] for variable in layer.trainable_variables] == ["kernel", "bias"]
    advance_direction(layer)
    assert not np.allclose(layer.direction, before)
    np.testing.assert_allclose(np.linalg.norm(layer.direction), 1, rtol=1e-5)


def test_a_kernel_of_zeros_stays_one():
    np.testing.assert_array_equal(normalized_kernel(tf.zeros([2, 3]), tf.ones([3])), np.zeros((2, 3)))


def test_the_norm_is_float32_in_bfloat16_layers():
    convolution = SpectralConvolution(4, 2, dtype="mixed_bfloat16")
    outputs = convolution(tf.ones([1, 4, 4, 4, 2]))
    assert outputs.dtype == tf.bfloat16
    assert convolution.direction.dtype == convolution.kernel.dtype == "float32"
