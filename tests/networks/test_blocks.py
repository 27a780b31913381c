"""Stages, activations and the convolution block."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.networks import blocks
from vae_gan3d.networks.spectral_norm import SpectralConvolution


def test_stages_by_hand():
    # 128 64 32 16 8 4: five halvings; 16 8 4: two.
    assert [blocks.stage_count(resolution) for resolution in (8, 16, 32, 64, 128)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("resolution", [0, 4, 24, 30])
def test_other_resolutions_are_refused(resolution):
    with pytest.raises(ValueError, match=f"resolution={resolution} .* give 16, 32, 64 or 128"):
        blocks.stage_count(resolution)


def test_grids_halve_double_and_stay():
    inputs = tf.zeros([2, 8, 8, 8, 4])
    assert blocks.halving(16, "group", "name")(inputs).shape == (2, 4, 4, 4, 16)
    assert blocks.doubling(16, "group", "relu", "name")(inputs).shape == (2, 16, 16, 16, 16)
    assert blocks.refining(16, "group", "relu", "name")(inputs).shape == (2, 8, 8, 8, 16)


def test_a_halving_may_be_spectrally_normalised():
    block = blocks.halving(16, "none", "name", spectral_normalization=True)
    assert block(tf.zeros([2, 8, 8, 8, 4])).shape == (2, 4, 4, 4, 16)
    assert isinstance(block.convolution, SpectralConvolution)
    assert not isinstance(blocks.halving(16, "none", "name").convolution, SpectralConvolution)


def test_a_block_is_convolution_then_normalisation_then_activation():
    # The convolution doubles its input to -2 and 6, mean 2, deviation 4: normalised to -1 and 1, of which ReLU keeps 1.
    convolution = keras.layers.Conv3D(1, 1, kernel_initializer=keras.initializers.Constant(2.0))
    block = blocks.ConvolutionBlock(convolution, "batch", "relu", name="name")
    outputs = block(tf.reshape(tf.constant([-1.0, 3.0]), [2, 1, 1, 1, 1]), training=True)
    np.testing.assert_allclose(tf.reshape(outputs, [-1]), [0, 1], atol=1e-4)


def test_sizes_below_one_are_refused_by_name():
    with pytest.raises(ValueError, match="latent_size=0"):
        blocks.check_sizes(base_width=1, latent_size=0)


def test_a_residual_block_begins_as_the_identity_and_can_change():
    block = blocks.ResidualBlock(8, "group", "relu", name="block")
    block.build((None, 4, 4, 4, 8))
    inputs = tf.random.stateless_normal([2, 4, 4, 4, 8], seed=(0, 0))
    np.testing.assert_array_equal(block(inputs), inputs)
    block.layers[-1].kernel.assign(tf.ones_like(block.layers[-1].kernel))
    assert np.abs(block(inputs) - inputs).max() > 0.1
