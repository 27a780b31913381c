"""The step of a VAE and of a VAE-GAN: which variables it changes, by which gradients, and that it learns."""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.fakes import box_grid, random_grids
from tests.training.several_replicas import IN_PARTS, require_equal, take_steps
from vae_gan3d.config import LossConfig
from vae_gan3d.networks.discriminator import Discriminator
from vae_gan3d.networks.spectral_norm import power_iteration
from vae_gan3d.replicas import Replica, acting_as
from vae_gan3d.training import vae_gan_step as module
from vae_gan3d.training.distribution import ONE_DEVICE
from vae_gan3d.training.losses import (
    dice_loss,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    kl_divergence,
    r1_penalty,
    random_interpolates,
    reconstruction_loss,
)
from vae_gan3d.training.noise import POSTERIOR_STREAM, PRIOR_STREAM, latent_noise, reparameterize
from vae_gan3d.training.state import Hyperparameters, TrainingState
from vae_gan3d.training.vae_gan_step import (
    STEP_METRICS,
    adversarial_gradients,
    lazy_penalty,
    sample_latents,
    vae_gan_step,
)

NETWORKS = {
    "resolution": 16,
    "latent_size": 4,
    "base_width": 8,
    "normalization": "none",
    "activation": "relu",
    "architecture": "default",
}
HP = Hyperparameters(
    **vars(LossConfig(0.5, "bce", 0.3, 0, 0.0, 1.0, r1_weight=1.0, r1_every=2, adversarial_latents="prior")),
    seed=7,
    global_batch=4,
    ema_decay=0.999,
)
KINDS = ("bce", "hinge", "wgan-gp")
# With BatchNorm in every network: one step changes its statistics.
PUBLISHED = {"architecture": "3dgan", "normalization": "batch", "base_width": 4}
# The metrics of a step that lacks nothing but the penalty of another loss.
MEASURED = [name != "gradient_penalty" for name in STEP_METRICS]
WITHOUT_PENALTIES = [name not in ("gradient_penalty", "r1_penalty") for name in STEP_METRICS]
NAN, INFINITY = float("nan"), float("inf")
LABELS = tf.constant([0, 1, 1, 0], tf.int64)

vae_step = functools.partial(vae_gan_step, adversarial=False)
full_step = functools.partial(vae_gan_step, adversarial=True)


def hp_of(kind, **changed):
    return dataclasses.replace(HP, **{"adversarial_loss": kind, "r1_weight": float(kind == "bce"), **changed})


def make_state(optimizer="adam", learning_rate=1e-3, **changed):
    rates = {"learning_rate": learning_rate, "d_learning_rate": learning_rate}
    return TrainingState({**NETWORKS, **changed}, **rates, beta1=0.5, seed=3, optimizer=optimizer)


def applied_gradients(take_step, hp, discriminator=False, **networks):
    """The metrics of a first step and the gradients it applies: SGD with learning rate 1 subtracts them."""
    state = make_state("sgd", 1.0, **networks)
    variables = state.networks.discriminator.trainable_variables if discriminator else state.trained_variables
    before = [variable.numpy() for variable in variables]
    metrics = named(take_step(state, hp, voxels()))
    return metrics, [old - variable.numpy() for old, variable in zip(before, variables, strict=True)]


def named(metrics):
    return dict(zip(STEP_METRICS, metrics.numpy(), strict=True))


def voxels():
    return tf.constant(random_grids(4, 16)[..., np.newaxis], tf.float32)


def values(network):
    return [variable.numpy() for variable in network.variables]


def slots_of(state):
    """The discriminator's, without the learning rate, which the step's number sets."""
    return [slot.numpy() for slot in state.d_optimizer.variables if not slot.path.endswith("learning_rate")]


def changed(before, network):
    return [not np.array_equal(old, new) for old, new in zip(before, values(network), strict=True)]


def compiled(state, hp, *, adversarial):
    step = functools.partial(vae_gan_step, state, hp, adversarial=adversarial)
    return tf.function(lambda batch: step(batch), autograph=False)


def everything(state):
    """All variables that a step may change, except its number and the learning rates, by name."""
    networks = [*state.networks.by_name().values(), *state.average.by_name().values()]
    return {
        f"{number} {variable.path}": variable.numpy()
        for number, holder in enumerate([*networks, state.optimizer, state.d_optimizer])
        for variable in holder.variables
        if not variable.path.endswith("learning_rate")
    }


