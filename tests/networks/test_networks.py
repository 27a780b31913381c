"""Shapes, ranges, gradients and refusals of the three networks."""

import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.networks.encoder import LOG_VARIANCE_RANGE, Encoder
from vae_gan3d.networks.factory import build_networks

SMALL = {"latent_size": 6, "base_width": 8, "normalization": "group", "activation": "relu", "architecture": "default"}


def grids(resolution, count=2):
    values = np.random.default_rng(0).random((count, resolution, resolution, resolution, 1)) < 0.2
    return tf.constant(values, tf.float32)


@pytest.mark.parametrize("architecture", ["default", "3dgan"])
@pytest.mark.parametrize("resolution", [16, 32, 64])
def test_shapes_at_every_resolution(resolution, architecture):
    networks = build_networks(resolution=resolution, **{**SMALL, "architecture": architecture})
    mean, log_variance = networks.encoder(grids(resolution))
    assert mean.shape == log_variance.shape == (2, 6)
    assert networks.generator(mean).shape == (2, resolution, resolution, resolution, 1)
    assert networks.discriminator(grids(resolution)).shape == (2, 1)


def test_shapes_at_128():
    networks = build_networks(resolution=128, **SMALL)
    mean, _ = networks.encoder(grids(128, count=1))
    assert networks.generator(mean).shape == (1, 128, 128, 128, 1)


@pytest.mark.parametrize("normalization", ["group", "batch", "none"])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "elu", "selu", "gelu", "tanh"])
def test_gradients_reach_every_weight(normalization, activation):
    arguments = {**SMALL, "normalization": normalization, "activation": activation}
    networks = build_networks(resolution=16, **arguments)
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
        # A bias right before a normalisation is taken out again by it; everything else must be moved.
        cancelled = normalization == "batch" and variable.path.endswith("convolution/bias")
        assert cancelled or float(tf.reduce_max(tf.abs(gradient))) > 0, variable.path


def test_log_variance_is_held_in_its_range():
    encoder = Encoder(resolution=16, latent_size=3, base_width=8, normalization="none")
    encoder.moments.bias.assign([0, 0, 0, -100, 0, 100])
    _, log_variance = encoder(tf.zeros([1, 16, 16, 16, 1]))
    np.testing.assert_allclose(log_variance[0], [LOG_VARIANCE_RANGE[0], 0, LOG_VARIANCE_RANGE[1]])


def test_parameter_counts_of_the_published_network():
    """Wu et al. 2016 at 64^3: generator 512-256-128-64-1, discriminator 64-128-256-512-1, 4^3 kernels, latent 200."""
    networks = build_networks(
        resolution=64, latent_size=200, base_width=64, normalization="batch", activation="relu", architecture="3dgan"
    )
    kernel = 4**3
    # Every convolution: inputs x outputs x 64 weights and one bias an output; BatchNorm: scale and offset a channel.
    generator = (
        (200 * 512 * kernel + 512 + 2 * 512)
        + (512 * 256 * kernel + 256 + 2 * 256)
        + (256 * 128 * kernel + 128 + 2 * 128)
        + (128 * 64 * kernel + 64 + 2 * 64)
        + (64 * 1 * kernel + 1)
    )
    assert generator == 17_570_625
    discriminator = (
        (1 * 64 * kernel + 64 + 2 * 64)
        + (64 * 128 * kernel + 128 + 2 * 128)
        + (128 * 256 * kernel + 256 + 2 * 256)
        + (256 * 512 * kernel + 512 + 2 * 512)
        + (512 * 1 * kernel + 1)  # a 4^3 convolution on 4^3 voxels, which a dense layer on 4^3 x 512 values equals
    )
    assert discriminator == 11_049_793
    for network, count in ((networks.generator, generator), (networks.discriminator, discriminator)):
        assert sum(int(np.prod(variable.shape)) for variable in network.trainable_variables) == count


def test_published_network_layer_by_layer():
    generator = build_networks(
        resolution=64, latent_size=200, base_width=64, normalization="batch", activation="relu", architecture="3dgan"
    ).generator
    layers = [generator.opening.convolution, *(block.convolution for block in generator.blocks), generator.voxels]
    assert [layer.filters for layer in layers] == [512, 256, 128, 64, 1]
    assert [layer.kernel_size for layer in layers] == [(4, 4, 4)] * 5
    assert [layer.strides for layer in layers] == [(1, 1, 1), *[(2, 2, 2)] * 4]


def test_first_weights_follow_the_seed():
    first, same, other = (build_networks(resolution=16, **SMALL, seed=seed) for seed in (1, 1, 2))
    kernel = first.generator.voxels.kernel.numpy()
    np.testing.assert_array_equal(kernel, same.generator.voxels.kernel.numpy())
    assert not np.array_equal(kernel, other.generator.voxels.kernel.numpy())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"resolution": 24}, "resolution=24"),
        ({"resolution": 4}, "resolution=4"),
        ({"latent_size": 0}, "latent_size=0"),
        ({"base_width": 0}, "base_width=0"),
        ({"base_width": 12}, "groups=8"),
        ({"normalization": "instance"}, "normalization='instance'"),
        ({"activation": "swish"}, "activation='swish'"),
        ({"architecture": "unet"}, "architecture='unet'"),
    ],
)
def test_bad_arguments_are_refused_by_name(changed, message):
    with pytest.raises(ValueError, match=message):
        build_networks(**{"resolution": 16, **SMALL, **changed})
