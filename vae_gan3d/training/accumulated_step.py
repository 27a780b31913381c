"""The gradients of a step whose batch is gone through in parts: those of the whole batch, with one part in memory.

What weighs the adversarial gradient is known only when all parts are done (Esser et al. 2021, equation 7), so that this
gradient and the reconstruction's are kept apart until then: a second backward pass, beside that of one pass for both.
"""

from typing import NamedTuple

import tensorflow as tf

from vae_gan3d.replicas import this_replica
from vae_gan3d.training.adversarial_game import game_metrics, is_played, latents_of_new_shapes, summed
from vae_gan3d.training.judging import judge
from vae_gan3d.training.losses import adaptive_weight, dice_loss, kl_divergence, kl_weight_at, reconstruction_loss
from vae_gan3d.training.metrics import intersection_over_union
from vae_gan3d.training.micro_batches import joined_over_parts, summed_over_parts
from vae_gan3d.training.noise import POSTERIOR_STREAM, latent_noise, reparameterize
from vae_gan3d.training.penalties import penalty_term
from vae_gan3d.training.state import TrainingState
from vae_gan3d.training.step_metrics import ADVERSARIAL_METRICS
from vae_gan3d.training.step_options import StepOptions


class StepGradients(NamedTuple):
    """What a step of a VAE-GAN, or of a VAE, updates by and tells of; all of the whole batch.

    Attributes:
        of_model: gradients at the encoder's and the generator's variables.
        measured: `[3]` float32: reconstruction loss, KL, IoU.
        by_discriminator: gradients at the discriminator's variables; zeros while the game has not begun.
        game_metrics: `[7]` float32, in the order of `ADVERSARIAL_METRICS`; NaN while the game has not begun.
    """

    of_model: list[tf.Tensor]
    measured: tf.Tensor
    by_discriminator: list[tf.Tensor]
    game_metrics: tf.Tensor


class _Part(NamedTuple):
    """A part of a batch: voxels `[b, R, R, R, 1]`, the posterior's noise and new latents `[b, L]`, labels `[b]`."""

    voxels: tf.Tensor
    noise: tf.Tensor
    new_latents: tf.Tensor
    labels: tf.Tensor | None


def gradients_by_parts(
    state: TrainingState, options: StepOptions, voxels: tf.Tensor, labels: tf.Tensor | None
) -> StepGradients:
    """All gradients of a batch, one part after the other.

    Args:
        state: networks and step; not changed.
        options: the constants; `accumulate` is how many parts there are.
        voxels: `[B, R, R, R, 1]` float32 in {0, 1}, this replica's samples.
        labels: `[B]` int64, their classes; None where the networks are not conditional.
    """
    playing = is_played(state, options)
    shape = (voxels.shape[0], state.networks.generator.latent_size)
    noise = latent_noise(shape, seed=options.seed, stream=POSTERIOR_STREAM, step=state.step)
    new_latents = tf.cond(
        playing,
        lambda: latents_of_new_shapes(state, options, _all_latents(state, options, voxels, noise, labels)),
        lambda: tf.zeros(shape),
    )
    batch = _Part(voxels, noise, new_latents, labels)
    sums = summed_over_parts(
        options.accumulate, lambda *part: _part_gradients(state, options, playing, _Part(*part)), batch
    )
    penalties, by_penalty = tf.cond(
        playing, lambda: _penalty(state, options, batch), lambda: (tf.zeros([2]), _zeros(_told_variables(state)))
    )
    measured, told, *gradients = this_replica().totals([*sums, penalties, *by_penalty])
    return _combined(state, options, playing, measured, told, gradients)


def _combined(
    state: TrainingState,
    options: StepOptions,
    playing: tf.Tensor,
    measured: tf.Tensor,
    told: tf.Tensor,
    gradients: list[tf.Tensor],
) -> StepGradients:
    """Weighs the adversarial gradient, and adds the discriminator's penalty."""
    count, told_count = len(state.trained_variables), len(_told_variables(state))
    by_reconstruction, by_game = gradients[:count], gradients[count : 2 * count]
    by_telling, rest = gradients[2 * count : 2 * count + told_count], gradients[2 * count + told_count :]
    penalties, *by_penalty = rest
    last = [variable.path for variable in state.trained_variables].index(state.networks.generator.voxels.kernel.path)
    factor = adaptive_weight(by_reconstruction[last], by_game[last], options.adversarial_weight)
    by_discriminator = summed(by_telling, by_penalty)
    found = game_metrics(told, factor, penalties, by_discriminator)
    return StepGradients(
        [mine + factor * other for mine, other in zip(by_reconstruction, by_game, strict=True)],
        measured,
        by_discriminator,
        tf.where(playing, found, tf.fill([len(ADVERSARIAL_METRICS)], float("nan"))),
    )


