"""The discriminator's gradient penalty of a step, R1, R1 and R2, or that of wgan-gp, measured only now and then."""

from collections.abc import Callable

import tensorflow as tf

from vae_gan3d.networks.discriminator import Discriminator
from vae_gan3d.training.interpolates import random_interpolates
from vae_gan3d.training.losses import gradient_penalty, r1_penalty
from vae_gan3d.training.micro_batches import summed_over_parts
from vae_gan3d.training.step_options import StepOptions


def penalty_term(
    discriminator: Discriminator,
    options: StepOptions,
    voxels: tf.Tensor,
    make_fakes: Callable[[], tf.Tensor],
    update: tf.Tensor,
    labels: tf.Tensor | None = None,
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """R1, or for wgan-gp its own penalty, on every `r1_every`-th update and weighted by that number.

    The weight makes up for the updates between (lazy regularisation, Karras et al. 2020, StyleGAN2). A relativistic
    discriminator has the same penalty at generated shapes too, R2, of the same weight (Huang et al. 2024, section 2.2).

    Args:
        discriminator: the network.
        options: the constants.
        voxels: `[B, R, R, R, 1]` float32, real.
        make_fakes: gives all that the discriminator is shown of generated shapes, `[K, R, R, R, 1]` float32 in [0, 1];
            called only where that is needed.
        update: int64 scalar, how often the discriminator was trained before.
        labels: `[B]` int64, the classes of the real shapes, under which what lies between them and generated ones is
            judged too; None where the discriminator is not conditional.

    Returns:
        `[2]`, the penalties `r1_penalty` (of a relativistic discriminator with R2) and `gradient_penalty`, NaN where
        one is not measured; and the gradients at the discriminator's trainable variables, zeros on the other updates.
        Both are this replica's parts of the sums.
    """
    variables = [variable.value for variable in discriminator.trainable_variables]
    wasserstein = options.adversarial_loss == "wgan-gp"
    weight = options.gradient_penalty_weight if wasserstein else options.r1_weight
    unknown = tf.constant(float("nan"))

    def measure(points: tf.Tensor, labels: tf.Tensor | None) -> list[tf.Tensor]:
        measured = gradient_penalty if wasserstein else r1_penalty
        with tf.GradientTape() as tape:
            values = measured(lambda shapes: discriminator(shapes, labels, training=True), points)
            penalty = options.batch_mean(values)
            weighted = weight * options.r1_every * penalty
        gradients = tape.gradient(weighted, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return [penalty, *gradients]

    def penalize() -> tuple[tf.Tensor, list[tf.Tensor]]:
        where = [voxels]
        if wasserstein:
            where = [random_interpolates(voxels, make_fakes(), seed=options.seed, step=update)]
        elif options.adversarial_loss == "relativistic":
            where.append(make_fakes())
        measured = [summed_over_parts(options.accumulate, measure, (points, labels)) for points in where]
        penalty, *gradients = (tf.add_n(values) for values in zip(*measured, strict=True))
        return tf.stack([unknown, penalty] if wasserstein else [penalty, unknown]), gradients

    def skip() -> tuple[tf.Tensor, list[tf.Tensor]]:
        return tf.stack([unknown, unknown]), [tf.zeros_like(variable) for variable in variables]

    if weight == 0:
        return skip()
    return tf.cond(update % options.r1_every == 0, penalize, skip)
