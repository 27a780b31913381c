"""The networks together: shapes at every resolution, gradients, seeds and refusals."""

import numpy as np
import pytest
import tensorflow as tf

from tests.fakes import random_grids
from vae_gan3d.networks.factory import build_networks

SMALL = {"latent_size": 6, "base_width": 16, "normalization": "group", "activation": "relu", "architecture": "default"}


def grids(resolution, count=2):
    return tf.constant(random_grids(count, resolution)[..., np.newaxis], tf.float32)


@pytest.mark.parametrize(
    ("resolution", "architecture"),
    [(16, "default"), (32, "default"), (64, "default"), (128, "default"), (16, "3dgan"), (64, "3dgan")],
)
def test_shapes_at_every_resolution(resolution, architecture):
    networks = build_networks(resolution=resolution, **{**SMALL, "architecture": architecture})
    mean, log_variance = networks.encoder(grids(resolution))
    assert mean.shape == log_variance.shape == (2, 6)
    assert networks.generator(mean).shape == (2, resolution, resolution, resolution, 1)
    assert networks.discriminator(grids(resolution)).shape == (2, 1)


@pytest.mark.parametrize("normalization", ["group", "batch", "none"])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "elu", "selu", "gelu", "tanh"])
def test_gradients_reach_every_weight(normalization, activation):
    arguments = {**SMALL, "normalization": normalization, "activation": activation}
    _require_gradients_everywhere(build_networks(resolution=16, **arguments), normalization)


def test_gradients_reach_every_weight_behind_a_latent_grid():
    networks = build_networks(resolution=16, **{**SMALL, "latent_size": 64}, latent_layout="grid")
    for block in (networks.encoder.refine, networks.generator.blocks[0]):  # they begin at zero, and block the rest
        block.layers[-1].kernel.assign(tf.random.stateless_normal(block.layers[-1].kernel.shape, seed=(0, 0)))
    _require_gradients_everywhere(networks, "group")


def _require_gradients_everywhere(networks, normalization):
    voxels = grids(16, count=4)
    with tf.GradientTape() as tape:
        mean, log_variance = networks.encoder(voxels, training=True)
        logits = networks.generator(mean + tf.exp(log_variance), training=True)
        score = networks.discriminator(tf.sigmoid(logits), training=True)
        loss = tf.reduce_sum(logits**2) + tf.reduce_sum(score**2)
    variables = [variable for network in networks for variable in network.trainable_variables]
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        assert gradient is not None, variable.path
        assert np.isfinite(gradient).all(), variable.path
        # A bias right before a batch normalisation is taken out again by it; everything else must be moved.
        cancelled = normalization == "batch" and variable.path.endswith("convolution/bias")
        assert cancelled or float(tf.reduce_max(tf.abs(gradient))) > 0, variable.path


def test_only_the_published_discriminator_is_normalised():
    for architecture, normalised in (("default", False), ("3dgan", True)):
        discriminator = build_networks(
            resolution=16, **{**SMALL, "architecture": architecture, "normalization": "batch"}
        ).discriminator
        assert any("moving" in variable.path for variable in discriminator.variables) == normalised


def test_spectral_norms_are_the_discriminators_alone():
    plain = build_networks(resolution=16, **SMALL)
    spectral = build_networks(resolution=16, **SMALL, spectral_normalization=True)
    for name in ("encoder", "generator"):
        for mine, theirs in zip(getattr(plain, name).variables, getattr(spectral, name).variables, strict=True):
            assert mine.path == theirs.path
            np.testing.assert_array_equal(mine.numpy(), theirs.numpy())
    paths = [{variable.path for variable in networks.discriminator.variables} for networks in (plain, spectral)]
    assert sorted(path.split("/")[-1] for path in paths[1] - paths[0]) == ["direction"] * 3


def test_a_plain_gan_has_no_encoder():
    networks = build_networks(resolution=16, **SMALL, with_encoder=False)
    assert list(networks.by_name()) == ["generator", "discriminator"]
    with pytest.raises(ValueError, match="a plain GAN has no encoder"):
        networks.require_encoder()
    whole = build_networks(resolution=16, **SMALL)
    assert list(whole.by_name()) == ["encoder", "generator", "discriminator"]
    assert whole.require_encoder() is whole.encoder


def test_the_leaky_slope_is_the_encoders_and_the_discriminators():
    plain, flat = (build_networks(resolution=16, **SMALL, leaky_slope=slope) for slope in (0.2, 0.0))
    for name, network in plain.by_name().items():
        inputs = tf.ones([1, 6]) if name == "generator" else grids(16)
        outputs = [np.concatenate(tf.nest.flatten(each(inputs))) for each in (network, flat.by_name()[name])]
        assert np.allclose(*outputs) == (name == "generator"), name


def test_first_weights_follow_the_seed():
    first, same, other = (build_networks(resolution=16, **SMALL, seed=seed) for seed in (1, 1, 2))
    kernel = first.generator.voxels.kernel.numpy()
    np.testing.assert_array_equal(kernel, same.generator.voxels.kernel.numpy())
    assert not np.array_equal(kernel, other.generator.voxels.kernel.numpy())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"resolution": 24}, "resolution=24"),
        ({"latent_size": 0}, "latent_size=0"),
        ({"base_width": 0}, "base_width=0"),
        ({"base_width": 12}, "groups=8"),
        ({"normalization": "instance"}, "normalization='instance'"),
        ({"activation": "swish"}, "activation='swish'"),
        ({"architecture": "unet"}, "architecture='unet'"),
        ({"leaky_slope": -0.1}, "leaky_slope=-0.1"),
    ],
)
def test_bad_arguments_are_refused_by_name(changed, message):
    with pytest.raises(ValueError, match=message):
        build_networks(**{"resolution": 16, **SMALL, **changed})


def test_a_depth_adds_to_encoder_and_generator_and_changes_no_other_name():
    plain, deep = (build_networks(resolution=32, **SMALL, depth=depth) for depth in (0, 1))
    for name, blocks in (
        ("encoder", {"stage0_residual0", "stage1_residual0", "stage2_residual0"}),
        ("generator", {"stage0_residual0", "stage1_residual0"}),
        ("discriminator", set()),
    ):
        before, after = (
            {variable.path for variable in getattr(networks, name).variables} for networks in (plain, deep)
        )
        assert before <= after
        assert {part for path in after - before for part in path.split("/") if "residual" in part} == blocks
    assert "depth" not in plain.encoder.arguments and "depth" not in plain.generator.arguments
    assert deep.encoder.arguments["depth"] == deep.generator.arguments["depth"] == 1


def test_gradients_reach_every_weight_of_a_deep_network():
    networks = build_networks(resolution=16, **SMALL, depth=1)
    for network in networks:
        for variable in network.trainable_variables:
            if variable.path.endswith("convolution1/kernel"):  # it begins at zero, and blocks what comes before it
                variable.assign(tf.random.stateless_normal(variable.shape, seed=(0, 0)))
    _require_gradients_everywhere(networks, "group")
