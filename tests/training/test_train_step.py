"""One step: who is updated, by what, and that it learns."""

import numpy as np
import pytest
import tensorflow as tf

from tests.fakes import box_grid, random_grids
from vae_gan3d.networks.spectral_norm import power_iteration
from vae_gan3d.training.losses import (
    dice_loss,
    discriminator_loss,
    generator_loss,
    kl_divergence,
    reconstruction_loss,
)
from vae_gan3d.training.noise import POSTERIOR_STREAM, PRIOR_STREAM, latent_noise, reparameterize
from vae_gan3d.training.state import TrainingState
from vae_gan3d.training.step_metrics import STEP_METRICS
from vae_gan3d.training.step_options import StepOptions
from vae_gan3d.training.train_step import train_step

NETWORKS = {
    "resolution": 16,
    "latent_size": 4,
    "base_width": 8,
    "normalization": "group",
    "activation": "relu",
    "architecture": "default",
}
OPTIONS = StepOptions(
    kl_weight=0.5,
    reconstruction_loss="bce",
    adversarial_weight=0.3,
    adversarial_warmup=0,
    label_smoothing=0.0,
    d_accuracy_threshold=1.0,
    r1_weight=1.0,
    r1_every=2,
    seed=7,
    global_batch=4,
    ema_decay=0.999,
)
# Numbers of a step in which nothing is missing but the penalty of another loss.
MEASURED = [name != "gradient_penalty" for name in STEP_METRICS]
WITHOUT_PENALTIES = [name not in ("gradient_penalty", "r1_penalty") for name in STEP_METRICS]


def make_state(**changed):
    return TrainingState({**NETWORKS, **changed}, learning_rate=1e-3, d_learning_rate=1e-3, beta1=0.5, seed=3)


def voxels():
    return tf.constant(random_grids(4, 16)[..., np.newaxis], tf.float32)


def values(network):
    return [variable.numpy() for variable in network.variables]


def slots_of(state):
    """The discriminator's, without the learning rate, which the step's number sets."""
    return [slot.numpy() for slot in state.d_optimizer.variables if not slot.path.endswith("learning_rate")]


def changed(before, network):
    return [not np.array_equal(old, new) for old, new in zip(before, values(network), strict=True)]


def compiled(state, options):
    return tf.function(lambda batch: train_step(state, options, batch), autograph=False)


def test_a_step_moves_every_network_and_counts():
    state = make_state(base_width=16)  # of 8 channels each is a group, whose normalisation takes its bias out again
    before = [values(network) for network in state.networks]
    metrics = train_step(state, OPTIONS, voxels())
    assert metrics.shape == (len(STEP_METRICS),)
    assert np.isfinite(metrics).tolist() == MEASURED
    assert int(state.step) == 1
    for old, network in zip(before, state.networks, strict=True):
        assert all(changed(old, network)), network.name


def test_without_adversarial_weight_only_encoder_and_generator_are_trained():
    state = make_state()
    before = values(state.networks.discriminator)
    metrics = train_step(state, OPTIONS._replace(adversarial_weight=0.0), voxels())
    assert np.isnan(metrics[4:]).all()
    assert not any(changed(before, state.networks.discriminator))


@pytest.mark.parametrize(("threshold", "rests"), [(0.0, True), (1.0, False)])
def test_the_discriminator_rests_above_its_threshold(threshold, rests):
    state = make_state()
    # A bias of 100 calls everything real: all real shapes right, all generated ones wrong, accuracy one half.
    state.networks.discriminator.logit.bias.assign([100.0])
    before, slots = values(state.networks.discriminator), [slot.numpy() for slot in state.d_optimizer.variables]
    options = OPTIONS._replace(d_accuracy_threshold=threshold, r1_every=100)
    metrics = dict(zip(STEP_METRICS, train_step(state, options, voxels()).numpy(), strict=True))
    assert metrics["discriminator_accuracy"] == 0.5
    assert any(changed(before, state.networks.discriminator)) != rests
    same = [np.array_equal(old, slot) for old, slot in zip(slots, state.d_optimizer.variables, strict=True)]
    assert all(same) == rests