def moved(before, state):
    after = everything(state)
    return [path for path in before if not np.array_equal(before[path], after[path])]


def test_a_step_moves_every_network_and_counts():
    state = make_state()
    before = [values(network) for network in state.networks]
    metrics = full_step(state, HP, voxels())
    assert metrics.shape == (len(STEP_METRICS),)
    assert np.isfinite(metrics).tolist() == MEASURED
    assert int(state.step) == 1
    for old, network in zip(before, state.networks, strict=True):
        assert all(changed(old, network)), network.name


def test_without_the_adversarial_part_only_encoder_and_generator_are_trained():
    state = make_state()
    before = values(state.networks.discriminator)
    metrics = vae_step(state, HP, voxels())
    assert np.isnan(metrics[4:]).all()
    assert not any(changed(before, state.networks.discriminator))


@pytest.mark.parametrize(("threshold", "rests"), [(0.0, True), (1.0, False)])
def test_the_discriminator_rests_above_its_threshold(threshold, rests):
    state = make_state()
    # A bias of 100 calls everything real: all real shapes right, all generated ones wrong, accuracy one half.
    state.networks.discriminator.logit.bias.assign([100.0])
    before, slots = values(state.networks.discriminator), [slot.numpy() for slot in state.d_optimizer.variables]
    hp = dataclasses.replace(HP, d_accuracy_threshold=threshold, r1_every=100)
    metrics = named(full_step(state, hp, voxels()))
    assert metrics["discriminator_accuracy"] == 0.5
    assert any(changed(before, state.networks.discriminator)) != rests
    same = [np.array_equal(old, slot) for old, slot in zip(slots, state.d_optimizer.variables, strict=True)]
    assert all(same) == rests


def test_gradients_are_those_of_the_written_out_loss():
    """The one backward pass equals the gradient of reconstruction + β KL + weight x generator loss, taken plainly."""
    metrics, applied = applied_gradients(full_step, HP)
    state = make_state()
    encoder, generator, discriminator = state.networks
    step = tf.constant(0, tf.int64)
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
    kernel = generator.to_logits.kernel.value
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
    metrics = named(full_step(state, HP, voxels()))
    assert metrics["adversarial_factor"] == pytest.approx(0.3 * float(ratio), rel=1e-3)


@pytest.mark.parametrize("kind", ["bce", "hinge"])  # wgan-gp: with labels, below
def test_warm_up_and_adversarial_part_change_every_weight(kind):
    """In the warm-up not a bit of the discriminator and of its slots changes."""
    state = make_state(spectral_normalization=kind == "hinge")
    changing = {"learning_rate_decay": "cosine", "learning_rate_warmup": 2, "total_steps": 9, "kl_warmup": 3}
    hp = hp_of(kind, adversarial_warmup=2, **changing)
    before, slots = [values(network) for network in state.networks], slots_of(state)
    weights = [weight.numpy() for weight in state.networks.discriminator.trainable_variables]
    for _ in range(2):
        metrics = vae_step(state, hp, voxels())
        assert np.isnan(metrics[4:]).all()
        assert np.isfinite(metrics[:4]).all()
    for old, weight in zip(weights, state.networks.discriminator.trainable_variables, strict=True):
        np.testing.assert_array_equal(old, weight)
    for old, slot in zip(slots, slots_of(state), strict=True):
        np.testing.assert_array_equal(old, slot)
    metrics = full_step(state, hp, voxels())
    assert np.isfinite(metrics).tolist() == (MEASURED if kind == "bce" else WITHOUT_PENALTIES)
    assert 0 <= named(metrics)["discriminator_accuracy"] <= 1
    full_step(state, hp, voxels())
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
        full_step(state, hp_of("hinge"), voxels())
        np.testing.assert_allclose(layer.direction, expected, rtol=1e-5, atol=1e-6)


def test_learning_rates_follow_the_schedule():
    # Warm-up of 2 steps: 1/2, 1. Then linear over the 6 steps that are left of 8: 1, 5/6, and so on. The discriminator,
    # which enters after 3 steps, has 5: 1/2, 1, then linear over 3.
    state = make_state()
    schedule = {"learning_rate_decay": "linear", "learning_rate_warmup": 2, "total_steps": 8, "adversarial_warmup": 3}
    rates = []
    for _ in range(8):
        vae_step(state, dataclasses.replace(HP, **schedule), voxels())
        rates.append([float(state.optimizer.learning_rate), float(state.d_optimizer.learning_rate)])
    expected, of_discriminator = np.transpose(rates) / 1e-3
    np.testing.assert_allclose(expected, [1 / 2, 1, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6], rtol=1e-5)
    np.testing.assert_allclose(of_discriminator[3:], [1 / 2, 1, 1, 2 / 3, 1 / 3], rtol=1e-5)


