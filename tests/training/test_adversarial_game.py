"""What the adversarial game hands to the step, under each loss."""

import numpy as np
import pytest
import tensorflow as tf

from tests.fakes import random_grids
from vae_gan3d.training.adversarial_game import Reconstruction, adversarial_part, latents_of_new_shapes, summed
from vae_gan3d.training.interpolates import random_interpolates
from vae_gan3d.training.losses import discriminator_loss, gradient_penalty, r1_penalty
from vae_gan3d.training.noise import PRIOR_STREAM, latent_noise
from vae_gan3d.training.state import TrainingState
from vae_gan3d.training.step_metrics import ADVERSARIAL_METRICS
from vae_gan3d.training.step_options import StepOptions

KINDS = ("bce", "hinge", "wgan-gp")
OPTIONS = StepOptions(1.0, "bce", 0.3, 0, 0.0, 1.0, r1_weight=1.0, r1_every=2, seed=7, global_batch=4, ema_decay=0.999)


def options_of(kind, **changed):
    return OPTIONS._replace(**{"adversarial_loss": kind, "r1_weight": float(kind == "bce"), **changed})


def make_state(spectral=False):
    networks = {
        "resolution": 16,
        "latent_size": 4,
        "base_width": 16,
        "normalization": "group",
        "activation": "relu",
        "architecture": "default",
        "spectral_normalization": spectral,
    }
    return TrainingState(networks, learning_rate=1e-3, d_learning_rate=1e-3, beta1=0.5, seed=3)


def voxels():
    return tf.constant(random_grids(4, 16)[..., np.newaxis], tf.float32)


def play(state, options):
    """The game on reconstructions of latents 1, with a reconstruction gradient of ones."""
    with tf.GradientTape(persistent=True) as tape:
        logits = state.networks.generator(tf.ones([4, 4]), training=True)
    reconstruction = Reconstruction(tape, voxels(), tf.ones([4, 4]), logits, tf.ones_like(logits))
    adversarial = adversarial_part(state, options, reconstruction)
    return adversarial, dict(zip(ADVERSARIAL_METRICS, adversarial.metrics.numpy(), strict=True)), logits