def test_gradients_are_those_of_the_written_out_loss(monkeypatch):
    """The one backward pass equals the gradient of reconstruction + β KL + factor x deceiving, taken plainly."""
    state = make_state()
    encoder, generator, discriminator = state.networks
    applied = []
    monkeypatch.setattr(state.optimizer, "apply", lambda gradients, _: applied.extend(gradients))
    monkeypatch.setattr("vae_gan3d.training.train_step.apply_where", lambda *_: None)
    step = tf.identity(state.step)
    metrics = dict(zip(STEP_METRICS, train_step(state, OPTIONS, voxels()).numpy(), strict=True))

    noise = latent_noise((4, 4), seed=7, stream=POSTERIOR_STREAM, step=step)
    prior = latent_noise((4, 4), seed=7, stream=PRIOR_STREAM, step=step)
    with tf.GradientTape() as tape:
        mean, log_variance = encoder(voxels(), training=True)
        logits = generator(reparameterize(mean, log_variance, noise), training=True)
        reconstruction = tf.reduce_mean(reconstruction_loss(logits, voxels(), "bce"))
        kl = tf.reduce_mean(kl_divergence(mean, log_variance))
        fakes = tf.sigmoid(tf.concat([logits, generator(prior, training=True)], 0))
        deceiving = tf.reduce_mean(generator_loss(discriminator(fakes, training=True), "bce"))
        loss = reconstruction + 0.5 * kl + metrics["adversarial_factor"] * deceiving
    expected = tape.gradient(loss, state.trained_variables)
    assert metrics["reconstruction_loss"] == pytest.approx(float(reconstruction), rel=1e-5)
    assert metrics["kl"] == pytest.approx(float(kl), rel=1e-5)
    assert metrics["generator_loss"] == pytest.approx(float(deceiving), rel=1e-5)
    assert metrics["discriminator_loss"] == pytest.approx(
        float(
            tf.reduce_mean(discriminator_loss(discriminator(voxels()), "bce", real=True))
            + tf.reduce_mean(discriminator_loss(discriminator(fakes), "bce", real=False))
        ),
        rel=1e-5,
    )
    for ours, theirs in zip(applied, expected, strict=True):
        scale = float(tf.reduce_max(tf.abs(theirs)))
        np.testing.assert_allclose(ours, theirs, atol=1e-4 * scale + 1e-4)
    together = np.concatenate([theirs.numpy().ravel() for theirs in expected])
    assert metrics["gradient_norm"] == pytest.approx(np.linalg.norm(together), rel=1e-3)


def test_the_adversarial_factor_gives_the_asked_share():
    """At the last layer the norm of factor x adversarial gradient is 0.3 times the reconstruction gradient's."""
    state = make_state()
    encoder, generator, discriminator = state.networks
    kernel = generator.voxels.kernel.value
    # A fresh discriminator hardly reacts, which would meet the factor's bound; this one reacts a hundred times as much.
    discriminator.logit.kernel.assign(100 * discriminator.logit.kernel)
    noise = latent_noise((4, 4), seed=7, stream=POSTERIOR_STREAM, step=state.step)
    prior = latent_noise((4, 4), seed=7, stream=PRIOR_STREAM, step=state.step)
    with tf.GradientTape(persistent=True) as tape:
        mean, log_variance = encoder(voxels(), training=True)
        logits = generator(reparameterize(mean, log_variance, noise), training=True)
        reconstruction = tf.reduce_mean(reconstruction_loss(logits, voxels(), "bce"))
        fakes = tf.sigmoid(tf.concat([logits, generator(prior, training=True)], 0))
        deceiving = tf.reduce_mean(generator_loss(discriminator(fakes, training=True), "bce"))
    ratio = tf.norm(tape.gradient(reconstruction, kernel)) / tf.norm(tape.gradient(deceiving, kernel))
    metrics = dict(zip(STEP_METRICS, train_step(state, OPTIONS, voxels()).numpy(), strict=True))
    assert metrics["adversarial_factor"] == pytest.approx(0.3 * float(ratio), rel=1e-3)


