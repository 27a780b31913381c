"""One training step of a VAE or a VAE-GAN: losses, gradients and updates.

The loop compiles `vae_gan_step` twice, without and with the adversarial part. `gan_step` shares the helpers at the end.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from vae_gan3d.networks.discriminator import Discriminator
from vae_gan3d.replicas import this_replica
from vae_gan3d.training.losses import (
    EXTRA_LOSSES,
    adaptive_weight,
    discriminator_accuracy,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    intersection_over_union,
    kl_divergence,
    kl_weight,
    r1_penalty,
    random_interpolates,
    reconstruction_loss,
)
from vae_gan3d.training.noise import (
    POSTERIOR_STREAM,
    PRIOR_STREAM,
    interpolated,
    latent_noise,
    reparameterize,
    uniform,
)
from vae_gan3d.training.optimizers import (
    Snapshot,
    accumulate_concat,
    accumulate_sum,
    add,
    apply_gradients,
    apply_if,
    is_finite,
    snapshot,
    update_average,
)
from vae_gan3d.training.state import Hyperparameters, TrainingState

# What a step returns. A metric that the model lacks, or that the step did not measure, is NaN.
STEP_METRICS = (
    "reconstruction_loss",
    "kl",
    "iou",
    "gradient_norm",
    "generator_loss",
    "discriminator_loss",
    "discriminator_accuracy",
    "adversarial_factor",
    "r1_penalty",
    "gradient_penalty",
    "d_gradient_norm",
)
# Their slope in a generated shape's logit is never 0, except by rounding, which the smallest slope prevents.
_SLOPED_LOSSES, _SMALLEST_SLOPE = ("bce", "wgan-gp"), 1e-20
_NAN = float("nan")


class StepSums(NamedTuple):
    """What a micro-batch adds to a step; the lists of gradients are empty if there is nothing to compute.

    Attributes:
        losses: `[3]`: reconstruction loss, KL, IoU.
        d_metrics: `[3]`: generator loss, discriminator loss, discriminator accuracy; NaN without the adversarial part.
        vae_grads: gradients at the encoder's and the generator's variables.
        adversarial_grads: their adversarial part, not yet weighted, if it is not in `vae_grads` already.
        d_grads: gradients at the discriminator's variables.
    """

    losses: tf.Tensor
    d_metrics: tf.Tensor
    vae_grads: list[tf.Tensor]
    adversarial_grads: list[tf.Tensor]
    d_grads: list[tf.Tensor]


def vae_gan_step(
    state: TrainingState,
    hp: Hyperparameters,
    voxels: tf.Tensor,
    labels: tf.Tensor | None = None,
    *,
    adversarial: bool,
) -> tf.Tensor:
    """Updates all networks with one batch.

    A step with a NaN or an infinity in a loss or a gradient is counted, and changes nothing else.

    Args:
        state: networks, optimizers and step; changed.
        hp: hyperparameters.
        voxels: `[B, R, R, R, 1]` float32 in {0, 1}, this replica's samples.
        labels: `[B]` int64, their classes; None if the networks are not conditional.
        adversarial: whether the discriminator takes part; False in `adversarial_warmup`, and for a plain VAE.

    Returns:
        `[11]` float32, means over the whole batch in the order of `STEP_METRICS`; all NaN for a skipped step.
    """
    state.set_schedules(hp, d_start=hp.adversarial_warmup)
    discriminator = state.networks.discriminator
    before = snapshot([v for network in state.networks.by_name().values() for v in network.non_trainable_variables])
    noise = _noise(state, hp, voxels.shape[0], POSTERIOR_STREAM)
    if hp.accumulate == 1:
        sums, weight, logits = gradients(state, hp, voxels, noise, labels, adversarial=adversarial)
    else:
        new_latents = sample_latents(state, hp, _encode(state, hp, voxels, noise, labels)) if adversarial else None
        sums = accumulate_sum(
            hp.accumulate,
            lambda *part: gradients(state, hp, *part, adversarial=adversarial)[0],
            (voxels, noise, labels, new_latents),
        )
    penalties = tf.fill([2], _NAN)
    if adversarial:

        def make_fakes() -> tf.Tensor:
            if hp.accumulate == 1:
                return tf.sigmoid(tf.concat(logits, axis=0))  # [2B, R, R, R, 1]
            latents = _encode(state, hp, voxels, noise, labels)  # the logits of the parts are gone: generate again
            return tf.concat([_generate(state, hp, z, labels) for z in (latents, new_latents)], axis=0)

        penalties, penalty_grads = lazy_penalty(discriminator, hp, voxels, make_fakes, tf.identity(state.step), labels)
        sums = sums._replace(d_grads=add(sums.d_grads, penalty_grads))
    sums, penalties = this_replica().all_reduce((sums, penalties))
    vae_grads = sums.vae_grads
    if adversarial and hp.accumulate > 1:
        last = [v.path for v in state.trained_variables].index(state.networks.generator.to_logits.kernel.path)
        weight = adaptive_weight(vae_grads[last], sums.adversarial_grads[last], hp.adversarial_weight)
        vae_grads = [mine + weight * other for mine, other in zip(vae_grads, sums.adversarial_grads, strict=True)]
    with tf.name_scope("metrics"):
        measured = [sums.losses, tf.linalg.global_norm(vae_grads)[tf.newaxis]]
        if adversarial:
            d_norm = tf.linalg.global_norm(sums.d_grads)[tf.newaxis]
            finite = is_finite([*measured, sums.d_metrics, weight, d_norm], penalties)
            metrics = tf.concat([*measured, sums.d_metrics, tf.reshape(weight, [1]), penalties, d_norm], axis=0)
        else:
            finite = is_finite(measured, penalties)
            metrics = tf.concat([*measured, tf.fill([len(STEP_METRICS) - 4], _NAN)], axis=0)
    with tf.name_scope("update"):
        _update(state, hp, vae_grads, finite, before)
        if adversarial:
            accuracy = sums.d_metrics[2]
            apply_if(
                finite & (accuracy <= hp.d_accuracy_threshold),
                lambda: apply_gradients(state.d_optimizer, sums.d_grads, discriminator.trainable_variables),
                [*discriminator.trainable_variables, *state.d_optimizer.variables],
            )
        state.step.assign_add(1)
    return tf.where(finite, metrics, _NAN)


def gradients(
    state: TrainingState,
    hp: Hyperparameters,
    voxels: tf.Tensor,
    noise: tf.Tensor,
    labels: tf.Tensor | None,
    new_latents: tf.Tensor | None = None,
    *,
    adversarial: bool,
) -> tuple[StepSums, tf.Tensor | None, list[tf.Tensor]]:
    """Losses and gradients of one micro-batch.

    Reconstruction and adversarial gradients meet at the generator's logits, so one backward pass of generator and
    encoder serves both. With several micro-batches the adversarial weight, which needs the whole batch, is not known
    yet: the two gradients then stay apart.

    Args:
        state, hp: see `vae_gan_step`; not changed, except for BatchNorm's statistics.
        voxels: `[b, R, R, R, 1]` float32 in {0, 1}.
        noise: `[b, L]` float32, of the posterior.
        labels: `[b]` int64 or None.
        new_latents: `[b, L]` float32, of the shapes that are not reconstructions; None draws them here.
        adversarial: whether the discriminator takes part.

    Returns:
        This replica's part of the sums; the adversarial weight, if it is known; and the generator's logits
        `[b, R, R, R, 1]`: of the reconstructions, then of the new shapes.
    """
    encoder, (_, generator, discriminator) = state.networks.require_encoder(), state.networks
    with tf.name_scope("forward"), tf.GradientTape(persistent=True) as tape:
        mean, log_variance = encoder(voxels, labels, training=True)
        latents = reparameterize(mean, log_variance, noise)
        logits = [generator(latents, labels, training=True)]
        reconstruction = hp.batch_mean(reconstruction_loss(logits[0], voxels, hp.reconstruction_loss))
        kl = hp.batch_mean(kl_divergence(mean, log_variance))
        loss = reconstruction
        for weight_field, extra_loss in EXTRA_LOSSES.items():
            if getattr(hp, weight_field) > 0:
                loss += getattr(hp, weight_field) * hp.batch_mean(extra_loss(logits[0], voxels))
        if adversarial:
            new_latents = sample_latents(state, hp, latents) if new_latents is None else new_latents
            logits.append(generator(new_latents, labels, training=True))
    variables = state.trained_variables
    weight, d_metrics = None, tf.fill([3], _NAN)
    adversarial_grads: list[tf.Tensor] = []
    d_grads: list[tf.Tensor] = []
    with tf.name_scope("backward"):
        d_logits = [tape.gradient(loss, logits[0])]  # gradients at the logits
        if adversarial:
            d_metrics, g_logits, d_grads = adversarial_gradients(discriminator, hp, voxels, logits, labels)
            if hp.accumulate > 1:
                adversarial_grads = tape.gradient(logits, variables, output_gradients=g_logits)
            else:
                last_layer = generator.to_logits.kernel
                of_loss, of_reconstructions, of_new = (
                    tape.gradient(target, last_layer, output_gradients=gradient)
                    for target, gradient in zip([logits[0], *logits], [*d_logits, *g_logits], strict=True)
                )
                of_loss, of_both = this_replica().all_reduce([of_loss, of_reconstructions + of_new])
                weight = adaptive_weight(of_loss, of_both, hp.adversarial_weight)
                d_logits = [d_logits[0] + weight * g_logits[0], weight * g_logits[1]]
        beta = kl_weight(state.step, hp.kl_weight, hp.kl_warmup)
        targets = [*logits[: len(d_logits)], kl]
        vae_grads = tape.gradient(targets, variables, output_gradients=[*d_logits, beta])
    iou = hp.batch_mean(intersection_over_union(tf.sigmoid(logits[0]), voxels))
    losses = tf.stack([reconstruction, kl, iou])
    return StepSums(losses, d_metrics, vae_grads, adversarial_grads, d_grads), weight, logits


def adversarial_gradients(
    discriminator: Discriminator,
    hp: Hyperparameters,
    voxels: tf.Tensor,
    logits: list[tf.Tensor],
    labels: tf.Tensor | None,
) -> tuple[tf.Tensor, list[tf.Tensor], list[tf.Tensor]]:
    """The adversarial losses of both sides, and their gradients.

    If each logit depends on its own shape only (no BatchNorm), the gradients of both sides differ by one factor per
    shape. One backward pass of the discriminator then gives both, equal to two passes up to rounding.

    Args:
        discriminator: the network.
        hp: hyperparameters.
        voxels: `[b, R, R, R, 1]` float32, real shapes.
        logits: two of `[b, R, R, R, 1]` float32, the generator's: reconstructions, then new shapes.
        labels: `[b]` int64 or None.

    Returns:
        `[3]`: generator loss, discriminator loss, discriminator accuracy, as this part's share of the batch mean; the
        generator loss's gradients at both `logits`; the discriminator loss's gradients at its trainable variables.
    """
    kind, variables = hp.adversarial_loss, discriminator.trainable_variables
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        shapes = [*(tf.sigmoid(half) for half in logits), voxels]
        # One after the other: a batch that fits the processor's cache is faster than three together.
        outputs = [discriminator(batch, labels, training=True) for batch in shapes]  # [b, 1] each
    with tf.GradientTape(persistent=True) as loss_tape:
        loss_tape.watch(outputs)
        fake, real = tf.concat(outputs[:2], axis=0), outputs[2]
        g_loss = 0.5 * hp.batch_mean(generator_loss(fake, kind))
        real_loss = hp.batch_mean(discriminator_loss(real, kind, real=True, label_smoothing=hp.label_smoothing))
        d_loss = real_loss + 0.5 * hp.batch_mean(discriminator_loss(fake, kind, real=False))
    g_slopes, d_slopes = loss_tape.gradient(g_loss, outputs[:2]), loss_tape.gradient(d_loss, outputs)
    if discriminator.per_sample and kind in _SLOPED_LOSSES:
        d_slopes[:2] = [tf.maximum(slope, _SMALLEST_SLOPE) for slope in d_slopes[:2]]
        d_grads, g_logits = tape.gradient(outputs, [variables, logits], output_gradients=d_slopes)
        factors = [tf.reshape(mine / other, [-1, 1, 1, 1, 1]) for mine, other in zip(g_slopes, d_slopes, strict=False)]
        g_logits = [gradient * factor for gradient, factor in zip(g_logits, factors, strict=True)]
    else:
        d_grads = tape.gradient(outputs, variables, output_gradients=d_slopes)
        g_logits = tape.gradient(outputs[:2], logits, output_gradients=g_slopes)
    accuracy = hp.share_of_mean(discriminator_accuracy(real, fake))
    return tf.stack([g_loss, d_loss, accuracy]), g_logits, d_grads


def _update(
    state: TrainingState, hp: Hyperparameters, vae_grads: list[tf.Tensor], finite: tf.Tensor, before: Snapshot
) -> None:
    """Encoder, generator, spectral norms and averages; if the step is not finite, BatchNorm's statistics go back."""

    def apply() -> None:
        apply_gradients(state.optimizer, vae_grads, state.trained_variables)
        state.networks.discriminator.advance_spectral_norms()
        update_average(state.averaged_pairs(), state.step, hp.ema_decay)

    averages = [average for average, _ in state.averaged_pairs()]
    apply_if(finite, apply, [*state.trained_variables, *state.optimizer.variables, *averages], before)


