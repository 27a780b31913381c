"""One training step of a plain GAN: discriminator and generator take turns on one batch, each on its own variables."""

import tensorflow as tf

from vae_gan3d.replicas import this_replica
from vae_gan3d.training.losses import discriminator_accuracy, discriminator_loss, generator_loss, relative_logits
from vae_gan3d.training.noise import TURN_STREAM, latent_noise
from vae_gan3d.training.optimizers import (
    accumulate_concat,
    accumulate_sum,
    add,
    apply_gradients,
    apply_if,
    is_finite,
    restore,
    snapshot,
    update_average,
)
from vae_gan3d.training.state import Hyperparameters, TrainingState
from vae_gan3d.training.vae_gan_step import STEP_METRICS, lazy_penalty

_D_METRICS = ("discriminator_loss", "discriminator_accuracy", "d_gradient_norm", "r1_penalty", "gradient_penalty")
_G_METRICS = ("generator_loss", "gradient_norm")
_NAN = float("nan")


def gan_step(
    state: TrainingState, hp: Hyperparameters, voxels: tf.Tensor, labels: tf.Tensor | None = None
) -> tf.Tensor:
    """Trains the discriminator `d_steps` times, then the generator `g_steps` times, with one batch.

    Goodfellow et al. 2014, algorithm 1, with the same real shapes in every turn of the discriminator. Each turn draws
    its own latents from N(0, latent_deviation²). A conditional model generates shapes of the batch's classes.

    A turn with a NaN or an infinity in its loss or gradient is skipped alone: it changes nothing, and the averages do
    not move in its step. The updates of earlier turns stay: undoing them would need a copy of all weights in each step.

    Args:
        state: generator, discriminator, optimizers and step; changed.
        hp: hyperparameters.
        voxels: `[B, R, R, R, 1]` float32 in {0, 1}, this replica's samples.
        labels: `[B]` int64, their classes; None if the networks are not conditional.

    Returns:
        `[11]` float32, means over the batch and over the turns in the order of `STEP_METRICS`; NaN for a metric that a
        GAN lacks; all NaN for a step with a skipped turn.
    """
    state.set_schedules(hp, d_start=0)
    with tf.name_scope("discriminator_turns"):
        d_rows = tf.stack([train_discriminator(state, hp, voxels, turn, labels) for turn in range(hp.d_steps)])
    with tf.name_scope("generator_turns"):
        g_rows = tf.stack([train_generator(state, hp, voxels, turn, labels) for turn in range(hp.g_steps)])
    finite = ~tf.reduce_any(tf.math.is_nan(tf.concat([d_rows[:, 0], g_rows[:, 0]], axis=0)))
    with tf.name_scope("average"):
        pairs = state.averaged_pairs()
        apply_if(finite, lambda: update_average(pairs, state.step, hp.ema_decay), [average for average, _ in pairs])
    state.step.assign_add(1)
    known = ~tf.math.is_nan(d_rows)  # penalties are measured in some turns
    d_means = tf.reduce_sum(tf.where(known, d_rows, 0.0), axis=0) / tf.reduce_sum(tf.cast(known, tf.float32), axis=0)
    found = dict(zip(_D_METRICS, tf.unstack(d_means), strict=True))
    found.update(zip(_G_METRICS, tf.unstack(tf.reduce_mean(g_rows, axis=0)), strict=True))
    return tf.where(finite, tf.stack([found.get(name, tf.constant(_NAN)) for name in STEP_METRICS]), _NAN)


