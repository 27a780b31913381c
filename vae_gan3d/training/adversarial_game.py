"""The adversarial game of a training step: both sides' losses, penalties and gradients."""

from typing import NamedTuple

import tensorflow as tf

from vae_gan3d.replicas import this_replica
from vae_gan3d.training.judging import judge
from vae_gan3d.training.losses import adaptive_weight
from vae_gan3d.training.noise import PRIOR_STREAM, interpolated, latent_noise, uniform
from vae_gan3d.training.penalties import penalty_term
from vae_gan3d.training.state import TrainingState
from vae_gan3d.training.step_metrics import ADVERSARIAL_METRICS
from vae_gan3d.training.step_options import StepOptions


class Reconstruction(NamedTuple):
    """A batch after its way through encoder and generator.

    Attributes:
        tape: persistent, which recorded how the generator came to `logits`.
        voxels: `[B, R, R, R, 1]` float32, real.
        latents: `[B, L]` float32, drawn from the posterior of each.
        logits: `[B, R, R, R, 1]` float32, the generator's.
        by_logits: `[B, R, R, R, 1]`, the reconstruction loss's gradient at them.
        labels: `[B]` int64, the classes of the shapes; None where the networks are not conditional.
    """

    tape: tf.GradientTape
    voxels: tf.Tensor
    latents: tf.Tensor
    logits: tf.Tensor
    by_logits: tf.Tensor
    labels: tf.Tensor | None = None


class Adversarial(NamedTuple):
    """What the adversarial game adds to a step.

    Attributes:
        by_logits: `[B, R, R, R, 1]`, the weighted adversarial gradient at the reconstruction's logits.
        by_generator: the same at the generator's variables, by way of the generated shapes that are no reconstructions.
        by_discriminator: the discriminator's gradients, of the whole batch.
        metrics: `[7]` float32, of the whole batch, in the order of `ADVERSARIAL_METRICS`; NaN while the game has not
            begun.
    """

    by_logits: tf.Tensor
    by_generator: list[tf.Tensor]
    by_discriminator: list[tf.Tensor]
    metrics: tf.Tensor


def adversarial_part(state: TrainingState, options: StepOptions, reconstruction: Reconstruction) -> Adversarial:
    """The game from its first step on, and nothing before it or without its weight.

    Args:
        state: networks and step; not changed.
        options: the constants.
        reconstruction: of the batch.

    Returns:
        What the step adds to its own gradients and metrics.
    """
    if options.adversarial_weight == 0:
        return _rest(state, reconstruction.logits)
    return tf.cond(
        is_played(state, options),
        lambda: _play(state, options, reconstruction),
        lambda: _rest(state, reconstruction.logits),
        name="adversarial_game",
    )


def is_played(state: TrainingState, options: StepOptions) -> tf.Tensor:
    """Whether the game has begun in this step, a bool scalar; never without its weight."""
    if options.adversarial_weight == 0:
        return tf.constant(False)
    return state.step >= options.adversarial_warmup


def summed(ours: list[tf.Tensor], theirs: list[tf.Tensor]) -> list[tf.Tensor]:
    """The gradients of two losses, added variable by variable."""
    return [mine + other for mine, other in zip(ours, theirs, strict=True)]


def _play(state: TrainingState, options: StepOptions, reconstruction: Reconstruction) -> Adversarial:
    """The adversarial game on a batch: both sides' gradients from one pass of the discriminator."""
    _, generator, discriminator = state.networks
    tape, voxels, latents, logits, by_logits, labels = reconstruction
    last_kernel = generator.voxels.kernel
    new_latents = latents_of_new_shapes(state, options, latents)
    with tf.GradientTape(persistent=True) as prior_tape:
        prior_logits = generator(new_latents, labels, training=True)
    judgement = judge(discriminator, options, voxels, [logits, prior_logits], labels)
    by_reconstruction, by_prior = judgement.by_logits
    reconstructing, playing = this_replica().totals(
        [
            tape.gradient(logits, last_kernel, output_gradients=by_logits),
            tape.gradient(logits, last_kernel, output_gradients=by_reconstruction)
            + prior_tape.gradient(prior_logits, last_kernel, output_gradients=by_prior),
        ]
    )
    factor = adaptive_weight(reconstructing, playing, options.adversarial_weight)
    by_generator = prior_tape.gradient(prior_logits, generator.trainable_variables, output_gradients=factor * by_prior)

    def make_fakes() -> tf.Tensor:
        return tf.sigmoid(tf.concat([logits, prior_logits], axis=0))  # [2B, R, R, R, 1]

    penalties, by_penalty = penalty_term(discriminator, options, voxels, make_fakes, tf.identity(state.step), labels)
    *by_discriminator, told, penalties = this_replica().totals(
        [*summed(judgement.by_discriminator, by_penalty), judgement.told, penalties]
    )
    metrics = game_metrics(told, factor, penalties, by_discriminator)
    return Adversarial(factor * by_reconstruction, by_generator, by_discriminator, metrics)


def game_metrics(
    told: tf.Tensor, factor: tf.Tensor, penalties: tf.Tensor, by_discriminator: list[tf.Tensor]
) -> tf.Tensor:
    """The numbers of a step's game, in the order of `ADVERSARIAL_METRICS`.

    Args:
        told: `[3]`, see `Judgement`, of the whole batch; likewise all below.
        factor: the adversarial gradient's.
        penalties: `[2]`.
        by_discriminator: its gradients.
    """
    norm = tf.linalg.global_norm(by_discriminator)
    return tf.concat([told, factor[tf.newaxis], penalties, norm[tf.newaxis]], axis=0)


def latents_of_new_shapes(state: TrainingState, options: StepOptions, latents: tf.Tensor) -> tf.Tensor:
    """The latents `[B, L]` of the generated shapes that are no reconstructions.

    Samples of N(0, I), or points on the lines from each latent of the batch to the next one's, at random places
    (Berthelot et al. 2019, "Understanding and Improving Interpolation in Autoencoders via an Adversarial
    Regularizer"): what lies between shapes is where a mixture fitted to the posterior draws. The caller generates both
    under the labels of the batch, which on a line between two classes is that of the first.

    Args:
        state: generator and step; not changed.
        options: the constants.
        latents: `[B, L]` float32, of all samples of this replica; the first one's neighbour is another replica's.
    """
    noise = latent_noise(tuple(latents.shape), seed=options.seed, stream=PRIOR_STREAM, step=state.step)
    if options.adversarial_latents == "prior":
        return noise
    replica = this_replica()
    neighbours = replica.own_rows(tf.roll(replica.whole_batch(latents), 1, axis=0))
    return tf.stop_gradient(interpolated(latents, neighbours, uniform(noise[:, :1])))


def _rest(state: TrainingState, logits: tf.Tensor) -> Adversarial:
    """What `_play` returns, where nothing is played."""
    return Adversarial(
        tf.zeros_like(logits),
        [tf.zeros_like(variable) for variable in state.networks.generator.trainable_variables],
        [tf.zeros_like(variable) for variable in state.networks.discriminator.trainable_variables],
        tf.fill([len(ADVERSARIAL_METRICS)], float("nan")),
    )
