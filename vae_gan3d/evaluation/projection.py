"""Latents by optimisation: what the generator can make of a shape, where the encoder's answer is not good enough."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
import tqdm

from vae_gan3d.progress import progress_bar
from vae_gan3d.training.losses import reconstruction_loss
from vae_gan3d.training.metrics import intersection_over_union

_BATCH = 8


@dataclasses.dataclass(frozen=True, eq=False)
class Projection:
    """Latents, and how well the generator makes the shapes from them.

    Attributes:
        latents: `[K, L]` float32, of those that were met the ones with the highest IoU.
        iou_before: `[K]` float32 in [0, 1], of the latents that the optimisation began with.
        iou_after: `[K]` float32 in [0, 1], of `latents`; never below `iou_before`.
    """

    latents: np.ndarray
    iou_before: np.ndarray
    iou_after: np.ndarray


def project_latents(
    generator: Callable[..., tf.Tensor],
    latents: np.ndarray,
    voxels: np.ndarray,
    *,
    steps: int,
    learning_rate: float = 0.1,
    threshold: float = 0.5,
    labels: np.ndarray | None = None,
) -> Projection:
    """Lowers the reconstruction loss of given shapes over their latents alone, each shape by itself.

    Adam (Kingma and Ba 2015) on the binary cross-entropy, as Zhu et al. 2016, "Generative Visual Manipulation on the
    Natural Image Manifold", section 3.1, project photographs from a network's first guess. The loss and the IoU do not
    fall and rise in step, so the latents of the best IoU along the way are kept.

    Args:
        generator: maps `[B, L]`, and `[B]` labels where these are given, to logits `[B, R, R, R, 1]`; not changed.
        latents: `[K, L]` float32, where the optimisation begins: the encoder's means.
        voxels: `[K, R, R, R]` in {0, 1}.
        steps: of Adam, 1 or more.
        learning_rate: of Adam, above 0.
        threshold: of the IoU, in (0, 1).
        labels: `[K]` int64, classes for a conditional generator, which stay; None for any other.

    Returns:
        The projection.

    Raises:
        ValueError: there are no shapes, the arrays do not fit together, or steps or learning rate are too small.
    """
    if latents.ndim != 2 or not len(latents) or len(latents) != len(voxels):
        raise ValueError(f"latents {latents.shape} and voxels {voxels.shape}: give one latent for each of some shapes")
    if steps < 1 or not learning_rate > 0:
        raise ValueError(f"steps={steps} and learning_rate={learning_rate}: give 1 or more, and a rate above 0")
    starts = range(0, len(latents), _BATCH)
    with progress_bar(total=len(starts) * (steps + 1), desc="projecting", unit="step") as bar:
        parts = [
            _project_batch(
                generator,
                latents[start : start + _BATCH],
                tf.cast(voxels[start : start + _BATCH, ..., np.newaxis], tf.float32),
                () if labels is None else (tf.constant(labels[start : start + _BATCH]),),
                steps=steps,
                learning_rate=learning_rate,
                threshold=threshold,
                bar=bar,
            )
            for start in starts
        ]
    best, before, after = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Projection(best, before, after)


def _project_batch(
    generator: Callable[..., tf.Tensor],
    latents: np.ndarray,
    voxels: tf.Tensor,
    labels: tuple[tf.Tensor, ...],
    *,
    steps: int,
    learning_rate: float,
    threshold: float,
    bar: tqdm.tqdm,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best latents `[B, L]`, and the IoU `[B]` before and after, of shapes `[B, R, R, R, 1]`."""
    moved = tf.Variable(latents, dtype=tf.float32)
    optimizer = keras.optimizers.Adam(learning_rate, beta_2=0.99)
    optimizer.build([moved])

    def take_step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = generator(moved, *labels)
            loss = tf.reduce_sum(reconstruction_loss(logits, voxels, "bce"))
        optimizer.apply([tape.gradient(loss, moved)], [moved])
        return intersection_over_union(tf.sigmoid(logits), voxels, threshold)

    step = tf.function(take_step, autograph=False)
    best, before, after = latents, np.empty(0, np.float32), np.full(len(latents), -1, np.float32)
    for number in range(steps + 1):  # the last one only measures where the steps have led
        tried = moved.numpy()
        found = step().numpy()
        before = before if number else found
        better = found > after
        best, after = np.where(better[:, np.newaxis], tried, best), np.maximum(after, found)
        bar.update()
    return best, before, after
