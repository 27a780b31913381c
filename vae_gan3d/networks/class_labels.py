"""Class labels as networks take them: numbers of classes, or shares of several, and a learned vector for each class."""

import keras
import tensorflow as tf

from vae_gan3d.networks.spectral_norm import SpectralDense


def class_shares(labels: tf.Tensor | None, classes: int) -> tf.Tensor | None:
    """Labels as shares of the classes, of which a layer without bias makes a mixture of the classes' vectors.

    Args:
        labels: `[B]` integer in [0, classes), or `[B, classes]` float shares for what lies between classes; None for a
            network that is not conditional.
        classes: how many the network knows; 0 where it is not conditional.

    Returns:
        `[B, classes]` float32, or None where `classes` is 0.

    Raises:
        ValueError: labels are missing, superfluous, or of another shape.
    """
    if classes == 0:
        if labels is not None:
            raise ValueError("labels are given to a network without classes: leave them out, or build it with classes")
        return None
    if labels is None:
        raise ValueError(f"labels are missing, and the network is conditional on {classes} classes: give one a shape")
    given = tf.convert_to_tensor(labels)
    if given.dtype.is_integer and given.shape.rank == 1:
        return tf.one_hot(given, classes)
    if given.dtype.is_floating and given.shape.rank == 2 and given.shape[1] == classes:
        return tf.cast(given, tf.float32)
    raise ValueError(
        f"labels {given.dtype.name} of shape {given.shape}: give [B] integer, or [B, {classes}] float shares of classes"
    )


def class_vectors(
    size: int,
    initializer: str | keras.initializers.Initializer = "glorot_uniform",
    *,
    spectral_normalization: bool = False,
) -> keras.layers.Dense:
    """The layer of a learned vector for each class: shares `[B, classes]` to their mixture `[B, size]` float32."""
    dense = SpectralDense if spectral_normalization else keras.layers.Dense
    return dense(size, use_bias=False, kernel_initializer=initializer, dtype="float32", name="classes")


def check_classes(classes: int) -> None:
    """Refuses a number of classes that a network cannot be conditional on.

    Raises:
        ValueError: it is 1, or below 0.
    """
    if classes < 0 or classes == 1:
        raise ValueError(f"classes={classes}: give 2 or more, or 0 for a network that is not conditional")
