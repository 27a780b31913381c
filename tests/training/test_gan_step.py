"""One step of a plain GAN: whose weights move in whose turn, by what, and that it learns."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.fakes import box_grid, random_grids
from vae_gan3d.config import LossConfig
from vae_gan3d.networks.spectral_norm import power_iteration
from vae_gan3d.training import gan_step as module
from vae_gan3d.training.gan_step import gan_step, train_discriminator, train_generator
from vae_gan3d.training.losses import (
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    r1_penalty,
    random_interpolates,
)
from vae_gan3d.training.noise import TURN_STREAM, latent_noise
from vae_gan3d.training.state import Hyperparameters, TrainingState
from vae_gan3d.training.vae_gan_step import STEP_METRICS

KINDS = ("bce", "relativistic", "hinge", "wgan-gp")
HP = Hyperparameters(
    **vars(LossConfig(1.0, "bce", 0.3, 0, 0.0, 1.0, r1_weight=1.0, r1_every=2, adversarial_latents="prior")),
    seed=7,
    global_batch=4,
    ema_decay=0.999,
    latent_deviation=0.5,
)
LACKING = {"reconstruction_loss", "kl", "iou", "adversarial_factor"}


def hp_of(kind, **changed):
    return dataclasses.replace(
        HP, **{"adversarial_loss": kind, "r1_weight": float(kind in ("bce", "relativistic")), **changed}
    )


def make_state(optimizer="adam", learning_rate=1e-3, **changed):
    networks = {
        "resolution": 16,
        "latent_size": 4,
        "base_width": 8,
        "normalization": "none",
        "activation": "relu",
        "architecture": "default",
        "with_encoder": False,
        **changed,
    }
    rates = {"learning_rate": learning_rate, "d_learning_rate": learning_rate}
    return TrainingState(networks, **rates, beta1=0.5, seed=3, optimizer=optimizer)


def published_state():
    """With BatchNorm in both networks."""
    return make_state(architecture="3dgan", normalization="batch")


def voxels():
    return tf.constant(random_grids(4, 16)[..., np.newaxis], tf.float32)


def values(state, name):
    """Everything that a turn of one network could change: its variables and its optimizer's."""
    optimizer = state.d_optimizer if name == "discriminator" else state.optimizer
    slots = [slot for slot in optimizer.variables if not slot.path.endswith("learning_rate")]
    return [variable.numpy() for variable in [*state.networks.by_name()[name].variables, *slots]]


def named(metrics):
    return dict(zip(STEP_METRICS, metrics.numpy(), strict=True))


def applied_gradients(turn, name, **networks):
    """The numbers of a turn and the gradients it applies to a network: SGD with learning rate 1 subtracts them."""
    state = make_state("sgd", 1.0, **networks)
    variables = state.networks.by_name()[name].trainable_variables
    before = [variable.numpy() for variable in variables]
    numbers = turn(state).numpy()
    return numbers, [tf.constant(old - variable.numpy()) for old, variable in zip(before, variables, strict=True)]


def norm_of(gradients):
    return np.linalg.norm(np.concatenate([gradient.numpy().ravel() for gradient in gradients]))


def latents_of(turn, step=0):
    return 0.5 * latent_noise((4, 4), seed=7, stream=TURN_STREAM + turn, step=tf.constant(step, tf.int64))


@pytest.mark.parametrize(
    ("trained", "other"), [("discriminator", "generator"), ("generator", "discriminator")], ids=["d", "g"]
)
@pytest.mark.parametrize(
    ("make", "wrap"),
    [(make_state, lambda turn: turn), (published_state, tf.function(autograph=False))],
    ids=["group", "batch-compiled"],
)
def test_a_turn_of_one_network_leaves_the_other_bit_for_bit(trained, other, make, wrap):
    state = make()
    before = {name: values(state, name) for name in (trained, other)}

    @wrap
    def turn():
        if trained == "discriminator":
            return train_discriminator(state, HP, voxels(), 0)
        return train_generator(state, HP, voxels(), 0)

    turn()
    for old, new in zip(before[other], values(state, other), strict=True):
        np.testing.assert_array_equal(old, new)
    paths = [variable.path for variable in state.networks.by_name()[trained].variables]
    for path, old, new in zip(paths, before[trained], values(state, trained), strict=False):
        # A bias right before a batch normalisation is taken out again by it, or before groups of one channel each.
        cancelled = (make is published_state or old.shape == (8,)) and path.endswith("convolution/bias")
        assert cancelled or not np.array_equal(old, new), path


