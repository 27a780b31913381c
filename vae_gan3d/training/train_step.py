"""One step of training: forward, losses, gradients, updates."""

from typing import NamedTuple

import keras
import tensorflow as tf

from vae_gan3d.training.losses import (
    adaptive_weight,
    discriminator_loss,
    generator_loss,
    kl_divergence,
    r1_penalty,
    reconstruction_loss,
)
from vae_gan3d.training.metrics import discriminator_accuracy, intersection_over_union
from vae_gan3d.training.noise import POSTERIOR_STREAM, PRIOR_STREAM, latent_noise, reparameterize
from vae_gan3d.training.state import TrainingState

# The order of the values in the vector that `train_step` returns.
STEP_METRICS = (
    "reconstruction_loss",
    "kl",
    "iou",
    "generator_loss",
    "discriminator_loss",
    "discriminator_accuracy",
    "adversarial_factor",
    "r1_penalty",
)


class StepOptions(NamedTuple):
    """The constants of a step; `config.LossConfig` says what each means.

    Attributes:
        seed: of the noise.
        global_batch: samples a step over all replicas.
        ema_decay: of the averaged weights.
    """

    kl_weight: float
    reconstruction_loss: str
    adversarial_weight: float
    adversarial_warmup: int
    label_smoothing: float
    d_accuracy_threshold: float
    r1_weight: float
    r1_every: int
    seed: int
    global_batch: int
    ema_decay: float


class Adversarial(NamedTuple):
    """What the adversarial game adds to a step.

    Attributes:
        by_logits: `[B, R, R, R, 1]`, the weighted adversarial gradient at the reconstruction's logits.
        by_generator: the same at the generator's variables, through the prior samples.
        by_discriminator: the discriminator's gradients.
        metrics: `[5]` float32, the last five of `STEP_METRICS`; NaN while the game has not begun.
    """

    by_logits: tf.Tensor
    by_generator: list[tf.Tensor]
    by_discriminator: list[tf.Tensor]
    metrics: tf.Tensor


