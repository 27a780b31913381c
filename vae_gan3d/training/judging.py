"""What the discriminator makes of a batch: both sides' losses, and the gradients that each of them takes away."""

from typing import NamedTuple

import tensorflow as tf

from vae_gan3d.networks.discriminator import Discriminator
from vae_gan3d.training.losses import discriminator_loss, generator_loss
from vae_gan3d.training.metrics import discriminator_accuracy
from vae_gan3d.training.step_options import StepOptions

# Keeps the quotient of the two sides' slopes finite where the discriminator is sure beyond float32.
_SMALLEST_SLOPE = 1e-20
# Whose discriminator never ceases to move an answer: the quotient of the slopes is finite.
_NEVER_CONTENT = ("bce", "wgan-gp")


class Judgement(NamedTuple):
    """What the adversarial game gives on a batch, or on a part of one.

    Attributes:
        told: `[3]` float32: the generator's loss, the discriminator's, and the discriminator's accuracy; this part's
            shares of those of the global batch.
        by_logits: `[b, R, R, R, 1]` each, the generator's loss's gradients at the logits of the generated shapes.
        by_discriminator: the discriminator's loss's gradients at its trainable variables.
    """

    told: tf.Tensor
    by_logits: list[tf.Tensor]
    by_discriminator: list[tf.Tensor]


def judge(
    discriminator: Discriminator,
    options: StepOptions,
    voxels: tf.Tensor,
    logits: list[tf.Tensor],
    labels: tf.Tensor | None,
) -> Judgement:
    """Plays the game on real and on generated shapes.

    A discriminator that judges every shape by itself sends each answer's slope back through its layers, and the two
    sides' slopes differ by one factor a shape: one backward pass then gives both sides' gradients, equal to rounding to
    those of two.

    Args:
        discriminator: the network.
        options: the constants.
        voxels: `[b, R, R, R, 1]` float32, real.
        logits: two of `[b, R, R, R, 1]` float32: the reconstructions', then those of as many new shapes.
        labels: `[b]` int64, or None.
    """
    kind = options.adversarial_loss
    variables = discriminator.trainable_variables
    with tf.GradientTape(persistent=True) as passes:
        passes.watch(logits)
        shown = [*(tf.sigmoid(half) for half in logits), voxels]
        # One after the other: a batch that fits the processor's cache is judged faster than three together.
        answers = [discriminator(shapes, labels, training=True) for shapes in shown]  # [b, 1] each
    with tf.GradientTape(persistent=True) as slopes:
        slopes.watch(answers)
        on_fakes, on_voxels = tf.concat(answers[:2], axis=0), answers[2]
        deceiving = 0.5 * options.batch_mean(generator_loss(on_fakes, kind))
        on_real = discriminator_loss(on_voxels, kind, real=True, label_smoothing=options.label_smoothing)
        telling = options.batch_mean(on_real) + 0.5 * options.batch_mean(discriminator_loss(on_fakes, kind, real=False))
    accuracy = options.share_of_mean(discriminator_accuracy(on_voxels, on_fakes))
    of_deceiving = slopes.gradient(deceiving, answers[:2])
    of_telling = slopes.gradient(telling, answers)
    if discriminator.judges_alone and kind in _NEVER_CONTENT:
        of_telling[:2] = [tf.maximum(slope, _SMALLEST_SLOPE) for slope in of_telling[:2]]
        by_variables, by_logits = passes.gradient(answers, [variables, logits], output_gradients=of_telling)
        for half, (ours, theirs) in enumerate(zip(of_deceiving, of_telling[:2], strict=True)):
            by_logits[half] *= tf.reshape(ours / theirs, [-1, 1, 1, 1, 1])
    else:
        by_variables = passes.gradient(answers, variables, output_gradients=of_telling)
        by_logits = passes.gradient(answers[:2], logits, output_gradients=of_deceiving)
    return Judgement(tf.stack([deceiving, telling, accuracy]), by_logits, by_variables)
