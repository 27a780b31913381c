"""Interpolation between latents, and projection of shapes to latents by optimisation."""

import dataclasses
import itertools
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
import tqdm

from vae_gan3d.progress import progress_bar
from vae_gan3d.training.losses import intersection_over_union, reconstruction_loss

Mix = Callable[[np.ndarray, np.ndarray, float | np.ndarray], np.ndarray]
_LEAST_SINE = 1e-6
_BATCH = 8  # shapes projected at once


def interpolate(first: np.ndarray, second: np.ndarray, alpha: float | np.ndarray) -> np.ndarray:
    """v = α v0 + (1 - α) v1.

    Args:
        first: v0, `[L]` float.
        second: v1, `[L]` float.
        alpha: the share of v0: a number, or `[K]`; outside [0, 1] it extrapolates.

    Returns:
        `[L]`, or `[K, L]`, float32.

    Raises:
        ValueError: the vectors have different shapes.
    """
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"latents of shapes {first.shape} and {second.shape}: give two vectors of the same length")
    share = np.asarray(alpha, np.float32)[..., np.newaxis]
    return share * first + (1 - share) * second


def slerp(first: np.ndarray, second: np.ndarray, alpha: float | np.ndarray) -> np.ndarray:
    """Spherical linear interpolation: v = (sin(αω) v0 + sin((1 - α)ω) v1) / sin ω, ω the angle between v0 and v1.

    Shoemake 1985, "Animating Rotation with Quaternion Curves"; for latents White 2016, "Sampling Generative Networks":
    latents of N(0, I) lie near a sphere, which a straight path leaves. The path is straight if the vectors are (nearly)
    parallel or opposite, or one is zero.

    Args:
        first: v0, `[L]` float.
        second: v1, `[L]` float.
        alpha: as in `interpolate`; outside [0, 1] it continues along the circle.

    Returns:
        `[L]`, or `[K, L]`, float32; v0 at α = 1 and v1 at α = 0.

    Raises:
        ValueError: the vectors have different shapes.
    """
    straight = interpolate(first, second, alpha)
    ends = np.stack([first, second]).astype(np.float64)
    lengths = np.linalg.norm(ends, axis=1, keepdims=True)
    if not lengths.all():
        return straight
    directions = ends / lengths
    # Kahan's formula: unlike the arc cosine it is accurate for nearly parallel vectors.
    angle = 2 * np.arctan2(np.linalg.norm(directions[0] - directions[1]), np.linalg.norm(directions.sum(axis=0)))
    if np.sin(angle) < _LEAST_SINE:
        return straight
    share = np.asarray(alpha, np.float64)[..., np.newaxis]
    mixed = (np.sin(share * angle) * ends[0] + np.sin((1 - share) * angle) * ends[1]) / np.sin(angle)
    return mixed.astype(np.float32)


PATHS: dict[str, Mix] = {"linear": interpolate, "slerp": slerp}


def path_alphas(steps: int) -> np.ndarray:
    """`steps` values of α from 0 (the second shape) to 1 (the first), evenly spaced, as `[steps]` float32.

    Raises:
        ValueError: steps is below 2.
    """
    if steps < 2:
        raise ValueError(f"steps={steps}: a path needs 2 values of alpha or more")
    return np.linspace(0, 1, steps, dtype=np.float32)


def path_through(points: np.ndarray, steps: int, mix: Mix = interpolate) -> np.ndarray:
    """A path from the first of several latents through all of them to the last.

    Args:
        points: `[N, L]` float, N at least 2.
        steps: latents from each point to the next, both included.
        mix: `interpolate` or `slerp`.

    Returns:
        `[(N - 1) (steps - 1) + 1, L]` float32, without duplicates at the points.

    Raises:
        ValueError: there are fewer than two points, or steps is below 2.
    """
    if points.ndim != 2 or len(points) < 2:
        raise ValueError(f"points of shape {points.shape}: give [N, L], N at least 2")
    alphas = path_alphas(steps)
    stretches = [mix(end, start, alphas) for start, end in itertools.pairwise(points)]
    return np.concatenate([stretches[0], *(stretch[1:] for stretch in stretches[1:])])


@dataclasses.dataclass(frozen=True, eq=False)
class Projection:
    """Result of a projection.

    Attributes:
        latents: `[K, L]` float32, the latents with the highest IoU of all steps.
        iou_before: `[K]` float32 in [0, 1], of the first latents.
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
    """Minimises the reconstruction loss of each shape over its latent, with fixed networks.

    Adam (Kingma and Ba 2015) on the binary cross-entropy, started from the encoder's means, as Zhu et al. 2016,
    "Generative Visual Manipulation on the Natural Image Manifold", section 3.1, project photographs. A lower loss does
    not always mean a higher IoU, so the latents with the best IoU of all steps are kept.

    Args:
        generator: maps latents `[B, L]`, and labels `[B]` if given, to logits `[B, R, R, R, 1]`.
        latents: `[K, L]` float32, the start.
        voxels: `[K, R, R, R]` in {0, 1}.
        steps: of Adam, 1 or more.
        learning_rate: of Adam, above 0.
        threshold: of the IoU, in (0, 1).
        labels: `[K]` int64, classes for a conditional generator; else None.

    Raises:
        ValueError: there are no shapes, the arrays do not match, or steps or learning rate are too small.
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
    """The best latents `[B, L]` of shapes `[B, R, R, R, 1]`, and the IoU `[B]` before and after."""
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
    for number in range(steps + 1):  # the last one only measures the result
        tried = moved.numpy()
        found = step().numpy()
        before = before if number else found
        better = found > after
        best, after = np.where(better[:, np.newaxis], tried, best), np.maximum(after, found)
        bar.update()
    return best, before, after