@pytest.mark.parametrize("kind", KINDS)
def test_one_trace_moves_every_weight_and_counts(kind):
    state = make_state(spectral_normalization=kind == "hinge")
    hp = hp_of(kind, learning_rate_decay="cosine", learning_rate_warmup=2, total_steps=9)
    before = {name: values(state, name) for name in state.networks.by_name()}
    step = tf.function(lambda batch: gan_step(state, hp, batch), autograph=False)
    for _ in range(3):
        metrics = named(step(voxels()))
    assert step.experimental_get_tracing_count() == 1
    assert int(state.step) == 3
    for name, network in state.networks.by_name().items():
        for variable, old in zip(network.variables, before[name], strict=False):
            # The last bias falls out of D(fake) - D(real), and of hinges that are all open.
            left_out = kind != "bce" and variable.path.endswith("logit/bias")
            assert left_out or not np.array_equal(old, variable.numpy()), variable.path
            assert np.isfinite(variable.numpy()).all(), variable.path
    unknown = {name for name, value in metrics.items() if np.isnan(value)}
    expected = {"hinge": {"gradient_penalty", "r1_penalty"}, "wgan-gp": {"r1_penalty"}}
    assert unknown == LACKING | expected.get(kind, {"gradient_penalty"})
    assert 0 <= metrics["discriminator_accuracy"] <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_discriminators_gradient_is_that_of_the_written_out_loss(kind):
    spectral = {"spectral_normalization": kind == "hinge"}
    state = make_state(**spectral)
    discriminator = state.networks.discriminator
    hp = hp_of(kind, gradient_penalty_weight=3.0, label_smoothing=0.1 if kind == "bce" else 0.0)
    numbers, applied = applied_gradients(
        lambda other: train_discriminator(other, hp, voxels(), 0), "discriminator", **spectral
    )
    loss, accuracy, norm, *penalties = numbers
    fakes = tf.sigmoid(state.networks.generator(latents_of(0), training=True))
    variables = [variable.value for variable in discriminator.trainable_variables]
    with tf.GradientTape() as tape:
        real_logits, fake_logits = discriminator(voxels()), discriminator(fakes)
        if kind == "relativistic":
            real_logits, fake_logits = real_logits - fake_logits, fake_logits - real_logits
        d_loss = tf.reduce_mean(
            discriminator_loss(real_logits, kind, real=True, label_smoothing=hp.label_smoothing)
        ) + tf.reduce_mean(discriminator_loss(fake_logits, kind, real=False))
        # It is the first update of all, so the penalty is due: twice, for the update that will go without.
        penalty = float("nan")
        whole = d_loss
        if kind in ("bce", "relativistic"):
            points = [voxels()] if kind == "bce" else [voxels(), fakes]
            penalty = tf.add_n([tf.reduce_mean(r1_penalty(discriminator, where)) for where in points])
            whole = d_loss + 2.0 * penalty
        elif kind == "wgan-gp":
            points = random_interpolates(voxels(), fakes, seed=7, step=tf.constant(0, tf.int64))
            penalty = tf.reduce_mean(gradient_penalty(discriminator, points))
            whole = d_loss + 2.0 * 3.0 * penalty
    expected = tape.gradient(whole, variables, unconnected_gradients="zero")
    assert loss == pytest.approx(float(d_loss), rel=1e-4, abs=1e-5)
    assert accuracy == (np.mean(real_logits.numpy() > 0) + np.mean(fake_logits.numpy() <= 0)) / 2
    measured = {"hinge": [np.nan, np.nan], "wgan-gp": [np.nan, penalty]}.get(kind, [penalty, np.nan])
    np.testing.assert_allclose(penalties, measured, rtol=1e-4)
    for mine, theirs, variable in zip(applied, expected, discriminator.trainable_variables, strict=True):
        scale = float(tf.reduce_max(tf.abs(theirs)))
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-4 * scale + 1e-6, err_msg=variable.path)
    assert norm == pytest.approx(norm_of(expected), rel=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_generators_gradient_is_that_of_the_written_out_loss(kind):
    spectral = {"spectral_normalization": kind == "hinge"}
    _, generator, discriminator = make_state(**spectral).networks
    (loss, norm), applied = applied_gradients(
        lambda other: train_generator(other, hp_of(kind, d_steps=3), voxels(), 1), "generator", **spectral
    )
    with tf.GradientTape() as tape:
        # The fifth turn of the step: after three of the discriminator and one of the generator.
        fakes = tf.sigmoid(generator(latents_of(4), training=True))
        judged = discriminator(fakes, training=True)
        if kind == "relativistic":
            judged -= discriminator(voxels())
        deceiving = tf.reduce_mean(generator_loss(judged, kind))
    assert float(loss) == pytest.approx(float(deceiving), rel=1e-5)
    expected = tape.gradient(deceiving, generator.trainable_variables)
    assert float(norm) == pytest.approx(norm_of(expected), rel=1e-3)
    for mine, theirs in zip(applied, expected, strict=True):
        scale = float(tf.reduce_max(tf.abs(theirs)))
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-4 * scale + 1e-7)