def _part_gradients(state: TrainingState, options: StepOptions, playing: tf.Tensor, part: _Part) -> list[tf.Tensor]:
    """Sums over one part: measured, told, gradients by reconstruction, by the game and by telling."""
    encoder, generator = state.networks.require_encoder(), state.networks.generator
    with tf.name_scope("forward"), tf.GradientTape(persistent=True) as tape:
        mean, log_variance = encoder(part.voxels, part.labels, training=True)
        logits = generator(reparameterize(mean, log_variance, part.noise), part.labels, training=True)
        reconstruction = options.batch_mean(reconstruction_loss(logits, part.voxels, options.reconstruction_loss))
        kl = options.batch_mean(kl_divergence(mean, log_variance))
        loss = reconstruction + kl_weight_at(state.step, options.kl_weight, options.kl_warmup) * kl
        if options.dice_weight > 0:
            loss += options.dice_weight * options.batch_mean(dice_loss(logits, part.voxels))
    with tf.name_scope("backward"):
        by_reconstruction = tape.gradient(loss, state.trained_variables)
        game = tf.cond(
            playing,
            lambda: _play(state, options, part, tape, logits),
            lambda: [tf.zeros([3]), *_zeros(state.trained_variables), *_zeros(_told_variables(state))],
        )
    iou = options.batch_mean(intersection_over_union(tf.sigmoid(logits), part.voxels))
    told, *by_game = game
    for gradient, variable in zip(by_game, [*state.trained_variables, *_told_variables(state)], strict=True):
        gradient.set_shape(variable.shape)  # which tf.cond lost
    return [tf.stack([reconstruction, kl, iou]), told, *by_reconstruction, *by_game]


def _play(
    state: TrainingState, options: StepOptions, part: _Part, tape: tf.GradientTape, logits: tf.Tensor
) -> list[tf.Tensor]:
    """The game on one part: what it tells, and the gradients of both sides, that of the generator not yet weighed."""
    _, generator, discriminator = state.networks
    with tf.GradientTape(persistent=True) as prior_tape:
        prior_logits = generator(part.new_latents, part.labels, training=True)
    judgement = judge(discriminator, options, part.voxels, [logits, prior_logits], part.labels)
    by_reconstruction, by_prior = judgement.by_logits
    by_game = tape.gradient(logits, state.trained_variables, output_gradients=by_reconstruction)
    first = len(state.networks.require_encoder().trainable_variables)
    by_generator = prior_tape.gradient(prior_logits, generator.trainable_variables, output_gradients=by_prior)
    by_game[first:] = summed(by_game[first:], by_generator)
    return [judgement.told, *by_game, *judgement.by_discriminator]


def _penalty(state: TrainingState, options: StepOptions, batch: _Part) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """The discriminator's gradient penalty; what it is measured beside is generated anew, on the few steps with one."""

    def make_fakes() -> tf.Tensor:
        latents = _all_latents(state, options, batch.voxels, batch.noise, batch.labels)
        halves = [
            joined_over_parts(options.accumulate, lambda *part: _shapes(state, *part), (of_these, batch.labels))
            for of_these in (latents, batch.new_latents)
        ]
        return tf.concat(halves, axis=0)

    step = tf.identity(state.step)
    return penalty_term(state.networks.discriminator, options, batch.voxels, make_fakes, step, batch.labels)


def _shapes(state: TrainingState, latents: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
    return tf.sigmoid(state.networks.generator(latents, labels, training=True))


def _all_latents(
    state: TrainingState, options: StepOptions, voxels: tf.Tensor, noise: tf.Tensor, labels: tf.Tensor | None
) -> tf.Tensor:
    """The latents `[B, L]` of all parts, which new shapes lie between."""

    def encode(voxels: tf.Tensor, noise: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
        mean, log_variance = state.networks.require_encoder()(voxels, labels, training=True)
        return reparameterize(mean, log_variance, noise)

    return joined_over_parts(options.accumulate, encode, (voxels, noise, labels))


def _told_variables(state: TrainingState) -> list[tf.Variable]:
    return state.networks.discriminator.trainable_variables


def _zeros(variables: list[tf.Variable]) -> list[tf.Tensor]:
    return [tf.zeros_like(variable) for variable in variables]
