"""The generator: the published network layer by layer, and what the default one adds."""

import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.networks.generator import Generator


def make(architecture, **changed):
    arguments = {"resolution": 64, "latent_size": 200, "base_width": 64, "normalization": "batch", "activation": "relu"}
    return Generator(**{**arguments, **changed}, architecture=architecture)


def test_published_network_layer_by_layer():
    generator = make("3dgan")
    layers = [generator.opening.convolution, *(block.convolution for block in generator.blocks), generator.to_logits]
    assert [layer.filters for layer in layers] == [512, 256, 128, 64, 1]
    assert [layer.kernel_size for layer in layers] == [(4, 4, 4)] * 5
    assert [layer.strides for layer in layers] == [(1, 1, 1), *[(2, 2, 2)] * 4]


def test_parameter_count_of_the_published_network():
    """Wu et al. 2016 at 64^3: 512-256-128-64-1, 4^3 kernels, latent 200."""
    kernel = 4**3
    # Every convolution: inputs x outputs x 64 weights and one bias an output; BatchNorm: scale and offset a channel.
    expected = (
        (200 * 512 * kernel + 512 + 2 * 512)
        + (512 * 256 * kernel + 256 + 2 * 256)
        + (256 * 128 * kernel + 128 + 2 * 128)
        + (128 * 64 * kernel + 64 + 2 * 64)
        + (64 * 1 * kernel + 1)
    )
    assert expected == 17_570_625
    assert sum(int(np.prod(variable.shape)) for variable in make("3dgan").trainable_variables) == expected


def test_the_default_network_adds_a_convolution_a_stage():
    generator = make("default", resolution=32, base_width=8, normalization="group")
    kinds = [(type(block.convolution).__name__, block.convolution.filters) for block in generator.blocks]
    assert kinds == [
        ("TransposedConvolution", 16),
        ("Convolution", 16),
        ("TransposedConvolution", 8),
        ("Convolution", 8),
    ]


def test_the_default_network_begins_with_nearly_empty_grids_and_the_published_one_with_grey_ones():
    # The last bias is -3, a probability of 0.047, and 0, one half; the first weights stray a little from there.
    latents = tf.random.stateless_normal([8, 200], seed=(0, 0))
    shares = [
        float(tf.reduce_mean(tf.sigmoid(make(kind, resolution=16, base_width=8)(latents))))
        for kind in ("default", "3dgan")
    ]
    assert 0.02 < shares[0] < 0.1
    assert 0.4 < shares[1] < 0.6


def test_features_and_logits_are_the_whole_forward_pass():
    generator = make("default", resolution=16, base_width=8)
    latents = tf.random.stateless_normal([2, 200], seed=(0, 0))
    features = generator.features(latents)
    assert features.shape == (2, 8, 8, 8, 8)
    np.testing.assert_array_equal(generator.logits(features), generator(latents))


def test_batch_statistics_are_learnt_in_training_alone():
    generator = make("3dgan", resolution=16, base_width=8)
    latents = tf.random.stateless_normal([4, 200], seed=(0, 0))
    statistics = [variable for variable in generator.variables if "moving" in variable.path]
    before = [variable.numpy() for variable in statistics]
    generator(latents)
    assert all(np.array_equal(old, variable) for old, variable in zip(before, statistics, strict=True))
    generator.features(latents, training=True)
    assert not any(np.array_equal(old, variable) for old, variable in zip(before, statistics, strict=True))


def test_a_latent_grid_opens_on_its_cells_with_a_residual_block_behind():
    generator = make(
        "default", resolution=32, base_width=8, normalization="group", latent_size=128, latent_layout="grid"
    )
    assert generator.opening.convolution.kernel.shape == (3, 3, 3, 2, 32)
    assert type(generator.blocks[0]).__name__ == "ResidualBlock"
    assert len(generator.blocks) == 5
    assert generator(tf.zeros([2, 128])).shape == (2, 32, 32, 32, 1)


def test_an_unknown_layout_is_refused():
    with pytest.raises(ValueError, match="latent_layout='tree' is not known: give vector or grid"):
        make("default", latent_layout="tree")
