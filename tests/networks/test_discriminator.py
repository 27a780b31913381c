"""The discriminator: the published network, and that it mirrors the encoder."""

import numpy as np
import tensorflow as tf

from vae_gan3d.networks.discriminator import Discriminator
from vae_gan3d.networks.encoder import Encoder


def test_parameter_count_of_the_published_network():
    """Wu et al. 2016 at 64^3: 64-128-256-512-1, 4^3 kernels, BatchNorm in between."""
    kernel = 4**3
    expected = (
        (1 * 64 * kernel + 64 + 2 * 64)
        + (64 * 128 * kernel + 128 + 2 * 128)
        + (128 * 256 * kernel + 256 + 2 * 256)
        + (256 * 512 * kernel + 512 + 2 * 512)
        + (512 * 1 * kernel + 1)  # a 4^3 convolution on 4^3 voxels, which a dense layer on 4^3 x 512 values equals
    )
    assert expected == 11_049_793
    discriminator = Discriminator(resolution=64, base_width=64, normalization="batch")
    assert sum(int(np.prod(variable.shape)) for variable in discriminator.trainable_variables) == expected


def test_it_mirrors_the_encoder():
    encoder = Encoder(resolution=32, latent_size=5, base_width=8, normalization="group")
    discriminator = Discriminator(resolution=32, base_width=8, normalization="group")
    shapes = [[tuple(variable.shape) for variable in network.trunk.variables] for network in (encoder, discriminator)]
    assert shapes[0] == shapes[1]


def test_one_float32_logit_a_shape():
    logits = Discriminator(resolution=16, base_width=8, normalization="none")(tf.zeros([3, 16, 16, 16, 1]))
    assert logits.shape == (3, 1)
    assert logits.dtype == tf.float32