def test_kl_warm_up_begins_without_kl():
    shown, warming = applied_gradients(vae_step, dataclasses.replace(HP, kl_warmup=10))
    plain, without = applied_gradients(vae_step, dataclasses.replace(HP, kl_weight=0.0))
    _, weighted = applied_gradients(vae_step, HP)
    assert shown["kl"] == pytest.approx(plain["kl"], rel=1e-5)  # the KL that is shown is without its weight
    for mine, theirs in zip(warming, without, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-3)
    assert not np.allclose(warming[0], weighted[0], rtol=1e-4, atol=1e-3)


def test_dice_is_added_to_the_gradient_and_not_to_the_reconstruction_that_is_shown():
    metrics, plain = applied_gradients(vae_step, dataclasses.replace(HP, kl_weight=0.0))
    shown, both = applied_gradients(vae_step, dataclasses.replace(HP, kl_weight=0.0, dice_weight=1000.0))
    assert shown["reconstruction_loss"] == pytest.approx(metrics["reconstruction_loss"], rel=1e-5)
    state = make_state()
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
    old = state.average.generator.to_logits.kernel.numpy()
    full_step(state, HP, voxels())
    new = state.networks.generator.to_logits.kernel.numpy()
    np.testing.assert_allclose(state.average.generator.to_logits.kernel, 0.1 * old + 0.9 * new, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("normalization", ["group", "batch"])
def test_it_learns_to_reconstruct_four_boxes(normalization):
    boxes = np.stack([box_grid(16, low, high) for low, high in ((0, 6), (4, 12), (9, 15), (2, 14))])
    batch = tf.constant(boxes[..., np.newaxis], tf.float32)
    step = compiled(make_state(normalization=normalization), dataclasses.replace(HP, kl_weight=0.1), adversarial=False)
    first = step(batch)[0]
    for _ in range(230):
        last = step(batch)
    assert np.isfinite(last[:4]).all()
    assert float(last[0]) < 0.25 * float(first)
    assert float(last[2]) > 0.6  # IoU


def test_the_same_seed_gives_the_same_run_and_another_does_not():
    runs = []
    for seed in (7, 7, 8):
        state = make_state()
        runs.append([full_step(state, dataclasses.replace(HP, seed=seed), voxels()).numpy() for _ in range(2)][-1])
    np.testing.assert_allclose(runs[0][:6], runs[1][:6], rtol=1e-5)
    assert not np.allclose(runs[0][:2], runs[2][:2], rtol=1e-5)


def test_the_published_network_takes_a_step():
    state = make_state(architecture="3dgan", normalization="batch")
    metrics = full_step(state, dataclasses.replace(HP, d_accuracy_threshold=0.8, reconstruction_loss="mse"), voxels())
    assert np.isfinite(metrics).tolist() == MEASURED


# The discriminator's side.


@pytest.mark.parametrize("kind", KINDS)
def test_the_discriminators_gradient_is_that_of_the_written_out_loss(kind):
    networks = {"spectral_normalization": kind == "hinge"}
    metrics, applied = applied_gradients(full_step, hp_of(kind, gradient_penalty_weight=3.0), True, **networks)
    encoder, generator, discriminator = make_state(**networks).networks
    step = tf.constant(0, tf.int64)
    noise, prior = (
        latent_noise((4, 4), seed=7, stream=stream, step=step) for stream in (POSTERIOR_STREAM, PRIOR_STREAM)
    )
    latents = reparameterize(*encoder(voxels(), training=True), noise)
    fakes = tf.sigmoid(tf.concat([generator(z, training=True) for z in (latents, prior)], 0))
    with tf.GradientTape() as tape:
        # The step is the 0th, so the penalty is due: twice, for the step that will go without.
        if kind == "bce":
            penalty = tf.reduce_mean(r1_penalty(discriminator, voxels()))
            weighted = 2.0 * penalty
        elif kind == "wgan-gp":
            points = random_interpolates(voxels(), fakes, seed=7, step=step)
            penalty = tf.reduce_mean(gradient_penalty(discriminator, points))
            weighted = 2.0 * 3.0 * penalty
        else:
            penalty, weighted = float("nan"), 0.0
        d_loss = tf.reduce_mean(discriminator_loss(discriminator(voxels()), kind, real=True)) + tf.reduce_mean(
            discriminator_loss(discriminator(fakes), kind, real=False)
        )
        loss = d_loss + weighted
    variables = discriminator.trainable_variables
    expected = tape.gradient(loss, [variable.value for variable in variables], unconnected_gradients="zero")
    assert metrics["discriminator_loss"] == pytest.approx(float(d_loss), rel=1e-4, abs=1e-5)
    measured = {"bce": "r1_penalty", "wgan-gp": "gradient_penalty"}.get(kind)
    for name in ("r1_penalty", "gradient_penalty"):
        if name == measured:
            assert metrics[name] == pytest.approx(float(penalty), rel=1e-4)
        else:
            assert np.isnan(metrics[name])
    for mine, theirs, variable in zip(applied, expected, variables, strict=True):
        scale = float(tf.reduce_max(tf.abs(theirs)))
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-4 * scale + 1e-6, err_msg=variable.path)
    together = np.concatenate([theirs.numpy().ravel() for theirs in expected])
    assert metrics["d_gradient_norm"] == pytest.approx(np.linalg.norm(together), rel=1e-3)


