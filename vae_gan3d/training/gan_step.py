"""One step of a plain GAN: discriminator and generator take turns on one batch, each on its own variables."""

import tensorflow as tf

from vae_gan3d.replicas import this_replica
from vae_gan3d.training.losses import discriminator_loss, generator_loss, relative_logits
from vae_gan3d.training.metrics import discriminator_accuracy
from vae_gan3d.training.micro_batches import joined_over_parts, summed_over_parts
from vae_gan3d.training.noise import TURN_STREAM, latent_noise
from vae_gan3d.training.penalties import penalty_term
from vae_gan3d.training.soundness import is_sound, none_where_skipped
from vae_gan3d.training.state import TrainingState
from vae_gan3d.training.step_metrics import STEP_METRICS
from vae_gan3d.training.step_options import StepOptions
from vae_gan3d.training.updates import (
    apply_gradients,
    apply_where,
    move_where,
    remembered_statistics,
    set_learning_rates,
    statistics_kept,
    update_average,
)

_DISCRIMINATOR_METRICS = (
    "discriminator_loss",
    "discriminator_accuracy",
    "d_gradient_norm",
    "r1_penalty",
    "gradient_penalty",
)
_GENERATOR_METRICS = ("generator_loss", "gradient_norm")


def gan_step(
    state: TrainingState, options: StepOptions, voxels: tf.Tensor, labels: tf.Tensor | None = None
) -> tf.Tensor:
    """Trains the discriminator `d_steps` times, then the generator `g_steps` times, by one batch.

    Goodfellow et al. 2014, algorithm 1, with the same real shapes in every turn of the discriminator. Each turn draws
    latents of its own from N(0, latent_deviation²). Of a conditional model it generates shapes of the batch's classes.

    A turn that finds a NaN or an infinity in its loss or gradient is skipped by itself: it moves nothing, and the
    averages rest in its step. What an earlier turn has moved stands: to take that back, every step would have to copy
    all weights.

    Args:
        state: generator, discriminator, optimizers and step; changed.
        options: the constants.
        voxels: `[B, R, R, R, 1]` float32 in {0, 1}.
        labels: `[B]` int64, their classes; None where the networks are not conditional.

    Returns:
        `[11]` float32, means over the batch and over the turns in the order of `STEP_METRICS`; NaN where a GAN has
        none, and all NaN of a step with a turn that is skipped.
    """
    set_learning_rates(state, options, discriminator_enters=0)
    with tf.name_scope("discriminator_turns"):
        told = [train_discriminator(state, options, voxels, turn, labels) for turn in range(options.d_steps)]
    with tf.name_scope("generator_turns"):
        deceived = [train_generator(state, options, voxels, turn, labels) for turn in range(options.g_steps)]
    sound = ~tf.reduce_any([tf.math.is_nan(numbers[0]) for numbers in (*told, *deceived)])
    with tf.name_scope("average"):
        averaged = [pair[0] for pair in state.averaged_pairs()]
        move_where(sound, lambda: update_average(state, options.ema_decay), averaged)
    state.step.assign_add(1)
    found = dict(zip(_DISCRIMINATOR_METRICS, tf.unstack(_mean_of_known(tf.stack(told))), strict=True))
    found.update(zip(_GENERATOR_METRICS, tf.unstack(tf.reduce_mean(tf.stack(deceived), axis=0)), strict=True))
    return none_where_skipped(sound, tf.stack([found.get(name, tf.constant(float("nan"))) for name in STEP_METRICS]))