def _noise(state: TrainingState, hp: Hyperparameters, count: int, stream: int) -> tf.Tensor:
    shape = (count, state.networks.generator.latent_size)
    return latent_noise(shape, seed=hp.seed, stream=stream, step=state.step)


def sample_latents(state: TrainingState, hp: Hyperparameters, latents: tf.Tensor) -> tf.Tensor:
    """Latents `[B, L]` of new shapes: from N(0, I), or between each latent of the batch and the next one.

    Points between latents follow Berthelot et al. 2019, "Understanding and Improving Interpolation in Autoencoders via
    an Adversarial Regularizer": a prior that is fitted to the posterior draws there. Labels are those of the batch,
    between two classes the first one's. The neighbour of the replica's last latent is on another replica.
    """
    noise = _noise(state, hp, latents.shape[0], PRIOR_STREAM)
    if hp.adversarial_latents == "prior":
        return noise
    replica = this_replica()
    neighbours = replica.local_rows(tf.roll(replica.whole_batch(latents), 1, axis=0))
    return tf.stop_gradient(interpolated(latents, neighbours, uniform(noise[:, :1])))


def _encode(
    state: TrainingState, hp: Hyperparameters, voxels: tf.Tensor, noise: tf.Tensor, labels: tf.Tensor | None
) -> tf.Tensor:
    def encode(voxels: tf.Tensor, noise: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
        mean, log_variance = state.networks.require_encoder()(voxels, labels, training=True)
        return reparameterize(mean, log_variance, noise)

    return accumulate_concat(hp.accumulate, encode, (voxels, noise, labels))


def _generate(state: TrainingState, hp: Hyperparameters, latents: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
    def generate(latents: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
        return tf.sigmoid(state.networks.generator(latents, labels, training=True))

    return accumulate_concat(hp.accumulate, generate, (latents, labels))


def lazy_penalty(
    discriminator: Discriminator,
    hp: Hyperparameters,
    voxels: tf.Tensor,
    make_fakes: Callable[[], tf.Tensor],
    update: tf.Tensor,
    labels: tf.Tensor | None,
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """The gradient penalty, R1, R1 and R2, or that of wgan-gp, on every `r1_every`-th update.

    It is multiplied by `r1_every` (lazy regularization, Karras et al. 2020, StyleGAN2). A relativistic discriminator
    has R1 at real and R2 at generated shapes (Huang et al. 2024, section 2.2).

    Args:
        discriminator: the network.
        hp: hyperparameters.
        voxels: `[B, R, R, R, 1]` float32, real shapes.
        make_fakes: returns all generated shapes `[K, R, R, R, 1]` float32 in [0, 1]; called only if they are needed.
        update: int64 scalar, earlier updates of the discriminator.
        labels: `[B]` int64, the classes of the real shapes, used at all points of the penalty; or None.

    Returns:
        `[2]`: `r1_penalty` and `gradient_penalty`, NaN if not measured; and the weighted penalty's gradients at the
        discriminator's trainable variables, zeros on other updates. Both are this replica's part of the sums.
    """
    wasserstein = hp.adversarial_loss == "wgan-gp"
    weight = hp.gradient_penalty_weight if wasserstein else hp.r1_weight
    variables = [variable.value for variable in discriminator.trainable_variables]

    def part(points: tf.Tensor, labels: tf.Tensor | None) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            penalty = hp.batch_mean(
                (gradient_penalty if wasserstein else r1_penalty)(
                    lambda shapes: discriminator(shapes, labels, training=True), points
                )
            )
            weighted = weight * hp.r1_every * penalty
        return [penalty, *tape.gradient(weighted, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)]

    def compute() -> tuple[tf.Tensor, list[tf.Tensor]]:
        where = [voxels]
        if wasserstein:
            where = [random_interpolates(voxels, make_fakes(), seed=hp.seed, step=update)]
        elif hp.adversarial_loss == "relativistic":
            where.append(make_fakes())
        found = [accumulate_sum(hp.accumulate, part, (points, labels)) for points in where]
        penalty, *grads = (tf.add_n(values) for values in zip(*found, strict=True))
        return tf.stack([_NAN, penalty] if wasserstein else [penalty, _NAN]), grads

    def skip() -> tuple[tf.Tensor, list[tf.Tensor]]:
        return tf.fill([2], _NAN), [tf.zeros_like(variable) for variable in variables]

    return tf.cond(update % hp.r1_every == 0, compute, skip) if weight else skip()
