"""The discriminator's gradient penalty of a step, R1 or that of wgan-gp, measured only now and then."""

import tensorflow as tf

from vae_gan3d.networks.discriminator import Discriminator
from vae_gan3d.training.interpolates import random_interpolates
from vae_gan3d.training.losses import gradient_penalty, r1_penalty
from vae_gan3d.training.step_options import StepOptions


def penalty_term(
    discriminator: Discriminator,
    options: StepOptions,
    voxels: tf.Tensor,
    fakes: tf.Tensor,
    update: tf.Tensor,
    labels: tf.Tensor | None = None,
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """R1, or for wgan-gp its own penalty, on every `r1_every`-th update and weighted by that number.

    The weight makes up for the updates between (lazy regularisation, Karras et al. 2020, StyleGAN2).

    Args:
        discriminator: the network.
        options: the constants.
        voxels: `[B, R, R, R, 1]` float32, real.
        fakes: `[K, R, R, R, 1]` float32 in [0, 1], generated.
        update: int64 scalar, how often the discriminator was trained before.
        labels: `[B]` int64, the classes of the real shapes, under which what lies between them and generated ones is
            judged too; None where the discriminator is not conditional.

    Returns:
        `[2]`, the penalties `r1_penalty` and `gradient_penalty`, NaN where one is not measured; and the gradients at
        the discriminator's trainable variables, zeros on the other updates.
    """
    variables = [variable.value for variable in discriminator.trainable_variables]
    wasserstein = options.adversarial_loss == "wgan-gp"
    weight = options.gradient_penalty_weight if wasserstein else options.r1_weight
    unknown = tf.constant(float("nan"))

    def judge(shapes: tf.Tensor) -> tf.Tensor:
        return discriminator(shapes, labels, training=True)

    def penalize() -> tuple[tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            if wasserstein:
                points = random_interpolates(voxels, fakes, seed=options.seed, step=update)
                penalty = options.batch_mean(gradient_penalty(judge, points))
            else:
                penalty = options.batch_mean(r1_penalty(judge, voxels))
            weighted = weight * options.r1_every * penalty
        gradients = tape.gradient(weighted, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return tf.stack([unknown, penalty] if wasserstein else [penalty, unknown]), gradients

    def skip() -> tuple[tf.Tensor, list[tf.Tensor]]:
        return tf.stack([unknown, unknown]), [tf.zeros_like(variable) for variable in variables]

    if weight == 0:
        return skip()
    return tf.cond(update % options.r1_every == 0, penalize, skip)