def train_discriminator(
    state: TrainingState, options: StepOptions, voxels: tf.Tensor, turn: int, labels: tf.Tensor | None = None
) -> tf.Tensor:
    """Trains the discriminator once, or lets it rest above its accuracy; the generator stays as it is, bit for bit.

    Args:
        state: the discriminator and its optimizer are changed.
        options: the constants.
        voxels: `[B, R, R, R, 1]` float32 in {0, 1}.
        turn: which of the step's `d_steps`, from 0.
        labels: `[B]` int64, the classes of the real shapes and of those to generate; None without classes.

    Returns:
        `[5]` float32: loss, accuracy, the norm of all gradients, R1 and the penalty of wgan-gp, the last two NaN where
        they are not measured; all NaN of a turn that is skipped.
    """
    _, generator, discriminator = state.networks
    latents = _latents(state, options, voxels.shape[0], turn)

    def make_fakes(latents: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
        return tf.sigmoid(generator(latents, labels, training=True))

    def tell(voxels: tf.Tensor, fakes: tf.Tensor, labels: tf.Tensor | None) -> list[tf.Tensor]:
        kind = options.adversarial_loss
        with tf.GradientTape() as tape:
            by_real, by_fake = (discriminator(shapes, labels, training=True) for shapes in (voxels, fakes))
            real_logits = relative_logits(by_real, by_fake, kind)
            fake_logits = relative_logits(by_fake, by_real, kind)
            on_real = discriminator_loss(real_logits, kind, real=True, label_smoothing=options.label_smoothing)
            loss = options.batch_mean(on_real) + options.batch_mean(discriminator_loss(fake_logits, kind, real=False))
        accuracy = options.share_of_mean(discriminator_accuracy(real_logits, fake_logits))
        return [loss, accuracy, *tape.gradient(loss, discriminator.trainable_variables)]

    before = remembered_statistics([discriminator])
    with statistics_kept(generator):
        fakes = joined_over_parts(options.accumulate, make_fakes, (latents, labels))
    loss, accuracy, *gradients = summed_over_parts(options.accumulate, tell, (voxels, fakes, labels))
    update = state.step * options.d_steps + turn
    penalties, by_penalty = penalty_term(discriminator, options, voxels, lambda: fakes, update, labels)
    gradients = [mine + other for mine, other in zip(gradients, by_penalty, strict=True)]
    loss, accuracy, penalties, *gradients = this_replica().totals([loss, accuracy, penalties, *gradients])
    numbers = tf.stack([loss, accuracy, tf.linalg.global_norm(gradients)])
    sound = is_sound([numbers], penalties)
    move_where(sound, discriminator.advance_spectral_norms, (), before)
    apply_where(
        sound & (accuracy <= options.d_accuracy_threshold),
        state.d_optimizer,
        gradients,
        discriminator.trainable_variables,
    )
    return none_where_skipped(sound, tf.concat([numbers, penalties], axis=0))


def train_generator(
    state: TrainingState, options: StepOptions, voxels: tf.Tensor, turn: int, labels: tf.Tensor | None = None
) -> tf.Tensor:
    """Trains the generator once; the discriminator stays as it is, bit for bit.

    Args:
        state: the generator and its optimizer are changed.
        options: the constants.
        voxels: `[B, R, R, R, 1]` float32 in {0, 1}; as many are generated, and of a relativistic discriminator each has
            one of these for its partner.
        turn: which of the step's `g_steps`, from 0.
        labels: `[B]` int64, the classes of the shapes to generate; None without classes.

    Returns:
        `[2]` float32: the loss, and the norm of all gradients; NaN of a turn that is skipped.
    """
    _, generator, discriminator = state.networks
    latents = _latents(state, options, voxels.shape[0], options.d_steps + turn)
    kind = options.adversarial_loss

    def deceive(latents: tf.Tensor, voxels: tf.Tensor, labels: tf.Tensor | None) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            fakes = tf.sigmoid(generator(latents, labels, training=True))
            judged = discriminator(fakes, labels, training=True)
            partners = discriminator(voxels, labels, training=True) if kind == "relativistic" else judged
            loss = options.batch_mean(generator_loss(relative_logits(judged, partners, kind), kind))
        return [loss, *tape.gradient(loss, generator.trainable_variables)]

    before = remembered_statistics([generator])
    with statistics_kept(discriminator):
        loss, *gradients = summed_over_parts(options.accumulate, deceive, (latents, voxels, labels))
    loss, *gradients = this_replica().totals([loss, *gradients])
    numbers = tf.stack([loss, tf.linalg.global_norm(gradients)])
    sound = is_sound([numbers], tf.zeros([2]))
    variables = generator.trainable_variables
    move_where(
        sound,
        lambda: apply_gradients(state.optimizer, gradients, variables),
        [*variables, *state.optimizer.variables],
        before,
    )
    return none_where_skipped(sound, numbers)


def _latents(state: TrainingState, options: StepOptions, count: int, turn: int) -> tf.Tensor:
    """The latents `[B, L]` of a turn, counted over both networks' turns from 0."""
    shape = (count, state.networks.generator.latent_size)
    noise = latent_noise(shape, seed=options.seed, stream=TURN_STREAM + turn, step=state.step)
    return options.latent_deviation * noise


def _mean_of_known(rows: tf.Tensor) -> tf.Tensor:
    """Means of the columns of `[K, M]` over the rows where they are not NaN; NaN where all are."""
    known = tf.logical_not(tf.math.is_nan(rows))
    total = tf.reduce_sum(tf.where(known, rows, 0.0), axis=0)
    return total / tf.reduce_sum(tf.cast(known, tf.float32), axis=0)  # 0 / 0 is NaN
