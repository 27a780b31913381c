"""How networks fade from the ends of half their resolution to their own (Karras et al. 2018, "Progressive Growing of
GANs for Improved Quality, Stability, and Variation", section 2 and figure 2).

A network that has grown holds two ends on the side of the voxels: its own, and those of the smaller network that it
grew out of, which see voxels of half the resolution. Both are added up, by a share that rises from 0 to 1.
"""

import keras
import tensorflow as tf

from vae_gan3d.networks.blocks import stage_count


def check_grown(grown: bool, resolution: int) -> None:
    """Refuses a network that has grown to where there is no smaller one.

    Raises:
        ValueError: the resolution is not 4 times a power of two, or has no half of which networks are built.
    """
    if grown and stage_count(resolution) < 2:
        raise ValueError(f"resolution={resolution} has no half to have grown out of: give 16 or more")


def fade_variable(layer: keras.layers.Layer) -> keras.Variable:
    """The share in [0, 1] of a layer's own end; 1 until it is set. It is not trained, and saved with the weights."""
    return layer.add_weight(
        shape=(),
        initializer="ones",
        trainable=False,
        autocast=False,
        aggregation="only_first_replica",
        name="fade",
    )


def faded(before: tf.Tensor, own: tf.Tensor, fade: keras.Variable) -> tf.Tensor:
    """`(1 - fade) before + fade own`, for two tensors of one shape and type."""
    share = tf.cast(tf.convert_to_tensor(fade), own.dtype)
    return (1 - share) * before + share * own


def halve_grids(voxels: tf.Tensor) -> tf.Tensor:
    """`[B, 2N, 2N, 2N, 1]` to `[B, N, N, N, 1]` by the largest of eight, as records of a smaller resolution are read.

    It is differentiable twice; voxels that are equally large share the gradient.
    """
    cells = voxels.shape[1] // 2
    # One axis after the other: the gradient of a maximum over three does not run on a CPU.
    largest = tf.reduce_max(tf.reshape(voxels, [-1, 2, 4 * cells**2]), axis=1)  # [BN, 2N 2N]
    largest = tf.reduce_max(tf.reshape(largest, [-1, 2, 2 * cells]), axis=1)  # [BNN, 2N]
    largest = tf.reduce_max(tf.reshape(largest, [-1, 2]), axis=1)  # [BNNN]
    return tf.reshape(largest, [-1, cells, cells, cells, 1])


def double_grids(values: tf.Tensor) -> tf.Tensor:
    """`[B, N, N, N, 1]` to `[B, 2N, 2N, 2N, 1]`: eight equal voxels for each."""
    for axis in (3, 2, 1):
        values = tf.repeat(values, 2, axis=axis)
    return values
