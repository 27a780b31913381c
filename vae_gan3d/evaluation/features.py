"""What a trunk sees in a shape, as one vector: the outputs of its last stages, max-pooled and put in a row."""

import numpy as np
import tensorflow as tf

from vae_gan3d.networks.trunk import Trunk

_STAGES = 3
_POOLED_SIDE = 2


def pooled_features(trunk: Trunk, voxels: tf.Tensor) -> tf.Tensor:
    """The outputs of the last three stages, each max-pooled to 2^3 (Wu et al. 2016, section 4.2).

    The published discriminator has stages of 32^3, 16^3, 8^3 and 4^3: the second to the fourth are pooled with kernels
    of 8, 4 and 2. At any resolution from 32^3 the last three stages have these sides. At 16^3 there are but two.

    Args:
        trunk: of an encoder or a discriminator.
        voxels: `[B, R, R, R, 1]` float in [0, 1].

    Returns:
        `[B, F]` float32, the outer stage first. F is 8 times the stages' channels: 896 at 32^3 and base width 16, 7,168
        for the published discriminator.
    """
    rows = []
    for stage in trunk.features(voxels)[-_STAGES:]:
        kernel = stage.shape[1] // _POOLED_SIDE
        pooled = tf.nn.max_pool3d(tf.cast(stage, tf.float32), kernel, kernel, "VALID")  # [B, 2, 2, 2, C]
        rows.append(tf.reshape(pooled, [-1, _POOLED_SIDE**3 * stage.shape[-1]]))
    return tf.concat(rows, axis=-1)


def trunk_features(trunk: Trunk, grids: np.ndarray, *, batch_size: int = 32) -> np.ndarray:
    """`pooled_features` of many shapes, a batch at a time.

    Args:
        trunk: of an encoder or a discriminator.
        grids: `[K, R, R, R]` in [0, 1], bool, integer or float; K is 1 or more.
        batch_size: shapes a batch; it changes the memory, not the features.

    Returns:
        `[K, F]` float32.

    Raises:
        ValueError: there are no shapes, or the batch size is below 1.
    """
    if len(grids) < 1 or batch_size < 1:
        raise ValueError(f"{len(grids)} shapes in batches of {batch_size}: give 1 or more of each")
    signature = [tf.TensorSpec([None, *grids.shape[1:], 1], tf.float32)]
    features = tf.function(lambda voxels: pooled_features(trunk, voxels), signature, autograph=False)
    parts = [
        features(tf.cast(grids[start : start + batch_size, ..., np.newaxis], tf.float32)).numpy()
        for start in range(0, len(grids), batch_size)
    ]
    return np.concatenate(parts)