def train_discriminator(
    state: TrainingState, hp: Hyperparameters, voxels: tf.Tensor, turn: int, labels: tf.Tensor | None = None
) -> tf.Tensor:
    """Trains the discriminator once, or not if its accuracy is above the threshold; the generator does not change.

    Args:
        state: the discriminator and its optimizer are changed.
        hp: hyperparameters.
        voxels: `[B, R, R, R, 1]` float32 in {0, 1}.
        turn: which of the step's `d_steps`, from 0.
        labels: `[B]` int64, the classes of real and generated shapes; None without classes.

    Returns:
        `[5]` float32: loss, accuracy, norm of all gradients, R1 and the penalty of wgan-gp, the last two NaN if not
        measured; all NaN for a skipped turn.
    """
    _, generator, discriminator = state.networks
    variables, kind = discriminator.trainable_variables, hp.adversarial_loss
    latents = _latents(state, hp, voxels.shape[0], turn)

    def generate(latents: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
        return tf.sigmoid(generator(latents, labels, training=True))

    def gradients(voxels: tf.Tensor, fakes: tf.Tensor, labels: tf.Tensor | None) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            real, fake = (discriminator(shapes, labels, training=True) for shapes in (voxels, fakes))
            real, fake = relative_logits(real, fake, kind), relative_logits(fake, real, kind)
            real_loss = hp.batch_mean(discriminator_loss(real, kind, real=True, label_smoothing=hp.label_smoothing))
            loss = real_loss + hp.batch_mean(discriminator_loss(fake, kind, real=False))
        accuracy = hp.share_of_mean(discriminator_accuracy(real, fake))
        return [loss, accuracy, *tape.gradient(loss, variables)]

    before = snapshot(discriminator.non_trainable_variables)
    generator_before = snapshot(generator.non_trainable_variables)
    fakes = accumulate_concat(hp.accumulate, generate, (latents, labels))
    restore(generator_before)  # BatchNorm used the batch's statistics, and keeps none of them
    loss, accuracy, *grads = accumulate_sum(hp.accumulate, gradients, (voxels, fakes, labels))
    update = state.step * hp.d_steps + turn
    penalties, penalty_grads = lazy_penalty(discriminator, hp, voxels, lambda: fakes, update, labels)
    found = this_replica().all_reduce([loss, accuracy, penalties, *add(grads, penalty_grads)])
    loss, accuracy, penalties, *grads = found
    numbers = tf.stack([loss, accuracy, tf.linalg.global_norm(grads)])
    finite = is_finite([numbers], penalties)
    apply_if(finite, discriminator.advance_spectral_norms, (), before)
    apply_if(
        finite & (accuracy <= hp.d_accuracy_threshold),
        lambda: apply_gradients(state.d_optimizer, grads, variables),
        [*variables, *state.d_optimizer.variables],
    )
    return tf.where(finite, tf.concat([numbers, penalties], axis=0), _NAN)


def train_generator(
    state: TrainingState, hp: Hyperparameters, voxels: tf.Tensor, turn: int, labels: tf.Tensor | None = None
) -> tf.Tensor:
    """Trains the generator once; the discriminator does not change.

    Args:
        state: the generator and its optimizer are changed.
        hp: hyperparameters.
        voxels: `[B, R, R, R, 1]` float32 in {0, 1}; as many shapes are generated, and a relativistic discriminator
            compares each with one of these.
        turn: which of the step's `g_steps`, from 0.
        labels: `[B]` int64, the classes of the shapes to generate; None without classes.

    Returns:
        `[2]` float32: the loss, and the norm of all gradients; NaN for a skipped turn.
    """
    _, generator, discriminator = state.networks
    variables, kind = generator.trainable_variables, hp.adversarial_loss
    latents = _latents(state, hp, voxels.shape[0], hp.d_steps + turn)

    def gradients(latents: tf.Tensor, voxels: tf.Tensor, labels: tf.Tensor | None) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            fakes = tf.sigmoid(generator(latents, labels, training=True))
            fake = discriminator(fakes, labels, training=True)
            real = discriminator(voxels, labels, training=True) if kind == "relativistic" else fake
            loss = hp.batch_mean(generator_loss(relative_logits(fake, real, kind), kind))
        return [loss, *tape.gradient(loss, variables)]

    before = snapshot(generator.non_trainable_variables)
    discriminator_before = snapshot(discriminator.non_trainable_variables)
    loss, *grads = accumulate_sum(hp.accumulate, gradients, (latents, voxels, labels))
    restore(discriminator_before)
    loss, *grads = this_replica().all_reduce([loss, *grads])
    numbers = tf.stack([loss, tf.linalg.global_norm(grads)])
    finite = is_finite([numbers], tf.zeros([2]))
    apply_if(
        finite,
        lambda: apply_gradients(state.optimizer, grads, variables),
        [*variables, *state.optimizer.variables],
        before,
    )
    return tf.where(finite, numbers, _NAN)


def _latents(state: TrainingState, hp: Hyperparameters, count: int, turn: int) -> tf.Tensor:
    """The latents `[B, L]` of a turn, counted over the turns of both networks from 0."""
    shape = (count, state.networks.generator.latent_size)
    return hp.latent_deviation * latent_noise(shape, seed=hp.seed, stream=TURN_STREAM + turn, step=state.step)
