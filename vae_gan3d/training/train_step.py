"""One step of training: forward, losses, gradients, updates."""

import tensorflow as tf

from vae_gan3d.replicas import this_replica
from vae_gan3d.training.accumulated_step import StepGradients, gradients_by_parts
from vae_gan3d.training.adversarial_game import Reconstruction, adversarial_part, is_played, summed
from vae_gan3d.training.losses import dice_loss, kl_divergence, kl_weight_at, reconstruction_loss
from vae_gan3d.training.metrics import intersection_over_union
from vae_gan3d.training.noise import POSTERIOR_STREAM, latent_noise, reparameterize
from vae_gan3d.training.soundness import is_sound, none_where_skipped
from vae_gan3d.training.state import TrainingState
from vae_gan3d.training.step_metrics import ADVERSARIAL_METRICS
from vae_gan3d.training.step_options import StepOptions
from vae_gan3d.training.updates import (
    Remembered,
    apply_gradients,
    apply_where,
    move_where,
    remembered_statistics,
    set_learning_rates,
    update_average,
)


def train_step(
    state: TrainingState, options: StepOptions, voxels: tf.Tensor, labels: tf.Tensor | None = None
) -> tf.Tensor:
    """Trains every network of a VAE-GAN, or of a VAE, by one batch.

    A step that finds a NaN or an infinity in a loss or in a gradient is skipped: it counts, and moves nothing else.

    Args:
        state: networks, optimizers and step; changed.
        options: the constants.
        voxels: `[B, R, R, R, 1]` float32 in {0, 1}, this replica's samples.
        labels: `[B]` int64, their classes; None where the networks are not conditional.

    Returns:
        `[11]` float32, means over the whole batch in the order of `STEP_METRICS`; all NaN of a step that is skipped.
    """
    find = _gradients_at_once if options.accumulate == 1 else gradients_by_parts
    before = remembered_statistics(state.networks.by_name().values())
    found = find(state, options, voxels, labels)
    with tf.name_scope("metrics"):
        norm = tf.linalg.global_norm(found.of_model)
        *of_game, r1, gradient_penalty, of_discriminator = tf.unstack(found.game_metrics)
        game = tf.where(is_played(state, options), tf.stack([*of_game, of_discriminator]), 0.0)
        sound = is_sound([found.measured, norm, game], tf.stack([r1, gradient_penalty]))
        metrics = none_where_skipped(sound, tf.concat([found.measured, norm[tf.newaxis], found.game_metrics], axis=0))
    with tf.name_scope("update"):
        _update(state, options, found, sound, before)
    return metrics


def _gradients_at_once(
    state: TrainingState, options: StepOptions, voxels: tf.Tensor, labels: tf.Tensor | None
) -> StepGradients:
    """All gradients of a batch from one pass.

    Reconstruction and adversarial gradients meet at the generator's logits, so that generator and encoder need one
    backward pass for both.
    """
    encoder, generator = state.networks.require_encoder(), state.networks.generator
    noise_shape = (voxels.shape[0], encoder.latent_size)
    noise = latent_noise(noise_shape, seed=options.seed, stream=POSTERIOR_STREAM, step=state.step)
    with tf.name_scope("forward"), tf.GradientTape(persistent=True) as tape:
        mean, log_variance = encoder(voxels, labels, training=True)
        latents = reparameterize(mean, log_variance, noise)
        features = generator.features(latents, labels, training=True)
        logits = generator.logits(features)
        reconstruction = options.batch_mean(reconstruction_loss(logits, voxels, options.reconstruction_loss))
        kl = options.batch_mean(kl_divergence(mean, log_variance))
        difference = reconstruction
        if options.dice_weight > 0:
            difference += options.dice_weight * options.batch_mean(dice_loss(logits, voxels))
    with tf.name_scope("backward"):
        by_logits = tape.gradient(difference, logits)
        adversarial = adversarial_part(state, options, Reconstruction(tape, voxels, latents, logits, by_logits, labels))
        gradients = tape.gradient(
            [logits, kl],
            state.trained_variables,
            output_gradients=[
                by_logits + adversarial.by_logits,
                kl_weight_at(state.step, options.kl_weight, options.kl_warmup),
            ],
        )
        first = len(encoder.trainable_variables)
        gradients[first:] = summed(gradients[first:], adversarial.by_generator)
    with tf.name_scope("metrics"):
        iou = options.batch_mean(intersection_over_union(tf.sigmoid(logits), voxels))
    *gradients, measured = this_replica().totals([*gradients, tf.stack([reconstruction, kl, iou])])
    return StepGradients(gradients, measured, adversarial.by_discriminator, adversarial.metrics)


def _update(
    state: TrainingState, options: StepOptions, found: StepGradients, sound: tf.Tensor, before: Remembered
) -> None:
    """Moves the weights of every network and their averages where the step is sound, and the step."""
    set_learning_rates(state, options, discriminator_enters=options.adversarial_warmup)
    discriminator = state.networks.discriminator

    def move() -> None:
        apply_gradients(state.optimizer, found.of_model, state.trained_variables)
        discriminator.advance_spectral_norms()
        update_average(state, options.ema_decay)

    averaged = [pair[0] for pair in state.averaged_pairs()]
    move_where(sound, move, [*state.trained_variables, *state.optimizer.variables, *averaged], before)
    accuracy = found.game_metrics[ADVERSARIAL_METRICS.index("discriminator_accuracy")]
    apply_where(
        sound & (accuracy <= options.d_accuracy_threshold),  # false while the accuracy is NaN
        state.d_optimizer,
        found.by_discriminator,
        discriminator.trainable_variables,
    )
    state.step.assign_add(1)
