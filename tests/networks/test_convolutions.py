"""Kernels' gradients from rows of several samples equal the plain ones; the layers are Keras's."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.networks import convolutions
from vae_gan3d.networks.convolutions import (
    Convolution,
    TransposedConvolution,
    VoxelConvolution,
    VoxelTransposedConvolution,
    convolve,
    convolve_transposed,
    double_to_voxels,
    halve_voxels,
    samples_a_row,
)
from vae_gan3d.networks.generator import Generator


def _plain(inputs, kernel, stride):
    return tf.nn.conv3d(inputs, kernel, [1, stride, stride, stride, 1], "SAME")


def _plain_transposed(inputs, kernel, stride):
    shape = [inputs.shape[0], *[stride * inputs.shape[1]] * 3, kernel.shape[3]]
    return tf.nn.conv3d_transpose(inputs, kernel, shape, [1, stride, stride, stride, 1], "SAME")


# Side of the inputs, taps, stride: those of the networks, and one whose padding is unequal, which takes two voxels.
FORMS = [(4, 3, 1), (8, 3, 1), (8, 4, 2), (4, 4, 1)]
FORMS = [(convolve, _plain, *form) for form in FORMS] + [
    (convolve_transposed, _plain_transposed, *form) for form in [(4, 4, 2), (2, 4, 2), (4, 3, 1)]
]


def small_integers(shape, seed):
    """Sums of which bfloat16 holds exactly."""
    return tf.constant(np.random.default_rng(seed).integers(-1, 2, shape), tf.bfloat16)


def problem(function, side, taps, batch):
    channels = (2, 3) if function is convolve else (3, 2)
    return small_integers((batch, side, side, side, channels[0]), 0), small_integers((taps, taps, taps, 2, 3), 1)


@pytest.mark.parametrize("batch", [1, 3, 4, 16])
@pytest.mark.parametrize(("fast", "plain", "side", "taps", "stride"), FORMS)
def test_rows_have_the_sums_of_single_samples(fast, plain, side, taps, stride, batch):
    inputs, kernel = problem(fast, side, taps, batch)
    gradients = []
    for function in (fast, plain):
        with tf.GradientTape() as tape:
            tape.watch([inputs, kernel])
            outputs = function(inputs, kernel, stride)
            score = outputs * small_integers(outputs.shape, 2)
        gradients.append((outputs, *tape.gradient(score, [inputs, kernel])))
    for ours, theirs in zip(*gradients, strict=True):
        np.testing.assert_array_equal(tf.cast(ours, tf.float32), tf.cast(theirs, tf.float32))
        assert np.abs(tf.cast(theirs, tf.float32)).max() > 1
    on_cpu = not tf.config.list_physical_devices("GPU")
    grids = inputs if fast is convolve else outputs
    assert (samples_a_row(grids.shape, kernel.shape, grids.dtype) > 1) == (batch > 1 and on_cpu)


@pytest.mark.parametrize(("fast", "plain", "side", "taps", "stride"), FORMS)
def test_second_gradients_are_the_plain_ones(fast, plain, side, taps, stride):
    """Those of the squared norm of the gradient at the inputs, as the penalty R1 takes them."""
    inputs, kernel = problem(fast, side, taps, 4)

    @tf.function
    def measure(function):
        with tf.GradientTape() as outer:
            outer.watch([inputs, kernel])
            with tf.GradientTape() as inner:
                inner.watch(inputs)
                score = tf.reduce_sum(tf.square(function(inputs, kernel, stride)))
            norm = tf.reduce_sum(tf.square(tf.cast(inner.gradient(score, inputs), tf.float32)))
        return outer.gradient(norm, [inputs, kernel])

    for ours, theirs in zip(measure(fast), measure(plain), strict=True):
        ours, theirs = (tf.cast(values, tf.float32).numpy() for values in (ours, theirs))
        np.testing.assert_allclose(ours, theirs, atol=0.02 * np.abs(theirs).max())
        assert np.abs(theirs).max() > 1


@pytest.mark.parametrize(
    ("shape", "kernel", "dtype", "samples"),
    [
        ((16, 4, 4, 4, 8), (3, 3, 3, 8, 8), tf.bfloat16, 16),
        ((20, 4, 4, 4, 8), (3, 3, 3, 8, 8), tf.bfloat16, 10),
        ((16, 8, 8, 8, 8), (4, 4, 4, 8, 8), tf.bfloat16, 8),
        ((7, 8, 8, 8, 8), (4, 4, 4, 8, 8), tf.bfloat16, 7),
        ((16, 16, 16, 16, 8), (4, 4, 4, 8, 8), tf.bfloat16, 1),
        ((16, 4, 4, 4, 8), (1, 1, 1, 8, 8), tf.bfloat16, 1),
        ((None, 4, 4, 4, 8), (3, 3, 3, 8, 8), tf.bfloat16, 1),
        ((16, 4, 4, 4, 8), (3, 3, 3, 8, 8), tf.float32, 1),
    ],
)
def test_rows_are_as_long_as_the_batch_allows(shape, kernel, dtype, samples, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: [])
    assert convolutions.samples_a_row(tf.TensorShape(shape), kernel, dtype) == samples
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: ["one"])
    assert convolutions.samples_a_row(tf.TensorShape(shape), kernel, dtype) == 1


@pytest.mark.parametrize(
    ("ours", "theirs", "options"),
    [
        (Convolution, keras.layers.Conv3D, {"padding": "same"}),
        (Convolution, keras.layers.Conv3D, {"padding": "same", "strides": 2}),
        (Convolution, keras.layers.Conv3D, {"padding": "valid"}),
        (TransposedConvolution, keras.layers.Conv3DTranspose, {"padding": "same", "strides": 2}),
    ],
)
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_layers_have_the_weights_and_results_of_kerass_own(ours, theirs, options, policy):
    features = tf.constant(np.random.default_rng(1).standard_normal((2, 4, 4, 4, 3)), tf.float32)
    mine, reference = (layer(5, 4, dtype=policy, **options) for layer in (ours, theirs))
    mine(features)
    reference(features)
    mine.bias.assign([1.0, 2.0, 3.0, 4.0, 5.0])
    reference.set_weights(mine.get_weights())
    assert [variable.name for variable in mine.weights] == [variable.name for variable in reference.weights]
    assert mine(features).dtype == reference(features).dtype
    np.testing.assert_array_equal(tf.cast(mine(features), tf.float32), tf.cast(reference(features), tf.float32))


def test_a_generator_has_no_convolution_of_its_own_on_which_rows_would_gain():
    generator = Generator(
        resolution=32,
        latent_size=64,
        base_width=8,
        normalization="group",
        activation="relu",
        architecture="default",
        latent_layout="grid",
    )
    plain = {
        layer.path
        for layer in generator._flatten_layers()
        if isinstance(layer, keras.layers.Conv3D | keras.layers.Conv3DTranspose)
        and not isinstance(layer, Convolution | TransposedConvolution)
    }
    assert plain == {"generator/voxels"}


def _plain_double(features, kernel):
    batch, cells = features.shape[0], features.shape[1]
    return tf.nn.conv3d_transpose(features, kernel, [batch, *[2 * cells] * 3, 1], [1, 2, 2, 2, 1], "SAME")


def _plain_halve(voxels, kernel):
    return tf.nn.conv3d(voxels, kernel, [1, 2, 2, 2, 1], "SAME")


VOXEL_FORMS = [
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
@pytest.mark.parametrize(("fast", "plain", "shape"), VOXEL_FORMS)
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


def test_voxel_layers_have_the_weights_and_results_of_kerass_own():
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