def train_step(state: TrainingState, options: StepOptions, voxels: tf.Tensor) -> tf.Tensor:
    """Trains every network by one batch.

    Reconstruction and adversarial gradients meet at the generator's logits, so that generator and encoder need one
    backward pass for both.

    Args:
        state: networks, optimizers and step; changed.
        options: the constants.
        voxels: `[B, R, R, R, 1]` float32 in {0, 1}.

    Returns:
        `[8]` float32, means over the batch in the order of `STEP_METRICS`.
    """
    encoder, generator, _ = state.networks
    noise_shape = (voxels.shape[0], encoder.moments.units // 2)
    noise = latent_noise(noise_shape, seed=options.seed, stream=POSTERIOR_STREAM, step=state.step)
    with tf.GradientTape(persistent=True) as tape:
        mean, log_variance = encoder(voxels, training=True)
        latents = reparameterize(mean, log_variance, noise)
        features = generator.features(latents, training=True)
        logits = generator.logits(features)
        reconstruction = _batch_mean(reconstruction_loss(logits, voxels, options.reconstruction_loss), options)
        kl = _batch_mean(kl_divergence(mean, log_variance), options)
    by_logits = tape.gradient(reconstruction, logits)

    if options.adversarial_weight > 0:
        adversarial = tf.cond(
            state.step >= options.adversarial_warmup,
            lambda: _play(state, options, tape, voxels, logits, by_logits),
            lambda: _rest(state, logits),
        )
    else:
        adversarial = _rest(state, logits)
    gradients = tape.gradient(
        [logits, kl],
        state.trained_variables,
        output_gradients=[by_logits + adversarial.by_logits, tf.constant(options.kl_weight)],
    )
    first = len(encoder.trainable_variables)
    gradients[first:] = [
        ours + theirs for ours, theirs in zip(gradients[first:], adversarial.by_generator, strict=True)
    ]

    state.optimizer.apply(gradients, state.trained_variables)
    accuracy = adversarial.metrics[2]
    _apply_where(
        accuracy <= options.d_accuracy_threshold,  # false while the accuracy is NaN
        state.d_optimizer,
        adversarial.by_discriminator,
        state.networks.discriminator.trainable_variables,
    )
    _update_average(state, options.ema_decay)
    state.step.assign_add(1)
    iou = _batch_mean(intersection_over_union(tf.sigmoid(logits), voxels), options)
    return tf.concat([tf.stack([reconstruction, kl, iou]), adversarial.metrics], axis=0)


def _batch_mean(values: tf.Tensor, options: StepOptions) -> tf.Tensor:
    """The sum of this replica's `[B]` values over the global batch."""
    return tf.reduce_sum(values) / options.global_batch


def _play(
    state: TrainingState,
    options: StepOptions,
    tape: tf.GradientTape,
    voxels: tf.Tensor,
    logits: tf.Tensor,
    by_logits: tf.Tensor,
) -> Adversarial:
    """The adversarial game on a batch: both sides' gradients from one pass of the discriminator."""
    _, generator, discriminator = state.networks
    last_kernel = generator.voxels.kernel
    shape = (voxels.shape[0], generator.opening.convolution.kernel.shape[-1])
    latents = latent_noise(shape, seed=options.seed, stream=PRIOR_STREAM, step=state.step)
    with tf.GradientTape(persistent=True) as prior_tape:
        prior_logits = generator(latents, training=True)
    with tf.GradientTape(persistent=True) as game_tape:
        game_tape.watch([logits, prior_logits])
        fakes = tf.sigmoid(tf.concat([logits, prior_logits], axis=0))  # [2B, R, R, R, 1]
        fake_logits = discriminator(fakes, training=True)
        real_logits = discriminator(voxels, training=True)
        deceiving = 0.5 * _batch_mean(generator_loss(fake_logits), options)
        telling = _batch_mean(
            discriminator_loss(real_logits, real=True, label_smoothing=options.label_smoothing), options
        ) + 0.5 * _batch_mean(discriminator_loss(fake_logits, real=False), options)
    by_reconstruction, by_prior = game_tape.gradient(deceiving, [logits, prior_logits])
    factor = adaptive_weight(
        tape.gradient(logits, last_kernel, output_gradients=by_logits),
        tape.gradient(logits, last_kernel, output_gradients=by_reconstruction)
        + prior_tape.gradient(prior_logits, last_kernel, output_gradients=by_prior),
        options.adversarial_weight,
    )
    by_generator = prior_tape.gradient(prior_logits, generator.trainable_variables, output_gradients=factor * by_prior)
    by_discriminator = game_tape.gradient(telling, discriminator.trainable_variables)
    penalty, by_penalty = _r1_term(state, options, voxels)
    return Adversarial(
        factor * by_reconstruction,
        by_generator,
        [ours + theirs for ours, theirs in zip(by_discriminator, by_penalty, strict=True)],
        tf.stack([deceiving, telling, discriminator_accuracy(real_logits, fake_logits), factor, penalty]),
    )


def _rest(state: TrainingState, logits: tf.Tensor) -> Adversarial:
    """What `_play` returns, where nothing is played."""
    return Adversarial(
        tf.zeros_like(logits),
        [tf.zeros_like(variable) for variable in state.networks.generator.trainable_variables],
        [tf.zeros_like(variable) for variable in state.networks.discriminator.trainable_variables],
        tf.fill([5], float("nan")),
    )


def _r1_term(state: TrainingState, options: StepOptions, voxels: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """The R1 penalty and its gradients on every `r1_every`-th step, weighted by that number; zeros on the others."""
    discriminator = state.networks.discriminator
    variables = [variable.value for variable in discriminator.trainable_variables]

    def penalize() -> tuple[tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            penalty = _batch_mean(r1_penalty(lambda real: discriminator(real, training=True), voxels), options)
            weighted = options.r1_weight * options.r1_every * penalty
        return penalty, tape.gradient(weighted, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def skip() -> tuple[tf.Tensor, list[tf.Tensor]]:
        return tf.constant(float("nan")), [tf.zeros_like(variable) for variable in variables]

    if options.r1_weight == 0:
        return skip()
    return tf.cond(state.step % options.r1_every == 0, penalize, skip)


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
