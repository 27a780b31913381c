"""Activations: by hand, and against Keras's."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.fakes import random_grids
from vae_gan3d.networks import layers
from vae_gan3d.networks.build import build_networks
from vae_gan3d.networks.discriminator import Discriminator
from vae_gan3d.networks.generator import Generator
from vae_gan3d.networks.layers import (
    LeakyReLU,
    Trunk,
    activation_layer,
    check_grown,
    class_shares,
    class_vectors,
    double_grids,
    faded,
    halve_grids,
)
from vae_gan3d.networks.spectral_norm import SpectralConvolution


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


SMALL = {
    "resolution": 16,
    "latent_size": 64,
    "base_width": 8,
    "normalization": "group",
    "activation": "relu",
    "architecture": "default",
}
LABELS = tf.constant([0, 1, 2, 1], tf.int64)


def grids(count=4):
    return tf.constant(random_grids(count, 16)[..., np.newaxis], tf.float32)


def test_a_number_is_one_whole_share_and_shares_stay():
    np.testing.assert_array_equal(class_shares(tf.constant([2, 0]), 3), [[0, 0, 1], [1, 0, 0]])
    shares = np.array([[0.25, 0.75]])
    given = class_shares(shares, 2)
    np.testing.assert_array_equal(given, shares)
    assert given.dtype == tf.float32
    assert class_shares(None, 0) is None


@pytest.mark.parametrize(
    ("labels", "classes", "words"),
    [
        (None, 2, "conditional on 2 classes: give a label"),
        ([0, 1], 0, "has no classes: leave out the labels"),
        ([[0, 1]], 2, r"labels int32 of shape \(1, 2\): give \[B\] integer, or \[B, 2\] float"),
        ([0.0, 1.0], 2, r"labels float32 of shape \(2,\)"),
        ([[0.5, 0.5]], 3, r"labels float32 of shape \(1, 2\)"),
    ],
)
def test_labels_of_another_kind_are_refused(labels, classes, words):
    with pytest.raises(ValueError, match=words):
        class_shares(labels, classes)


def test_between_two_classes_lies_the_mean_of_their_vectors():
    layer = class_vectors(3)
    layer.build((None, 2))
    layer.kernel.assign([[1, 2, 3], [5, 4, 3]])
    np.testing.assert_allclose(layer(class_shares(tf.constant([1, 0]), 2)), [[5, 4, 3], [1, 2, 3]])
    np.testing.assert_allclose(layer(tf.constant([[0.5, 0.5]])), [[3, 3, 3]])


@pytest.mark.parametrize("layout", ["vector", "grid"])
@pytest.mark.parametrize("spectral", [False, True])
def test_labels_matter_and_gradients_reach_every_weight(layout, spectral):
    networks = build_networks(
        **{**SMALL, "base_width": 16}, latent_layout=layout, spectral_normalization=spectral, classes=3
    )
    if layout == "grid":  # these blocks begin at zero, and keep gradients from what lies within
        for block in (networks.encoder.refine, networks.generator.blocks[0]):
            block.layers[-1].kernel.assign(tf.random.stateless_normal(block.layers[-1].kernel.shape, seed=(0, 0)))
    voxels = grids()
    with tf.GradientTape() as tape:
        mean, log_variance = networks.encoder(voxels, LABELS, training=True)
        logits = networks.generator(mean + tf.exp(log_variance), LABELS, training=True)
        score = networks.discriminator(tf.sigmoid(logits), LABELS, training=True)
        loss = tf.reduce_sum(logits**2) + tf.reduce_sum(score**2)
    assert (mean.shape, logits.shape, score.shape) == ((4, 64), (4, 16, 16, 16, 1), (4, 1))
    variables = [variable for network in networks for variable in network.trainable_variables]
    assert sum("classes" in variable.path for variable in variables) == 3
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        assert gradient is not None, variable.path
        reached = tf.reduce_max(tf.abs(gradient), axis=list(range(1, len(gradient.shape))))
        assert np.isfinite(gradient).all(), variable.path
        assert np.all(reached > 0) if "classes" in variable.path else np.any(reached > 0), variable.path
    other = (LABELS + 1) % 3
    for network, inputs in zip(networks, (voxels, mean, voxels), strict=True):
        first, second = (tf.nest.flatten(network(inputs, labels))[0].numpy() for labels in (LABELS, other))
        differing = np.abs(first - second).reshape(4, -1).max(axis=1)
        assert (differing > 1e-4).all(), network.name


def test_a_class_of_the_encoder_does_not_touch_what_its_trunk_sees():
    encoder = build_networks(**SMALL, classes=2).encoder
    plain = build_networks(**SMALL).encoder
    plain.trunk.set_weights(encoder.trunk.get_weights())
    np.testing.assert_array_equal(encoder.trunk(grids()), plain.trunk(grids()))


def test_one_class_is_as_good_as_none():
    for classes in (1, -1):
        with pytest.raises(ValueError, match=f"classes={classes}: give 2 or more, or 0"):
            build_networks(**SMALL, classes=classes)


def test_the_projection_by_hand():
    # Features of 1 in all 64 cells and two of 16 channels, else 0: pooled, 64 / 8 = 8 in each of the two.
    discriminator = Discriminator(resolution=16, base_width=8, normalization="none", classes=2)
    features = np.zeros((1, 4, 4, 4, 16), np.float32)
    features[..., 0] = features[..., 5] = 1
    discriminator.trunk = lambda voxels: tf.constant(features)
    discriminator.logit.kernel.assign(tf.zeros([1024, 1]))
    discriminator.logit.bias.assign([0.5])
    vectors = np.zeros((2, 16), np.float32)
    vectors[0, [0, 5, 6]] = 1, 2, 100
    vectors[1, [0, 5]] = -1, 0
    discriminator.projection.kernel.assign(vectors)
    # Class 0: 0.5 + 8 (1 + 2) = 24.5; class 1: 0.5 - 8; half of each: 0.5 + 8 (0 + 1).
    for labels, logit in (([0], 24.5), ([1], -7.5), ([[0.5, 0.5]], 8.5)):
        np.testing.assert_allclose(discriminator(tf.zeros([1, 16, 16, 16, 1]), tf.constant(labels)), [[logit]])


def test_classes_add_one_variable_to_each_network():
    plain, conditional = build_networks(**SMALL, seed=4), build_networks(**SMALL, classes=3, seed=4)
    for name, network in plain.by_name().items():
        paths = {variable.path for variable in network.variables}
        added = {variable.path for variable in conditional.by_name()[name].variables} - paths
        assert [path.split("/")[-2:] for path in added] == [["classes", "kernel"]]
        assert network.arguments.keys() == conditional.by_name()[name].arguments.keys() - {"classes"}


@pytest.mark.parametrize(
    ("layout", "spectral", "weights", "outputs"),
    [
        ("vector", False, (5041.311, 1542.468, 319.5930), (202.4105, 24522.87, 0.0548998)),
        ("grid", True, (642.8611, 769.4954, 323.3047), (197.6737, 25041.73, 0.1368363)),
    ],
)
def test_without_classes_weights_and_outputs_are_those_of_the_networks_before_there_were_any(
    layout, spectral, weights, outputs
):
    """Sums of absolute values, as the networks of the last version without classes gave them."""
    networks = build_networks(**SMALL, latent_layout=layout, spectral_normalization=spectral, seed=4)
    voxels = tf.cast(tf.random.stateless_uniform([2, 16, 16, 16, 1], seed=(1, 2)) < 0.2, tf.float32)
    for network, weight, output in zip(networks, weights, outputs, strict=True):
        assert sum(np.abs(variable).sum() for variable in network.variables) == pytest.approx(weight, rel=1e-5)
        results = tf.nest.flatten(network(tf.ones([2, 64]) if network.name == "generator" else voxels))
        assert sum(np.abs(result).sum() for result in results) == pytest.approx(output, rel=1e-3)


def test_labels_keep_the_type_of_the_outputs_under_bfloat16():
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        networks = build_networks(**SMALL, latent_layout="grid", classes=3)
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    mean, log_variance = networks.encoder(grids(), LABELS)
    logits = networks.generator(mean, LABELS)
    assert networks.generator.features(mean, LABELS).dtype == tf.bfloat16
    score = networks.discriminator(tf.sigmoid(logits), LABELS)
    assert {mean.dtype, log_variance.dtype, logits.dtype, score.dtype} == {tf.float32}


def test_stages_by_hand():
    # 128 64 32 16 8 4: five halvings; 16 8 4: two.
    assert [layers.stage_count(resolution) for resolution in (8, 16, 32, 64, 128)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("resolution", [0, 4, 24, 30])
def test_other_resolutions_are_refused(resolution):
    with pytest.raises(ValueError, match=f"resolution={resolution} .* give 16, 32, 64 or 128"):
        layers.stage_count(resolution)


def test_grids_halve_double_and_stay():
    inputs = tf.zeros([2, 8, 8, 8, 4])
    assert layers.halving(16, "group", "name")(inputs).shape == (2, 4, 4, 4, 16)
    assert layers.doubling(16, "group", "relu", "name")(inputs).shape == (2, 16, 16, 16, 16)
    assert layers.refining(16, "group", "relu", "name")(inputs).shape == (2, 8, 8, 8, 16)


def test_a_halving_may_be_spectrally_normalised():
    block = layers.halving(16, "none", "name", spectral_normalization=True)
    assert block(tf.zeros([2, 8, 8, 8, 4])).shape == (2, 4, 4, 4, 16)
    assert isinstance(block.convolution, SpectralConvolution)
    assert not isinstance(layers.halving(16, "none", "name").convolution, SpectralConvolution)


def test_a_block_is_convolution_then_normalisation_then_activation():
    # The convolution doubles its input to -2 and 6, mean 2, deviation 4: normalised to -1 and 1, of which ReLU keeps 1.
    convolution = keras.layers.Conv3D(1, 1, kernel_initializer=keras.initializers.Constant(2.0))
    block = layers.ConvolutionBlock(convolution, "batch", "relu", name="name")
    outputs = block(tf.reshape(tf.constant([-1.0, 3.0]), [2, 1, 1, 1, 1]), training=True)
    np.testing.assert_allclose(tf.reshape(outputs, [-1]), [0, 1], atol=1e-4)


def test_sizes_below_one_are_refused_by_name():
    with pytest.raises(ValueError, match="latent_size=0"):
        layers.check_sizes(base_width=1, latent_size=0)


def test_a_residual_block_begins_as_the_identity_and_can_change():
    block = layers.ResidualBlock(8, "group", "relu", name="block")
    block.build((None, 4, 4, 4, 8))
    inputs = tf.random.stateless_normal([2, 4, 4, 4, 8], seed=(0, 0))
    np.testing.assert_array_equal(block(inputs), inputs)
    block.layers[-1].kernel.assign(tf.ones_like(block.layers[-1].kernel))
    assert np.abs(block(inputs) - inputs).max() > 0.1


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


def test_the_smallest_networks_cannot_have_grown():
    check_grown(True, 16)
    check_grown(False, 8)
    with pytest.raises(ValueError, match=r"resolution=8 .*: give 16 or more"):
        check_grown(True, 8)
    with pytest.raises(ValueError, match=r"resolution=8 .*: give 16 or more"):
        Generator(
            resolution=8,
            latent_size=4,
            base_width=8,
            normalization="none",
            activation="relu",
            architecture="default",
            grown=True,
        )


@pytest.mark.parametrize(("resolution", "channels"), [(16, [8, 16]), (32, [8, 16, 32]), (64, [8, 16, 32, 64])])
def test_stages_halve_the_grid_and_double_the_channels(resolution, channels):
    trunk = Trunk(resolution=resolution, base_width=8, normalization="group")
    features = trunk.features(tf.zeros([2, resolution, resolution, resolution, 1]))
    sides = [resolution // 2 ** (stage + 1) for stage in range(len(channels))]
    assert sides[-1] == 4
    expected = [(2, side, side, side, width) for side, width in zip(sides, channels, strict=True)]
    assert [tuple(feature.shape) for feature in features] == expected
    assert trunk.compute_output_shape((None, resolution, resolution, resolution, 1)) == (None, 4, 4, 4, channels[-1])


def test_every_stage_may_be_spectrally_normalised():
    trunk = Trunk(resolution=32, base_width=8, normalization="none", spectral_normalization=True)
    trunk.build((None, 32, 32, 32, 1))
    assert [variable.shape for variable in trunk.non_trainable_variables] == [(8,), (16,), (32,)]


def test_refusals():
    with pytest.raises(ValueError, match="base_width=0"):
        Trunk(resolution=16, base_width=0, normalization="none")
    with pytest.raises(ValueError, match="resolution=20"):
        Trunk(resolution=20, base_width=8, normalization="none")


def test_a_depth_adds_blocks_after_every_stage_that_begin_as_nothing():
    voxels = tf.random.stateless_uniform([2, 16, 16, 16, 1], seed=(0, 0))
    plain, deep = (Trunk(resolution=16, base_width=8, normalization="group", depth=depth) for depth in (0, 2))
    plain(voxels), deep(voxels)
    names = [variable.path for variable in deep.trainable_variables]
    assert len(set(names)) == len(names)
    blocks = {path.split("/")[1] for path in names}
    assert blocks == {"stage0", "stage1", *(f"stage{stage}_residual{number}" for stage in (0, 1) for number in (0, 1))}
    kept = {variable.path: variable for variable in deep.trainable_variables}
    for variable in plain.trainable_variables:
        kept[variable.path].assign(variable)
    for mine, theirs in zip(deep.features(voxels), plain.features(voxels), strict=True):
        tf.debugging.assert_near(mine, theirs)
    with pytest.raises(ValueError, match="depth=-1 must be 0 or more"):
        Trunk(resolution=16, base_width=8, normalization="none", depth=-1)