def test_latents_between_shapes_lie_on_the_lines_between_neighbours_of_the_batch():
    hp = hp_of("bce", adversarial_latents="interpolation")
    state = make_state()
    corners = tf.constant(np.eye(4), tf.float32)
    # Between corner i and corner i - 1 of the unit simplex only those two coordinates differ from 0, and they add to 1.
    between = sample_latents(state, hp, corners).numpy()
    np.testing.assert_allclose(between.sum(axis=1), 1, rtol=1e-6)
    pairs = np.eye(4) + np.roll(np.eye(4), 1, axis=0) > 0
    assert (between[pairs] > 0).all()
    assert (between[~pairs] == 0).all()
    assert len(np.unique(np.diag(between))) == 4  # a share of its own for each


def test_latents_of_the_prior_do_not_depend_on_the_shapes():
    hp = hp_of("bce", adversarial_latents="prior")
    state = make_state()
    drawn = [sample_latents(state, hp, tf.fill([4, 4], value)) for value in (0.0, 1.0)]
    np.testing.assert_array_equal(*drawn)


def make_discriminator(normalization="none"):
    return Discriminator(resolution=16, base_width=8, normalization=normalization)


def make_batch():
    voxels = tf.constant(random_grids(4, 16)[..., np.newaxis], tf.float32)
    halves = [tf.random.stateless_normal((4, 16, 16, 16, 1), (0, seed), stddev=3.0) for seed in (1, 2)]
    return voxels, halves


def two_passes(discriminator, hp, voxels, halves):
    """Both sides' gradients as they are written in the papers, each from a pass of its own."""
    kind = hp.adversarial_loss
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(halves)
        fake = tf.concat([discriminator(tf.sigmoid(half), training=True) for half in halves], axis=0)
        real = discriminator(voxels, training=True)
        g_loss = tf.reduce_mean(generator_loss(fake, kind))
        d_loss = tf.reduce_mean(discriminator_loss(real, kind, real=True))
        d_loss += tf.reduce_mean(discriminator_loss(fake, kind, real=False))
    return g_loss, d_loss, tape.gradient(g_loss, halves), tape.gradient(d_loss, discriminator.trainable_weights)


@pytest.mark.parametrize("normalization", ["none", "group", "batch"])
@pytest.mark.parametrize("kind", KINDS)
def test_one_pass_gives_what_two_give(kind, normalization):
    discriminator = make_discriminator(normalization)
    assert discriminator.per_sample == (normalization != "batch")
    voxels, halves = make_batch()
    hp = hp_of(kind)
    d_metrics, *found = adversarial_gradients(discriminator, hp, voxels, halves, None)
    g_loss, d_loss, *expected = two_passes(discriminator, hp, voxels, halves)
    np.testing.assert_allclose(d_metrics[:2], [g_loss, d_loss], rtol=1e-5)
    for ours, theirs in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        size = float(tf.reduce_max(tf.abs(theirs)))
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5 * size + 1e-9)


