"""The losses, one pure function each. They give one value a sample; the caller sums and divides by the batch."""

from collections.abc import Callable

import tensorflow as tf


def reconstruction_loss(logits: tf.Tensor, voxels: tf.Tensor, kind: str) -> tf.Tensor:
    """How far a reconstruction is from its voxels, summed over voxels.

    Args:
        logits: `[B, R, R, R, 1]` float32.
        voxels: `[B, R, R, R, 1]` float32 in [0, 1].
        kind: `bce`, the binary cross-entropy in nats, or `mse`, the squared error of the probabilities.

    Returns:
        `[B]` float32, 0 or more.

    Raises:
        ValueError: the kind is not known.
    """
    if kind == "bce":
        errors = tf.nn.sigmoid_cross_entropy_with_logits(labels=voxels, logits=logits)
    elif kind == "mse":
        errors = tf.math.squared_difference(tf.sigmoid(logits), voxels)
    else:
        raise ValueError(f"reconstruction loss {kind!r} is not known: give bce or mse")
    return tf.reduce_sum(errors, axis=[1, 2, 3, 4])


def kl_divergence(mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
    """KL(N(mean, exp(log_variance)) || N(0, I)) in nats, summed over dimensions (Kingma and Welling 2014, appendix B).

    Args:
        mean: `[B, L]` float32.
        log_variance: `[B, L]` float32.

    Returns:
        `[B]` float32, 0 or more.
    """
    return 0.5 * tf.reduce_sum(tf.square(mean) + tf.exp(log_variance) - 1.0 - log_variance, axis=-1)


def generator_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """The non-saturating loss -log D(fake) (Goodfellow et al. 2014, section 3).

    Args:
        fake_logits: `[B, 1]` float32, the discriminator's for generated shapes.

    Returns:
        `[B]` float32, above 0.
    """
    return tf.nn.softplus(-fake_logits)[:, 0]


def discriminator_loss(logits: tf.Tensor, *, real: bool, label_smoothing: float = 0.0) -> tf.Tensor:
    """The binary cross-entropy of the discriminator's answer (Goodfellow et al. 2014, equation 1).

    Args:
        logits: `[B, 1]` float32.
        real: whether the shapes are real.
        label_smoothing: the target for real shapes is `1 - label_smoothing`; that for generated ones stays 0, the
            one-sided form of Salimans et al. 2016, section 3.4.

    Returns:
        `[B]` float32, above 0.
    """
    target = 1.0 - label_smoothing if real else 0.0
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.fill(tf.shape(logits), target), logits=logits)
    return losses[:, 0]


def r1_penalty(discriminator: Callable[[tf.Tensor], tf.Tensor], voxels: tf.Tensor) -> tf.Tensor:
    """Half the squared norm of the discriminator's gradient at real shapes (Mescheder et al. 2018, equation 9, γ = 1).

    Args:
        discriminator: maps `[B, R, R, R, 1]` to logits `[B, 1]`.
        voxels: `[B, R, R, R, 1]` float32, real.

    Returns:
        `[B]` float32, 0 or more.
    """
    with tf.GradientTape() as tape:
        tape.watch(voxels)
        score = tf.reduce_sum(discriminator(voxels))
    gradient = tape.gradient(score, voxels)
    return 0.5 * tf.reduce_sum(tf.square(gradient), axis=[1, 2, 3, 4])


def adaptive_weight(reconstruction_gradient: tf.Tensor, adversarial_gradient: tf.Tensor, share: float) -> tf.Tensor:
    """The factor that gives the adversarial gradient `share` times the reconstruction gradient's norm.

    Both gradients are those of the generator's last layer (Esser et al. 2021, VQGAN, equation 7).

    Args:
        reconstruction_gradient: any shape, float32.
        adversarial_gradient: the same shape.
        share: 0 or more.

    Returns:
        A float32 scalar in [0, 10,000], which bounds it where the adversarial gradient vanishes.
    """
    ratio = tf.norm(reconstruction_gradient) / (tf.norm(adversarial_gradient) + 1e-6)
    return share * tf.clip_by_value(ratio, 0.0, 1e4)