@pytest.mark.parametrize(("d_steps", "g_steps"), [(1, 1), (3, 1), (1, 2)])
def test_each_network_is_trained_as_often_as_asked_with_latents_of_its_own(d_steps, g_steps, monkeypatch):
    state = make_state()
    drawn = []

    def noise(shape, *, seed, stream, step):
        drawn.append(latent_noise(shape, seed=seed, stream=stream, step=step).numpy())
        return drawn[-1]

    monkeypatch.setattr(module, "latent_noise", noise)
    for _ in range(2):
        gan_step(state, dataclasses.replace(HP, d_steps=d_steps, g_steps=g_steps), voxels())
    assert int(state.d_optimizer.iterations) == 2 * d_steps
    assert int(state.optimizer.iterations) == 2 * g_steps
    assert len(drawn) == len({draw.tobytes() for draw in drawn}) == 2 * (d_steps + g_steps)


def test_penalties_are_measured_on_every_second_update_of_the_discriminator():
    state = make_state()
    hp, found = dataclasses.replace(HP, d_steps=3), []
    for _ in range(4):  # three updates a step: of the step's turns 0, 3, 6 and 9 every second is due
        rows = [train_discriminator(state, hp, voxels(), turn).numpy() for turn in range(3)]
        found += [not np.isnan(row[3]) for row in rows]
        state.step.assign_add(1)
    assert found == [True, False] * 6


def test_numbers_are_means_over_the_turns(monkeypatch):
    rows = iter([[1.0, 0.5, 2.0, np.nan, np.nan], [3.0, 1.0, 5.0, 7.0, np.nan]])
    losses = iter([[2.0, 1.0], [6.0, 2.0]])
    monkeypatch.setattr(module, "train_discriminator", lambda *_: tf.constant(next(rows), tf.float32))
    monkeypatch.setattr(module, "train_generator", lambda *_: tf.constant(next(losses)))
    metrics = named(gan_step(make_state(), dataclasses.replace(HP, d_steps=2, g_steps=2), voxels()))
    expected = dict.fromkeys(STEP_METRICS, np.nan)
    expected |= {"generator_loss": 4, "discriminator_loss": 2, "discriminator_accuracy": 0.75, "r1_penalty": 7}
    expected |= {"gradient_norm": 1.5, "d_gradient_norm": 3.5}
    np.testing.assert_array_equal(list(metrics.values()), list(expected.values()))


@pytest.mark.parametrize(("threshold", "rests"), [(0.0, True), (1.0, False)])
def test_the_discriminator_rests_above_its_threshold(threshold, rests):
    state = make_state()
    # A bias of 100 calls everything real: all real shapes right, all generated ones wrong, accuracy one half.
    state.networks.discriminator.logit.bias.assign([100.0])
    before = {name: values(state, name) for name in state.networks.by_name()}
    metrics = named(gan_step(state, dataclasses.replace(HP, d_accuracy_threshold=threshold, r1_every=100), voxels()))
    assert metrics["discriminator_accuracy"] == 0.5
    same = {
        name: all(np.array_equal(old, new) for old, new in zip(before[name], values(state, name), strict=True))
        for name in before
    }
    assert same == {"generator": False, "discriminator": rests}


def test_spectral_norms_advance_once_a_turn():
    state = make_state(spectral_normalization=True)
    layer = state.networks.discriminator.trunk.blocks[0].convolution
    for turn in range(2):
        _, _, expected = power_iteration(tf.identity(layer.kernel.value), tf.identity(layer.direction.value))
        train_discriminator(state, hp_of("hinge"), voxels(), turn)
        np.testing.assert_allclose(layer.direction, expected, rtol=1e-5, atol=1e-6)


def test_learning_rates_follow_the_schedule():
    # Warm-up of 2 steps: 1/2, 1. Then linear over the 4 steps that are left of 6: 1, 3/4.
    state = make_state()
    hp = dataclasses.replace(HP, learning_rate_decay="linear", learning_rate_warmup=2, total_steps=6)
    rates = []
    for _ in range(4):
        gan_step(state, hp, voxels())
        rates.append([float(state.optimizer.learning_rate), float(state.d_optimizer.learning_rate)])
    np.testing.assert_allclose(rates, 1e-3 * np.array([[0.5] * 2, [1] * 2, [1] * 2, [0.75] * 2]), rtol=1e-5)