@pytest.mark.parametrize("answer", [-100.0, -60.0, 60.0, 100.0])
def test_a_discriminator_that_is_sure_beyond_float32_still_teaches_the_generator(answer):
    discriminator = make_discriminator()
    discriminator.logit.bias.assign([answer])
    voxels, halves = make_batch()
    _, *found = adversarial_gradients(discriminator, HP, voxels, halves, None)
    _, _, *expected = two_passes(discriminator, HP, voxels, halves)
    for ours, theirs in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        assert np.isfinite(ours).all()
        np.testing.assert_allclose(ours, theirs, rtol=1e-2, atol=1e-5 * float(tf.reduce_max(tf.abs(theirs))) + 1e-12)


R1 = dataclasses.replace(HP, r1_every=4, global_batch=2)
WASSERSTEIN = dataclasses.replace(R1, adversarial_loss="wgan-gp", r1_weight=0.0)


@pytest.fixture(scope="module")
def discriminator():
    return Discriminator(resolution=16, base_width=8, normalization="none")


def measure(discriminator, hp, update):
    real, fakes = (tf.constant(random_grids(2, 16, seed)[..., np.newaxis], tf.float32) for seed in (0, 1))
    penalties, gradients = lazy_penalty(discriminator, hp, real, lambda: fakes, tf.constant(update, tf.int64), None)
    return penalties.numpy(), [np.array(gradient) for gradient in gradients]


@pytest.mark.parametrize(("hp", "place"), [(R1, 0), (WASSERSTEIN, 1)], ids=["r1", "wgan-gp"])
def test_a_penalty_is_due_on_every_fourth_update(discriminator, hp, place):
    for update in range(6):
        penalties, gradients = measure(discriminator, hp, update)
        due = update in (0, 4)
        assert np.isfinite(penalties).tolist() == [due and place == 0, due and place == 1]
        assert any(gradient.any() for gradient in gradients) == due


@pytest.mark.parametrize(
    ("hp", "weight"), [(R1, "r1_weight"), (WASSERSTEIN, "gradient_penalty_weight")], ids=["r1", "wgan-gp"]
)
def test_gradients_grow_with_the_weight_and_with_the_updates_between(discriminator, hp, weight):
    once = dataclasses.replace(hp, **{weight: 1.0, "r1_every": 1})
    penalties, gradients = measure(discriminator, once, 0)
    twelvefold, larger = measure(discriminator, dataclasses.replace(once, **{weight: 3.0, "r1_every": 4}), 0)
    np.testing.assert_allclose(twelvefold, penalties, rtol=1e-5)
    for mine, theirs in zip(larger, gradients, strict=True):
        np.testing.assert_allclose(mine, 12 * theirs, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize(
    "hp", [dataclasses.replace(R1, r1_weight=0.0), dataclasses.replace(WASSERSTEIN, gradient_penalty_weight=0.0)]
)
def test_without_a_weight_nothing_is_measured(discriminator, hp):
    penalties, gradients = measure(discriminator, hp, 0)
    assert np.isnan(penalties).all()
    assert not any(gradient.any() for gradient in gradients)


@pytest.mark.parametrize(("hp", "place"), [(R1, 0), (WASSERSTEIN, 1)], ids=["r1", "wgan-gp"])
def test_a_penalty_is_measured_under_the_labels_of_the_real_shapes(hp, place):
    conditional = Discriminator(resolution=16, base_width=8, normalization="none", classes=2)
    real, fakes = (tf.constant(random_grids(2, 16, seed)[..., np.newaxis], tf.float32) for seed in (0, 1))
    zero = tf.constant(0, tf.int64)
    measured = [
        lazy_penalty(conditional, hp, real, lambda: fakes, zero, tf.constant(labels))[0].numpy()[place]
        for labels in ([0, 1], [1, 0])
    ]
    assert np.isfinite(measured).all()
    assert abs(measured[0] - measured[1]) > 1e-6 * abs(measured[0])
    # Without its vectors the discriminator does not tell the classes apart.
    conditional.projection.kernel.assign(tf.zeros_like(conditional.projection.kernel))
    blind = [
        lazy_penalty(conditional, hp, real, lambda: fakes, zero, tf.constant(labels))[0].numpy()[place]
        for labels in ([0, 1], [1, 0])
    ]
    np.testing.assert_allclose(blind[0], blind[1], rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "latents"), [("bce", "interpolation"), ("hinge", "prior"), ("wgan-gp", "interpolation")]
)
def test_a_conditional_step_moves_every_weight(kind, latents):
    state = make_state(spectral_normalization=kind == "hinge", classes=2)
    hp = hp_of(kind, adversarial_latents=latents)
    before = [values(network) for network in state.networks]
    for _ in range(2):
        metrics = full_step(state, hp, voxels(), LABELS)
    assert np.isfinite(metrics[:3]).all()
    for old, network in zip(before, state.networks, strict=True):
        for variable, moved in zip(network.variables, changed(old, network), strict=True):
            assert moved or (kind != "bce" and variable.path.endswith("logit/bias")), variable.path


