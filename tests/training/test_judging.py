"""One backward pass of the discriminator against the two that it replaces."""

import numpy as np
import pytest
import tensorflow as tf

from tests.fakes import random_grids
from tests.training.test_adversarial_game import OPTIONS
from vae_gan3d.networks.discriminator import Discriminator
from vae_gan3d.training.judging import judge
from vae_gan3d.training.losses import discriminator_loss, generator_loss

KINDS = ("bce", "hinge", "wgan-gp")


def make_discriminator(normalization="none"):
    return Discriminator(resolution=16, base_width=8, normalization=normalization)


def make_batch():
    voxels = tf.constant(random_grids(4, 16)[..., np.newaxis], tf.float32)
    halves = [tf.random.stateless_normal((4, 16, 16, 16, 1), (0, seed), stddev=3.0) for seed in (1, 2)]
    return voxels, halves


def by_two_passes(discriminator, options, voxels, halves):
    """Both sides' gradients as they are written in the papers, each from a pass of its own."""
    kind = options.adversarial_loss
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(halves)
        on_fakes = tf.concat([discriminator(tf.sigmoid(half), training=True) for half in halves], axis=0)
        on_voxels = discriminator(voxels, training=True)
        deceiving = tf.reduce_mean(generator_loss(on_fakes, kind))
        telling = tf.reduce_mean(discriminator_loss(on_voxels, kind, real=True))
        telling += tf.reduce_mean(discriminator_loss(on_fakes, kind, real=False))
    return deceiving, telling, tape.gradient(deceiving, halves), tape.gradient(telling, discriminator.trainable_weights)


@pytest.mark.parametrize("normalization", ["none", "group", "batch"])
@pytest.mark.parametrize("kind", KINDS)
def test_one_pass_gives_what_two_give(kind, normalization):
    discriminator = make_discriminator(normalization)
    assert discriminator.judges_alone == (normalization != "batch")
    voxels, halves = make_batch()
    options = OPTIONS._replace(adversarial_loss=kind)
    found = judge(discriminator, options, voxels, halves, None)
    deceiving, telling, by_logits, by_discriminator = by_two_passes(discriminator, options, voxels, halves)
    np.testing.assert_allclose(found.told[:2], [deceiving, telling], rtol=1e-5)
    for ours, theirs in zip([*found.by_logits, *found.by_discriminator], [*by_logits, *by_discriminator], strict=True):
        size = float(tf.reduce_max(tf.abs(theirs)))
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5 * size + 1e-9)


@pytest.mark.parametrize("answer", [-100.0, -60.0, 60.0, 100.0])
def test_a_discriminator_that_is_sure_beyond_float32_still_teaches_the_generator(answer):
    discriminator = make_discriminator()
    discriminator.logit.bias.assign([answer])
    voxels, halves = make_batch()
    found = judge(discriminator, OPTIONS, voxels, halves, None)
    _, _, by_logits, by_discriminator = by_two_passes(discriminator, OPTIONS, voxels, halves)
    for ours, theirs in zip([*found.by_logits, *found.by_discriminator], [*by_logits, *by_discriminator], strict=True):
        assert np.isfinite(ours).all()
        np.testing.assert_allclose(ours, theirs, rtol=1e-2, atol=1e-5 * float(tf.reduce_max(tf.abs(theirs))) + 1e-12)
