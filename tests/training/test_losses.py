"""Losses on inputs worked out by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.training import losses

LN2 = math.log(2)


def cubes(*values):
    """A 2^3 grid for each value, all voxels equal: [K, 2, 2, 2, 1]."""
    return tf.stack([tf.fill([2, 2, 2, 1], float(value)) for value in values])


def test_bce_is_summed_over_voxels_and_not_over_the_batch():
    # Logit 0 costs ln 2 whatever the voxel; a 2^3 grid has 8 of them.
    np.testing.assert_allclose(
        losses.reconstruction_loss(cubes(0, 0), cubes(0, 1), "bce"), [8 * LN2, 8 * LN2], rtol=1e-6
    )


def test_bce_of_perfect_and_opposite_answers():
    # Logit 100 for an occupied voxel costs e^-100, nothing; for an empty one it costs 100.
    np.testing.assert_allclose(losses.reconstruction_loss(cubes(100, 100), cubes(1, 0), "bce"), [0, 800], atol=1e-4)


def test_mse_by_hand():
    # Logit 0 is probability 0.5, 0.25 away squared; 8 voxels make 2. Logit -100 is right for empty
    # voxels and wrong by 1 for full ones.
    np.testing.assert_allclose(
        losses.reconstruction_loss(cubes(0, -100, -100), cubes(1, 0, 1), "mse"), [2, 0, 8], atol=1e-5
    )


def test_unknown_reconstruction_loss_is_refused():
    with pytest.raises(ValueError, match="'l1'"):
        losses.reconstruction_loss(cubes(0), cubes(0), "l1")


def test_kl_by_hand():
    # Mean 0, variance 1: nothing. Mean 2 in one of two dimensions: 2^2 / 2 = 2. Variance e^2 in both dimensions:
    # (e^2 - 1 - 2) / 2 each, e^2 - 3 together.
    mean = tf.constant([[0.0, 0.0], [2.0, 0.0], [0.0, 0.0]])
    log_variance = tf.constant([[0.0, 0.0], [0.0, 0.0], [2.0, 2.0]])
    np.testing.assert_allclose(losses.kl_divergence(mean, log_variance), [0, 2, math.e**2 - 3], rtol=1e-6, atol=1e-6)


def test_adversarial_losses_at_indifference_and_certainty():
    # Logit 0 is an answer of one half: ln 2 for everybody. A logit of 50 is certain: right costs 0, wrong 50.
    logits = tf.constant([[0.0], [50.0]])
    np.testing.assert_allclose(losses.generator_loss(logits), [LN2, 0], atol=1e-6)
    np.testing.assert_allclose(losses.discriminator_loss(logits, real=True), [LN2, 0], atol=1e-6)
    np.testing.assert_allclose(losses.discriminator_loss(logits, real=False), [LN2, 50], atol=1e-5)


def test_label_smoothing_is_one_sided():
    # Target 0.9 at logit 50: 0.1 of the cost of answering wrong, 5. Generated shapes keep target 0.
    logits = tf.constant([[50.0]])
    np.testing.assert_allclose(losses.discriminator_loss(logits, real=True, label_smoothing=0.1), [5], atol=1e-4)
    np.testing.assert_allclose(losses.discriminator_loss(logits, real=False, label_smoothing=0.1), [50], atol=1e-4)


def test_r1_of_a_linear_discriminator_is_half_its_squared_slope():
    # D(x) = 3 Σ x over 8 voxels: the gradient is 3 in each, Σ 9 = 72, half of it 36, wherever x lies.
    def discriminator(voxels):
        return 3 * tf.reduce_sum(voxels, axis=[1, 2, 3])

    np.testing.assert_allclose(losses.r1_penalty(discriminator, cubes(0, 1)), [36, 36])


def test_adaptive_weight_by_hand():
    # Norms 5 (3, 4) and 10: a share of 0.3 asks for a norm of 1.5, so the factor is 0.15.
    weight = losses.adaptive_weight(tf.constant([3.0, 4.0]), tf.constant([0.0, 10.0]), 0.3)
    np.testing.assert_allclose(weight, 0.15, rtol=1e-5)


def test_adaptive_weight_is_bounded_and_may_be_zero():
    gradient = tf.constant([3.0, 4.0])
    np.testing.assert_allclose(losses.adaptive_weight(gradient, tf.zeros(2), 0.3), 0.3e4)
    np.testing.assert_allclose(losses.adaptive_weight(tf.zeros(2), gradient, 0.3), 0)
