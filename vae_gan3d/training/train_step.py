"""One step of training: forward, losses, gradients, updates."""

import keras
import tensorflow as tf

from vae_gan3d.training.adversarial_game import ADVERSARIAL_METRICS, Adversarial, adversarial_part, summed
from vae_gan3d.training.learning_rate import learning_rate_scale
from vae_gan3d.training.losses import dice_loss, kl_divergence, kl_weight_at, reconstruction_loss
from vae_gan3d.training.metrics import intersection_over_union
from vae_gan3d.training.noise import POSTERIOR_STREAM, latent_noise, reparameterize
from vae_gan3d.training.state import TrainingState
from vae_gan3d.training.step_options import StepOptions

# The order of the values in the vector that `train_step` returns.
STEP_METRICS = ("reconstruction_loss", "kl", "iou", *ADVERSARIAL_METRICS)


def train_step(state: TrainingState, options: StepOptions, voxels: tf.Tensor) -> tf.Tensor:
    """Trains every network by one batch.

    Reconstruction and adversarial gradients meet at the generator's logits, so that generator and encoder need one
    backward pass for both.

    Args:
        state: networks, optimizers and step; changed.
        options: the constants.
        voxels: `[B, R, R, R, 1]` float32 in {0, 1}.

    Returns:
        `[9]` float32, means over the batch in the order of `STEP_METRICS`.
    """
    encoder, generator, _ = state.networks
    noise_shape = (voxels.shape[0], encoder.latent_size)
    noise = latent_noise(noise_shape, seed=options.seed, stream=POSTERIOR_STREAM, step=state.step)
    with tf.GradientTape(persistent=True) as tape:
        mean, log_variance = encoder(voxels, training=True)
        latents = reparameterize(mean, log_variance, noise)
        features = generator.features(latents, training=True)
        logits = generator.logits(features)
        reconstruction = options.batch_mean(reconstruction_loss(logits, voxels, options.reconstruction_loss))
        kl = options.batch_mean(kl_divergence(mean, log_variance))
        difference = reconstruction
        if options.dice_weight > 0:
            difference += options.dice_weight * options.batch_mean(dice_loss(logits, voxels))
    by_logits = tape.gradient(difference, logits)
    adversarial = adversarial_part(state, options, tape, voxels, latents, logits, by_logits)
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
    _update(state, options, gradients, adversarial)
    iou = options.batch_mean(intersection_over_union(tf.sigmoid(logits), voxels))
    return tf.concat([tf.stack([reconstruction, kl, iou]), adversarial.metrics], axis=0)


def _update(state: TrainingState, options: StepOptions, gradients: list[tf.Tensor], adversarial: Adversarial) -> None:
    """Moves the weights of every network, their averages and the step."""
    scale = learning_rate_scale(
        state.step, options.total_steps, options.learning_rate_warmup, options.learning_rate_decay
    )
    state.optimizer.learning_rate.assign(scale * state.learning_rate)
    state.d_optimizer.learning_rate.assign(scale * state.d_learning_rate)
    state.optimizer.apply(gradients, state.trained_variables)
    discriminator = state.networks.discriminator
    discriminator.advance_spectral_norms()
    accuracy = adversarial.metrics[ADVERSARIAL_METRICS.index("discriminator_accuracy")]
    _apply_where(
        accuracy <= options.d_accuracy_threshold,  # false while the accuracy is NaN
        state.d_optimizer,
        adversarial.by_discriminator,
        discriminator.trainable_variables,
    )
    _update_average(state, options.ema_decay)
    state.step.assign_add(1)


def _apply_where(
    condition: tf.Tensor,
    optimizer: keras.optimizers.Optimizer,
    gradients: list[tf.Tensor],
    variables: list[keras.Variable],
) -> None:
    """Applies gradients, then puts weights and slots back as they were unless the condition holds.

    A zeroed gradient would still move Adam, and `apply` inside `tf.cond` fails under a distribution strategy.
    """
    changing = [*variables, *optimizer.variables]
    before = [tf.identity(tf.convert_to_tensor(variable)) for variable in changing]
    optimizer.apply(gradients, variables)
    for variable, old in zip(changing, before, strict=True):
        variable.assign(tf.where(condition, tf.convert_to_tensor(variable), old))


def _update_average(state: TrainingState, decay: float) -> None:
    """Moves the averaged copies towards the weights; slower from step to step until `decay` is reached."""
    step = tf.cast(state.step, tf.float32)
    decay_now = tf.minimum(decay, (1.0 + step) / (10.0 + step))
    for averaged, trained in state.averaged_pairs():
        averaged.assign(decay_now * averaged + (1.0 - decay_now) * trained)
