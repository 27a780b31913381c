"""Losses, gradient penalties and metrics, one pure function each.

Most return one value per sample; the training step sums them and divides by the batch size.

To add a loss: write its function here, enter it in `EXTRA_LOSSES`, and add its weight to `LossConfig`, which makes the
flag.
"""

from collections.abc import Callable

import tensorflow as tf

from vae_gan3d.replicas import this_replica
from vae_gan3d.training.noise import INTERPOLATE_STREAM, interpolated, latent_noise, uniform

_SMALL = 1e-6  # keeps quotients and roots of sums of squares finite at 0


def reconstruction_loss(logits: tf.Tensor, voxels: tf.Tensor, kind: str) -> tf.Tensor:
    """The reconstruction loss of each sample, summed over voxels.

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


def dice_loss(logits: tf.Tensor, voxels: tf.Tensor) -> tf.Tensor:
    """One minus the soft Dice coefficient 2 Σ p v / (Σ p² + Σ v²) (Milletari et al. 2016, V-Net, section 3).

    Args:
        logits: `[B, R, R, R, 1]` float32; p is their sigmoid.
        voxels: `[B, R, R, R, 1]` float32 in [0, 1].

    Returns:
        `[B]` float32 in [0, 1]; 0 for a perfect reconstruction, for shapes of any size.
    """
    probabilities = tf.sigmoid(logits)
    both = tf.reduce_sum(probabilities * voxels, axis=[1, 2, 3, 4])
    either = tf.reduce_sum(tf.square(probabilities) + tf.square(voxels), axis=[1, 2, 3, 4])
    return 1.0 - (2.0 * both + _SMALL) / (either + _SMALL)


# Added to the reconstruction loss with the weight in this field of `LossConfig`; 0 leaves a loss out.
EXTRA_LOSSES: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {"dice_weight": dice_loss}


def kl_weight(step: tf.Tensor, final_weight: float, warmup: int) -> tf.Tensor:
    """The weight β of the KL term; it rises linearly from 0 (Bowman et al. 2016; Sønderby et al. 2016).

    Args:
        step: int64 scalar, steps taken before this one.
        final_weight: the weight from step `warmup` on.
        warmup: steps; 0 gives `final_weight` from the start.

    Returns:
        A float32 scalar in [0, final_weight].
    """
    if warmup == 0:
        return tf.constant(final_weight, tf.float32)
    return final_weight * tf.minimum(1.0, tf.cast(step, tf.float32) / warmup)


def generator_loss(fake_logits: tf.Tensor, kind: str) -> tf.Tensor:
    """The generator's adversarial loss: low if the discriminator takes generated shapes for real.

    Args:
        fake_logits: `[B, 1]` float32, the discriminator's logits of generated shapes.
        kind: `bce`, the non-saturating -log D(fake) (Goodfellow et al. 2014, section 3); `relativistic`, the same for
            `relative_logits`; `hinge` (Lim and Ye 2017) and `wgan-gp` (Gulrajani et al. 2017), minus the logit.

    Returns:
        `[B]` float32.

    Raises:
        ValueError: the kind is not known.
    """
    if kind in ("bce", "relativistic"):
        return tf.nn.softplus(-fake_logits)[:, 0]
    if kind in ("hinge", "wgan-gp"):
        return -fake_logits[:, 0]
    raise _unknown_adversarial_loss(kind)


def discriminator_loss(logits: tf.Tensor, kind: str, *, real: bool, label_smoothing: float = 0.0) -> tf.Tensor:
    """The discriminator's loss for real or for generated shapes.

    Args:
        logits: `[B, 1]` float32.
        kind: `bce`, the binary cross-entropy (Goodfellow et al. 2014, equation 1); `hinge`, max(0, 1 - logit) for
            real and max(0, 1 + logit) for generated shapes (Lim and Ye 2017; Miyato et al. 2018, equation 16);
            `relativistic`, half the cross-entropy of `relative_logits` for each side; `wgan-gp`, minus the logit and
            the logit (Gulrajani et al. 2017, equation 3, without its penalty).
        real: whether the shapes are real.
        label_smoothing: only for `bce`: the target for real shapes is `1 - label_smoothing`; the target for generated
            shapes stays 0, the one-sided form of Salimans et al. 2016, section 3.4.

    Returns:
        `[B]` float32.

    Raises:
        ValueError: the kind is not known, or has no labels to smooth.
    """
    if label_smoothing and kind != "bce":
        raise ValueError(f"label_smoothing={label_smoothing} needs labels, which {kind} does not have: give 0, or bce")
    logits = logits[:, 0]
    if kind == "bce":
        targets = tf.fill(tf.shape(logits), 1.0 - label_smoothing if real else 0.0)
        return tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits)
    if kind == "relativistic":
        return 0.5 * tf.nn.softplus(-logits if real else logits)
    if kind == "hinge":
        return tf.nn.relu(1.0 - logits if real else 1.0 + logits)
    if kind == "wgan-gp":
        return -logits if real else logits
    raise _unknown_adversarial_loss(kind)


def relative_logits(logits: tf.Tensor, others: tf.Tensor, kind: str) -> tf.Tensor:
    """The logits that the adversarial losses take: the differences for `relativistic`, else the logits themselves.

    A relativistic discriminator decides which shape of a pair is real, by the difference of its logits
    (Jolicoeur-Martineau 2019; with gradient penalties on both sides Huang et al. 2024, "The GAN is dead; long live the
    GAN!", equations 2 and 3). Comparing each generated shape with a real one prevents mode dropping.

    Args:
        logits: `[B, 1]` float32, for real or for generated shapes.
        others: `[B, 1]` float32, for their partners of the other side.
        kind: see `generator_loss`.

    Returns:
        `[B, 1]` float32: the differences for `relativistic`, else the logits.
    """
    return logits - others if kind == "relativistic" else logits


def r1_penalty(discriminator: Callable[[tf.Tensor], tf.Tensor], voxels: tf.Tensor) -> tf.Tensor:
    """Half the squared norm of the discriminator's gradient at real shapes (Mescheder et al. 2018, equation 9, γ = 1).

    Args:
        discriminator: maps `[B, R, R, R, 1]` to logits `[B, 1]`.
        voxels: `[B, R, R, R, 1]` float32, real.

    Returns:
        `[B]` float32, 0 or more.
    """
    return 0.5 * _squared_slope(discriminator, voxels)


def gradient_penalty(discriminator: Callable[[tf.Tensor], tf.Tensor], points: tf.Tensor) -> tf.Tensor:
    """(‖gradient‖ - 1)² of the discriminator between real and generated shapes (Gulrajani et al. 2017, equation 3).

    Args:
        discriminator: maps `[B, R, R, R, 1]` to logits `[B, 1]`, each sample by itself: no BatchNorm.
        points: `[B, R, R, R, 1]` float32, see `random_interpolates`.

    Returns:
        `[B]` float32, 0 or more.
    """
    # The square root's slope is infinite at 0, where a discriminator that ignores its input is.
    return tf.square(tf.sqrt(_squared_slope(discriminator, points) + _SMALL) - 1.0)


def random_interpolates(real: tf.Tensor, fakes: tf.Tensor, *, seed: int, step: tf.Tensor) -> tf.Tensor:
    """Random points on the lines from real shapes to generated ones (Gulrajani et al. 2017, algorithm 1).

    Each real shape gets a random generated partner. So reconstructions and new shapes come equally often, and a shape
    rarely gets its own reconstruction, which is too close to it.

    Args:
        real: `[B, R, R, R, 1]` float32 in [0, 1].
        fakes: `[K, R, R, R, 1]` float32 in [0, 1], this replica's generated shapes of this step. With several replicas,
            K is a multiple of B, and partners come from all replicas.
        seed: the run's.
        step: int64 scalar.

    Returns:
        `[B, R, R, R, 1]` float32, a pure function of the arguments and the replica.
    """
    shown = this_replica().whole_batch(fakes, groups=max(1, fakes.shape[0] // real.shape[0]))
    count = shown.shape[0]
    noise = latent_noise((real.shape[0], 2), seed=seed, stream=INTERPOLATE_STREAM, step=step)
    draws = uniform(noise)
    partners = tf.gather(shown, tf.minimum(tf.cast(count * draws[:, 0], tf.int32), count - 1))  # [B, R, R, R, 1]
    return interpolated(real, partners, tf.reshape(draws[:, 1], [-1, 1, 1, 1, 1]))


def adaptive_weight(reconstruction_gradient: tf.Tensor, adversarial_gradient: tf.Tensor, share: float) -> tf.Tensor:
    """The weight that makes the adversarial gradient `share` times as long as the reconstruction gradient.

    λ = share · ‖∇ reconstruction‖ / (‖∇ adversarial‖ + 1e-6), with both gradients at the generator's last layer (Esser
    et al. 2021, VQGAN, equation 7).

    Args:
        reconstruction_gradient: any shape, float32.
        adversarial_gradient: the same shape.
        share: 0 or more.

    Returns:
        A float32 scalar in [0, 10,000]; the bound holds if the adversarial gradient vanishes.
    """
    ratio = tf.norm(reconstruction_gradient) / (tf.norm(adversarial_gradient) + 1e-6)
    return share * tf.clip_by_value(ratio, 0.0, 1e4)


def intersection_over_union(probabilities: tf.Tensor, voxels: tf.Tensor, threshold: float = 0.5) -> tf.Tensor:
    """Intersection over union: voxels occupied in both, divided by voxels occupied in either.

    Args:
        probabilities: `[B, R, R, R, 1]` float in [0, 1]; above the threshold means occupied.
        voxels: `[B, R, R, R, 1]` float, occupied above 0.5.
        threshold: in (0, 1).

    Returns:
        `[B]` float32 in [0, 1]; 1 if both are empty.
    """
    first, second = probabilities > threshold, voxels > 0.5
    both = tf.math.count_nonzero(first & second, axis=[1, 2, 3, 4], dtype=tf.float32)
    either = tf.math.count_nonzero(first | second, axis=[1, 2, 3, 4], dtype=tf.float32)
    return tf.where(either > 0, both / tf.maximum(either, 1.0), 1.0)


def precision(probabilities: tf.Tensor, voxels: tf.Tensor, threshold: float = 0.5) -> tf.Tensor:
    """Precision: the share of predicted voxels that are real.

    Args:
        probabilities: `[B, R, R, R, 1]` float in [0, 1]; above the threshold means predicted.
        voxels: `[B, R, R, R, 1]` float, real above 0.5.
        threshold: in (0, 1).

    Returns:
        `[B]` float32 in [0, 1]. If nothing is predicted: 1 if the real shape is empty too, else 0.
    """
    return _share_of_first(probabilities > threshold, voxels > 0.5)


def recall(probabilities: tf.Tensor, voxels: tf.Tensor, threshold: float = 0.5) -> tf.Tensor:
    """Recall: the share of real voxels that are predicted.

    Args:
        probabilities: `[B, R, R, R, 1]` float in [0, 1]; above the threshold means predicted.
        voxels: `[B, R, R, R, 1]` float, real above 0.5.
        threshold: in (0, 1).

    Returns:
        `[B]` float32 in [0, 1]. If the real shape is empty: 1 if nothing is predicted either, else 0.
    """
    return _share_of_first(voxels > 0.5, probabilities > threshold)


def occupancy(probabilities: tf.Tensor, threshold: float = 0.5) -> tf.Tensor:
    """The share of occupied voxels.

    Args:
        probabilities: `[B, R, R, R, 1]` float in [0, 1]; above the threshold means occupied.
        threshold: in (0, 1).

    Returns:
        `[B]` float32 in [0, 1].
    """
    return tf.reduce_mean(tf.cast(probabilities > threshold, tf.float32), axis=[1, 2, 3, 4])


def discriminator_accuracy(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """The share of shapes classified correctly (logit above 0: real): the mean of real and of generated shapes.

    Args:
        real_logits: `[B, 1]` float32.
        fake_logits: `[B', 1]` float32.

    Returns:
        A float32 scalar in [0, 1].
    """
    real = tf.reduce_mean(tf.cast(real_logits > 0, tf.float32))
    fake = tf.reduce_mean(tf.cast(fake_logits <= 0, tf.float32))
    return 0.5 * (real + fake)


def _squared_slope(discriminator: Callable[[tf.Tensor], tf.Tensor], voxels: tf.Tensor) -> tf.Tensor:
    """The squared norm `[B]` of the gradient of the discriminator's logits at voxels."""
    with tf.GradientTape() as tape:
        tape.watch(voxels)
        score = tf.reduce_sum(discriminator(voxels))
    return tf.reduce_sum(tf.square(tape.gradient(score, voxels)), axis=[1, 2, 3, 4])


def _unknown_adversarial_loss(kind: str) -> ValueError:
    return ValueError(f"adversarial loss {kind!r} is not known: give bce, relativistic, hinge or wgan-gp")


def _share_of_first(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """The share of the first's voxels that are also in the second; without any, 1 if both are empty, else 0."""
    both = tf.math.count_nonzero(first & second, axis=[1, 2, 3, 4], dtype=tf.float32)
    size = tf.math.count_nonzero(first, axis=[1, 2, 3, 4], dtype=tf.float32)
    second_is_empty = tf.logical_not(tf.reduce_any(second, axis=[1, 2, 3, 4]))
    return tf.where(size > 0, both / tf.maximum(size, 1.0), tf.cast(second_is_empty, tf.float32))