def test_averaged_weights_follow_by_hand():
    # After the first step (step 0 while averaging) the decay is min(0.999, 1/10): a tenth old, nine tenths new.
    state = make_state()
    old = state.average.generator.to_logits.kernel.numpy()
    gan_step(state, HP, voxels())
    new = state.networks.generator.to_logits.kernel.numpy()
    np.testing.assert_allclose(state.average.generator.to_logits.kernel, 0.1 * old + 0.9 * new, rtol=1e-5, atol=1e-7)


def test_the_same_seed_gives_the_same_run_and_another_does_not():
    runs = []
    for seed in (7, 7, 8):
        state = make_state()
        runs.append([gan_step(state, dataclasses.replace(HP, seed=seed), voxels()).numpy() for _ in range(2)][-1][3:6])
    np.testing.assert_allclose(runs[0], runs[1], rtol=1e-4)
    assert not np.allclose(runs[0][:2], runs[2][:2], rtol=1e-4)


def test_it_learns_to_make_the_one_shape_that_there_is():
    batch = tf.constant(np.tile(box_grid(16, 3, 11)[np.newaxis, ..., np.newaxis], (4, 1, 1, 1, 1)), tf.float32)
    state = make_state(normalization="group")
    step = tf.function(lambda real: gan_step(state, HP, real), autograph=False)
    for _ in range(120):
        step(batch)
    made = tf.sigmoid(state.average.generator(latents_of(0))).numpy() > 0.5
    real = batch.numpy() > 0.5
    overlap = (made & real).sum(axis=(1, 2, 3, 4)) / (made | real).sum(axis=(1, 2, 3, 4))
    assert overlap.min() > 0.6


@pytest.mark.parametrize("kind", KINDS)
def test_a_conditional_step_moves_every_weight(kind):
    state = make_state(spectral_normalization=kind == "hinge", classes=2)
    before = {name: values(state, name) for name in state.networks.by_name()}
    for _ in range(2):
        gan_step(state, hp_of(kind), voxels(), tf.constant([0, 1, 1, 0], tf.int64))
    for name, network in state.networks.by_name().items():
        for variable, old in zip(network.variables, before[name], strict=False):
            left_out = kind != "bce" and variable.path.endswith("logit/bias")
            assert left_out or not np.array_equal(old, variable.numpy()), variable.path


def test_each_turn_generates_shapes_of_the_batchs_classes(monkeypatch):
    state = make_state(classes=2)
    labels, given = tf.constant([0, 1, 1, 0], tf.int64), {"generator": [], "discriminator": []}
    for name, network in state.networks.by_name().items():
        call = network.call

        def noted(inputs, labels=None, training=False, call=call, name=name):
            given[name].append(labels.numpy().tolist())
            return call(inputs, labels, training)

        monkeypatch.setattr(network, "call", noted)
    train_discriminator(state, dataclasses.replace(HP, r1_weight=0.0), voxels(), 0, labels)
    train_generator(state, HP, voxels(), 0, labels)
    assert given == {"generator": [[0, 1, 1, 0]] * 2, "discriminator": [[0, 1, 1, 0]] * 3}


@tf.custom_gradient
def with_bad_gradient(loss):
    return tf.identity(loss), lambda upstream: upstream * float("nan")


@pytest.mark.parametrize("change", [lambda loss: loss * float("nan"), with_bad_gradient], ids=["loss", "gradient"])
@pytest.mark.parametrize(("side", "other"), [("discriminator", "generator"), ("generator", "discriminator")])
def test_a_bad_turn_of_a_gan_is_skipped_by_itself_and_the_averages_rest(monkeypatch, side, other, change):
    state = published_state()
    before = {name: values(state, name) for name in (side, other)}
    averaged = [variable.numpy() for variable in state.average.generator.variables]
    name = f"{side}_loss"
    function = getattr(module, name)
    monkeypatch.setattr(module, name, lambda *arguments, **keywords: change(function(*arguments, **keywords)))
    assert np.isnan(gan_step(state, HP, voxels())).all()
    same = {
        name: all(np.array_equal(old, new) for old, new in zip(before[name], values(state, name), strict=True))
        for name in before
    }
    assert same == {side: True, other: False}
    for old, new in zip(averaged, state.average.generator.variables, strict=True):
        np.testing.assert_array_equal(old, new)
    assert int(state.step) == 1