@pytest.mark.parametrize("kind", ["bce", "hinge"])  # wgan-gp: test_conditional_steps.py
def test_one_trace_over_warm_up_and_game_moves_every_weight(kind):
    """Not a bit of the discriminator and of its slots before the game."""
    state = make_state(spectral_normalization=kind == "hinge")
    changing = {"learning_rate_decay": "cosine", "learning_rate_warmup": 2, "total_steps": 9, "kl_warmup": 3}
    step = compiled(
        state, OPTIONS._replace(adversarial_warmup=2, adversarial_loss=kind, r1_weight=float(kind == "bce"), **changing)
    )
    before, slots = [values(network) for network in state.networks], slots_of(state)
    weights = [weight.numpy() for weight in state.networks.discriminator.trainable_variables]
    for _ in range(2):
        metrics = step(voxels())
        assert np.isnan(metrics[4:]).all()
        assert np.isfinite(metrics[:4]).all()
    for old, weight in zip(weights, state.networks.discriminator.trainable_variables, strict=True):
        np.testing.assert_array_equal(old, weight)
    for old, slot in zip(slots, slots_of(state), strict=True):
        np.testing.assert_array_equal(old, slot)
    metrics = step(voxels()).numpy()
    assert np.isfinite(metrics).tolist() == (MEASURED if kind == "bce" else WITHOUT_PENALTIES)
    assert 0 <= dict(zip(STEP_METRICS, metrics, strict=True))["discriminator_accuracy"] <= 1
    step(voxels())
    assert step.experimental_get_tracing_count() == 1
    for old, network in zip(before, state.networks, strict=True):
        # The last bias falls out of D(fake) - D(real), and of hinges that are all open.
        left_out = [kind != "bce" and variable.path.endswith("logit/bias") for variable in network.variables]
        assert all(moved or out for moved, out in zip(changed(old, network), left_out, strict=True)), network.name
        assert all(np.isfinite(value).all() for value in values(network)), network.name


def test_spectral_norms_advance_once_a_step_before_the_weights_move():
    state = make_state(spectral_normalization=True)
    layer = state.networks.discriminator.trunk.blocks[0].convolution
    for _ in range(2):
        _, _, expected = power_iteration(tf.identity(layer.kernel.value), tf.identity(layer.direction.value))
        train_step(state, OPTIONS._replace(adversarial_loss="hinge", r1_weight=0.0), voxels())
        np.testing.assert_allclose(layer.direction, expected, rtol=1e-5, atol=1e-6)


def test_learning_rates_follow_the_schedule():
    # Warm-up of 2 steps: 1/2, 1. Then linear over the 6 steps that are left of 8: 1, 5/6, and so on. The discriminator,
    # which enters after 3 steps, has 5: 1/2, 1, then linear over 3.
    state = make_state()
    schedule = {"learning_rate_decay": "linear", "learning_rate_warmup": 2, "total_steps": 8, "adversarial_warmup": 3}
    rates = []
    for _ in range(8):
        train_step(state, OPTIONS._replace(**schedule), voxels())
        rates.append([float(state.optimizer.learning_rate), float(state.d_optimizer.learning_rate)])
    expected, of_discriminator = np.transpose(rates) / 1e-3
    np.testing.assert_allclose(expected, [1 / 2, 1, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6], rtol=1e-5)
    np.testing.assert_allclose(of_discriminator[3:], [1 / 2, 1, 1, 2 / 3, 1 / 3], rtol=1e-5)