def shown_fakes(state, logits):
    latents = latent_noise((4, 4), seed=7, stream=PRIOR_STREAM, step=state.step)
    return tf.sigmoid(tf.concat([logits, state.networks.generator(latents, training=True)], 0))


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_every_weight_of_the_discriminator_and_the_generator(kind):
    state = make_state(spectral=kind == "hinge")
    adversarial, metrics, _ = play(state, options_of(kind))
    for gradients, network in (
        (adversarial.by_discriminator, state.networks.discriminator),
        (adversarial.by_generator, state.networks.generator),
    ):
        for gradient, variable in zip(gradients, network.trainable_variables, strict=True):
            assert np.isfinite(gradient).all(), variable.path
            # The last bias falls out of D(fake) - D(real) and its penalty, and out of hinges that are all open.
            left_out = kind != "bce" and variable.path.endswith("logit/bias")
            assert left_out or float(tf.reduce_max(tf.abs(gradient))) > 0, variable.path
    assert float(tf.reduce_max(tf.abs(adversarial.by_logits))) > 0
    assert np.isfinite(metrics["adversarial_factor"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_discriminators_gradient_is_that_of_the_written_out_loss(kind):
    state = make_state(spectral=kind == "hinge")
    discriminator = state.networks.discriminator
    adversarial, metrics, logits = play(state, options_of(kind, gradient_penalty_weight=3.0))
    fakes = shown_fakes(state, logits)
    variables = discriminator.trainable_variables
    with tf.GradientTape() as tape:
        # The step is the 0th, so the penalty is due: twice, for the step that will go without.
        if kind == "bce":
            penalty = tf.reduce_mean(r1_penalty(discriminator, voxels()))
            weighted = 2.0 * penalty
        elif kind == "wgan-gp":
            points = random_interpolates(voxels(), fakes, seed=7, step=state.step)
            penalty = tf.reduce_mean(gradient_penalty(discriminator, points))
            weighted = 2.0 * 3.0 * penalty
        else:
            penalty, weighted = float("nan"), 0.0
        told = tf.reduce_mean(discriminator_loss(discriminator(voxels()), kind, real=True)) + tf.reduce_mean(
            discriminator_loss(discriminator(fakes), kind, real=False)
        )
        loss = told + weighted
    expected = tape.gradient(loss, [variable.value for variable in variables], unconnected_gradients="zero")
    assert metrics["discriminator_loss"] == pytest.approx(float(told), rel=1e-4, abs=1e-5)
    measured = {"bce": "r1_penalty", "wgan-gp": "gradient_penalty"}.get(kind)
    for name in ("r1_penalty", "gradient_penalty"):
        if name == measured:
            assert metrics[name] == pytest.approx(float(penalty), rel=1e-4)
        else:
            assert np.isnan(metrics[name])
    for mine, theirs, variable in zip(adversarial.by_discriminator, expected, variables, strict=True):
        scale = float(tf.reduce_max(tf.abs(theirs)))
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-4 * scale + 1e-6, err_msg=variable.path)
    together = np.concatenate([theirs.numpy().ravel() for theirs in expected])
    assert metrics["d_gradient_norm"] == pytest.approx(np.linalg.norm(together), rel=1e-3)


@pytest.mark.parametrize(("kind", "name"), [("bce", "r1_penalty"), ("wgan-gp", "gradient_penalty")])
def test_penalties_are_measured_on_every_second_step(kind, name):
    state = make_state()
    measured = []
    for _ in range(4):
        measured.append(not np.isnan(play(state, options_of(kind))[1][name]))
        state.step.assign_add(1)
    assert measured == [True, False, True, False]


@pytest.mark.parametrize(("kind", "off"), [("bce", "r1_weight"), ("wgan-gp", "gradient_penalty_weight")])
def test_a_penalty_of_no_weight_is_left_out(kind, off):
    _, metrics, _ = play(make_state(), options_of(kind, **{off: 0.0}))
    assert np.isnan([metrics["r1_penalty"], metrics["gradient_penalty"]]).all()


@pytest.mark.parametrize("changed", [{"adversarial_weight": 0.0}, {"adversarial_warmup": 1}])
def test_without_a_game_nothing_is_added(changed):
    adversarial, metrics, _ = play(make_state(), OPTIONS._replace(**changed))
    assert np.isnan(list(metrics.values())).all()
    for gradient in (adversarial.by_logits, *adversarial.by_generator, *adversarial.by_discriminator):
        assert not np.any(gradient)


def test_gradients_are_added_one_by_one():
    first, second = summed([tf.constant([1.0]), tf.constant(2.0)], [tf.constant([3.0]), tf.constant(4.0)])
    assert (first.numpy().tolist(), float(second)) == ([4.0], 6.0)


def test_latents_between_shapes_lie_on_the_lines_between_neighbours_of_the_batch():
    options = options_of("bce", adversarial_latents="interpolation")
    state = make_state()
    corners = tf.constant(np.eye(4), tf.float32)
    # Between corner i and corner i - 1 of the unit simplex only those two coordinates differ from 0, and they add to 1.
    between = latents_of_new_shapes(state, options, corners).numpy()
    np.testing.assert_allclose(between.sum(axis=1), 1, rtol=1e-6)
    pairs = np.eye(4) + np.roll(np.eye(4), 1, axis=0) > 0
    assert (between[pairs] > 0).all()
    assert (between[~pairs] == 0).all()
    assert len(np.unique(np.diag(between))) == 4  # a share of its own for each


def test_latents_of_the_prior_do_not_depend_on_the_shapes():
    options = options_of("bce", adversarial_latents="prior")
    state = make_state()
    drawn = [latents_of_new_shapes(state, options, tf.fill([4, 4], value)) for value in (0.0, 1.0)]
    np.testing.assert_array_equal(*drawn)
