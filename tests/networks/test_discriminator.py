"""The discriminator: the published network, and that it mirrors the encoder."""

import numpy as np
import tensorflow as tf

from vae_gan3d.networks.discriminator import Discriminator
from vae_gan3d.networks.encoder import Encoder
from vae_gan3d.networks.spectral_norm import normalized_kernel


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


def test_spectral_norms_stand_beside_the_same_weights_and_advance_together():
    plain, spectral = (
        Discriminator(resolution=16, base_width=8, normalization="none", spectral_normalization=spectral)
        for spectral in (False, True)
    )
    shapes = [[tuple(variable.shape) for variable in network.trainable_variables] for network in (plain, spectral)]
    assert shapes[0] == shapes[1]
    directions = spectral.non_trainable_variables
    assert [variable.shape for variable in directions] == [(8,), (16,), (1,)]
    for _ in range(400):
        spectral.advance_spectral_norms()
    for layer in (*(block.convolution for block in spectral.trunk.blocks), spectral.logit):
        divided = normalized_kernel(tf.convert_to_tensor(layer.kernel), layer.direction).numpy()
        largest = np.linalg.svd(divided.reshape(-1, divided.shape[-1]), compute_uv=False)[0]
        np.testing.assert_allclose(largest, 1, rtol=1e-2)


def test_without_spectral_norms_nothing_advances():
    discriminator = Discriminator(resolution=16, base_width=8, normalization="none")
    before = [variable.numpy() for variable in discriminator.variables]
    discriminator.advance_spectral_norms()
    assert all(
        np.array_equal(old, variable.numpy()) for old, variable in zip(before, discriminator.variables, strict=True)
    )


def test_one_float32_logit_a_shape():
    logits = Discriminator(resolution=16, base_width=8, normalization="none")(tf.zeros([3, 16, 16, 16, 1]))
    assert logits.shape == (3, 1)
    assert logits.dtype == tf.float32
