"""Kernels' gradients from rows of several samples equal the plain ones; the layers are Keras's."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.networks import convolutions
from vae_gan3d.networks.convolutions import Convolution, TransposedConvolution, convolve, convolve_transposed
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
def test_rows_have_the_sums_of_single_samples(fast, plain, side, taps, stride, batch, monkeypatch):
    inputs, kernel = problem(fast, side, taps, batch)
    rows, kept = [], convolutions._in_rows
    monkeypatch.setattr(convolutions, "_in_rows", lambda *arguments: rows.append(arguments) or kept(*arguments))
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
    on_processor = not tf.config.list_physical_devices("GPU")
    assert len(rows) == (2 if batch > 1 and on_processor else 0)


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