def test_labels_of_a_step_are_needed_and_matter():
    first, second = (float(vae_step(make_state(classes=2), HP, voxels(), labels)[0]) for labels in (LABELS, 1 - LABELS))
    assert abs(first - second) > 1e-3
    with pytest.raises(ValueError, match="labels"):
        vae_step(make_state(classes=2), HP, voxels())


# Steps with a NaN or an infinity, and micro-batches.


def broken(function, change):
    return lambda *arguments, **keywords: change(function(*arguments, **keywords))


@tf.custom_gradient
def with_bad_gradient(loss):
    return tf.identity(loss), lambda upstream: upstream * NAN


@pytest.mark.parametrize(
    ("name", "change", "kind"),
    [
        ("discriminator_loss", lambda loss: loss * NAN, "hinge"),
        ("discriminator_loss", with_bad_gradient, "hinge"),
        ("generator_loss", lambda loss: loss + INFINITY, "hinge"),  # whose gradient is finite
        ("r1_penalty", lambda penalty: penalty * NAN, "bce"),
        ("r1_penalty", lambda penalty: penalty + INFINITY, "bce"),
    ],
)
def test_a_bad_adversarial_step_changes_nothing_and_counts(monkeypatch, name, change, kind):
    monkeypatch.setattr(module, name, broken(getattr(module, name), change))
    state = make_state(**PUBLISHED, spectral_normalization=kind == "bce")
    before = everything(state)
    assert np.isnan(full_step(state, hp_of(kind), voxels())).all()
    assert moved(before, state) == []
    assert int(state.step) == 1


def test_a_bad_gradient_of_a_finite_loss_changes_nothing_and_counts(monkeypatch):
    monkeypatch.setattr(module, "reconstruction_loss", broken(reconstruction_loss, with_bad_gradient))
    state = make_state(**PUBLISHED)
    before = everything(state)
    assert np.isnan(vae_step(state, HP, voxels())).all()
    assert moved(before, state) == []
    assert int(state.step) == 1


@pytest.mark.parametrize("adversarial", [False, True])
def test_a_compiled_step_goes_on_after_a_bad_shape(adversarial):
    state = make_state(**PUBLISHED)
    step = compiled(state, HP, adversarial=adversarial)
    before = everything(state)
    assert np.isnan(step(tf.concat([voxels()[:3], voxels()[3:] * NAN], axis=0))).all()
    assert moved(before, state) == []
    assert np.isfinite(step(voxels())[:4]).all()
    statistics = [path for path in before if path.startswith(("0 ", "1 ")) and "moving_" in path]
    assert statistics
    assert set(statistics) < set(moved(before, state))
    assert step.experimental_get_tracing_count() == 1


def test_a_nan_of_another_replica_changes_nothing_on_this_one():
    """This replica's own values are finite, and the sums over both are not."""
    state = make_state(**PUBLISHED, spectral_normalization=True)
    before = everything(state)
    with acting_as(Replica(0, 2, lambda values: values + tf.one_hot(0, values.shape[0], on_value=NAN))):
        metrics = full_step(state, hp_of("hinge", global_batch=8), voxels())
    assert np.isnan(metrics).all()
    assert moved(before, state) == []
    assert int(state.step) == 1


@pytest.mark.parametrize("case", IN_PARTS)
def test_two_micro_batches_give_the_steps_of_the_whole_batch(case):
    # The first step is without the adversarial part of a VAE-GAN, the third has the penalty too.
    whole, parts = (take_steps(case, ONE_DEVICE, steps=3, compiled=False, accumulate=count) for count in (1, 2))
    require_equal(parts, whole)