def first_gradients(monkeypatch, **options):
    """The gradients that the first step applies to encoder and generator, and its numbers, without the game."""
    state = make_state()
    applied = []
    monkeypatch.setattr(state.optimizer, "apply", lambda gradients, _: applied.extend(gradients))
    metrics = train_step(state, OPTIONS._replace(adversarial_weight=0.0, **options), voxels())
    return applied, metrics.numpy()[:3], state


def test_kl_warm_up_begins_without_kl(monkeypatch):
    warming, metrics, _ = first_gradients(monkeypatch, kl_warmup=10)
    without, plain, _ = first_gradients(monkeypatch, kl_weight=0.0)
    weighted, _, _ = first_gradients(monkeypatch)
    np.testing.assert_allclose(metrics, plain, rtol=1e-5)  # the KL that is shown is without its weight
    for mine, theirs in zip(warming, without, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-3)
    assert not np.allclose(warming[0], weighted[0], rtol=1e-4, atol=1e-3)


def test_dice_is_added_to_the_gradient_and_not_to_the_reconstruction_that_is_shown(monkeypatch):
    plain, metrics, state = first_gradients(monkeypatch, kl_weight=0.0)
    both, shown, _ = first_gradients(monkeypatch, kl_weight=0.0, dice_weight=1000.0)
    np.testing.assert_allclose(shown, metrics, rtol=1e-5)
    encoder, generator, _ = state.networks
    noise = latent_noise((4, 4), seed=7, stream=POSTERIOR_STREAM, step=tf.constant(0, tf.int64))
    with tf.GradientTape() as tape:
        logits = generator(reparameterize(*encoder(voxels(), training=True), noise), training=True)
        dice = 1000 * tf.reduce_mean(dice_loss(logits, voxels()))
    for mine, bce, added in zip(both, plain, tape.gradient(dice, state.trained_variables), strict=True):
        scale = float(tf.reduce_max(tf.abs(bce))) + 1.0
        np.testing.assert_allclose(mine, bce + added, rtol=1e-3, atol=1e-4 * scale)


def test_averaged_weights_follow_by_hand():
    # After the first step (step 0 while averaging) the decay is min(0.999, 1/10): a tenth old, nine tenths new.
    state = make_state()
    old = state.average.generator.voxels.kernel.numpy()
    train_step(state, OPTIONS, voxels())
    new = state.networks.generator.voxels.kernel.numpy()
    np.testing.assert_allclose(state.average.generator.voxels.kernel, 0.1 * old + 0.9 * new, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("normalization", ["group", "batch"])
def test_it_learns_to_reconstruct_four_boxes(normalization):
    boxes = np.stack([box_grid(16, low, high) for low, high in ((0, 6), (4, 12), (9, 15), (2, 14))])
    batch = tf.constant(boxes[..., np.newaxis], tf.float32)
    step = compiled(make_state(normalization=normalization), OPTIONS._replace(kl_weight=0.1, adversarial_warmup=230))
    first = step(batch)[0]
    for _ in range(250):
        last = step(batch)
    assert np.isfinite(last[:6]).all()
    assert float(last[0]) < 0.25 * float(first)
    assert float(last[2]) > 0.6  # IoU


def test_the_same_seed_gives_the_same_run_and_another_does_not():
    runs = []
    for seed in (7, 7, 8):
        state = make_state()
        runs.append([train_step(state, OPTIONS._replace(seed=seed), voxels()).numpy() for _ in range(2)][-1])
    np.testing.assert_allclose(runs[0][:6], runs[1][:6], rtol=1e-5)
    assert not np.allclose(runs[0][:2], runs[2][:2], rtol=1e-5)


def test_the_published_network_takes_a_step():
    state = make_state(architecture="3dgan", normalization="batch")
    metrics = train_step(state, OPTIONS._replace(d_accuracy_threshold=0.8, reconstruction_loss="mse"), voxels())
    assert np.isfinite(metrics).tolist() == MEASURED
