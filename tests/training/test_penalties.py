"""The lazy gradient penalty; the tests of the steps compare its value and gradients with the written-out ones."""

import numpy as np
import pytest
import tensorflow as tf

from tests.fakes import random_grids
from vae_gan3d.networks.discriminator import Discriminator
from vae_gan3d.training.penalties import penalty_term
from vae_gan3d.training.step_options import StepOptions

OPTIONS = StepOptions(1.0, "bce", 0.3, 0, 0.0, 1.0, r1_weight=1.0, r1_every=4, seed=7, global_batch=2, ema_decay=0.9)
WASSERSTEIN = OPTIONS._replace(adversarial_loss="wgan-gp", r1_weight=0.0)


@pytest.fixture(scope="module")
def discriminator():
    return Discriminator(resolution=16, base_width=8, normalization="none")


def measure(discriminator, options, update):
    real, fakes = (tf.constant(random_grids(2, 16, seed)[..., np.newaxis], tf.float32) for seed in (0, 1))
    penalties, gradients = penalty_term(discriminator, options, real, lambda: fakes, tf.constant(update, tf.int64))
    return penalties.numpy(), [np.array(gradient) for gradient in gradients]


@pytest.mark.parametrize(("options", "place"), [(OPTIONS, 0), (WASSERSTEIN, 1)], ids=["r1", "wgan-gp"])
def test_a_penalty_is_due_on_every_fourth_update(discriminator, options, place):
    for update in range(6):
        penalties, gradients = measure(discriminator, options, update)
        due = update in (0, 4)
        assert np.isfinite(penalties).tolist() == [due and place == 0, due and place == 1]
        assert any(gradient.any() for gradient in gradients) == due


@pytest.mark.parametrize(
    ("options", "weight"), [(OPTIONS, "r1_weight"), (WASSERSTEIN, "gradient_penalty_weight")], ids=["r1", "wgan-gp"]
)
def test_gradients_grow_with_the_weight_and_with_the_updates_between(discriminator, options, weight):
    once = options._replace(**{weight: 1.0, "r1_every": 1})
    penalties, gradients = measure(discriminator, once, 0)
    twelvefold, larger = measure(discriminator, once._replace(**{weight: 3.0, "r1_every": 4}), 0)
    np.testing.assert_allclose(twelvefold, penalties, rtol=1e-5)
    for mine, theirs in zip(larger, gradients, strict=True):
        np.testing.assert_allclose(mine, 12 * theirs, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize(
    "options", [OPTIONS._replace(r1_weight=0.0), WASSERSTEIN._replace(gradient_penalty_weight=0.0)]
)
def test_without_a_weight_nothing_is_measured(discriminator, options):
    penalties, gradients = measure(discriminator, options, 0)
    assert np.isnan(penalties).all()
    assert not any(gradient.any() for gradient in gradients)


@pytest.mark.parametrize(("options", "place"), [(OPTIONS, 0), (WASSERSTEIN, 1)], ids=["r1", "wgan-gp"])
def test_a_penalty_is_measured_under_the_labels_of_the_real_shapes(options, place):
    conditional = Discriminator(resolution=16, base_width=8, normalization="none", classes=2)
    real, fakes = (tf.constant(random_grids(2, 16, seed)[..., np.newaxis], tf.float32) for seed in (0, 1))
    zero = tf.constant(0, tf.int64)
    measured = [
        penalty_term(conditional, options, real, lambda: fakes, zero, tf.constant(labels))[0].numpy()[place]
        for labels in ([0, 1], [1, 0])
    ]
    assert np.isfinite(measured).all()
    assert abs(measured[0] - measured[1]) > 1e-6 * abs(measured[0])
    # Without its vectors the discriminator does not tell the classes apart.
    conditional.projection.kernel.assign(tf.zeros_like(conditional.projection.kernel))
    blind = [
        penalty_term(conditional, options, real, lambda: fakes, zero, tf.constant(labels))[0].numpy()[place]
        for labels in ([0, 1], [1, 0])
    ]
    np.testing.assert_allclose(blind[0], blind[1], rtol=1e-6)
