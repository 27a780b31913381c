"""Labels as shares of classes, and what of the networks is given them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.fakes import random_grids
from vae_gan3d.networks.class_labels import class_shares, class_vectors
from vae_gan3d.networks.discriminator import Discriminator
from vae_gan3d.networks.factory import build_networks

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
        (None, 2, "labels are missing, and the network is conditional on 2 classes"),
        ([0, 1], 0, "labels are given to a network without classes"),
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
