"""The latents of given shapes: the encoder's, or better ones by optimisation, and how good they are."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from vae_gan3d.evaluation.projection import project_latents
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.training.metrics import intersection_over_union


def find_latents(
    model: TrainedModel,
    voxels: np.ndarray,
    labels: np.ndarray | None,
    names: Sequence[str],
    *,
    project: int = 0,
    threshold: float = 0.5,
    noise_seed: int | None = None,
) -> np.ndarray:
    """Encodes shapes, with a line on the terminal on how good the reconstruction of each is.

    Args:
        model: the trained model.
        voxels: `[N, R, R, R]` in {0, 1}.
        labels: `[N]` int64, their classes as a conditional model counts them; None for other models.
        names: of the shapes, for those lines.
        project: steps of the optimisation that improves the encoder's latents; 0 for none.
        threshold: voxels above this probability count as occupied.
        noise_seed: adds the encoder's noise, drawn by this seed; None gives the means.

    Returns:
        `[N, L]` float32.

    Raises:
        ValueError: as `TrainedModel.posterior`.
    """
    latents = model.encode(voxels, labels, noise_seed=noise_seed)
    if project:
        found = project_latents(
            model.networks.generator, latents, voxels, steps=project, threshold=threshold, labels=labels
        )
        texts = [
            f"{before:.3f}, after {project} steps of projection {after:.3f}"
            for before, after in zip(found.iou_before, found.iou_after, strict=True)
        ]
        latents = found.latents
    else:
        probabilities = tf.constant(model.generate(latents, labels)[..., np.newaxis])
        occupied = tf.constant(voxels[..., np.newaxis], tf.float32)
        overlaps = intersection_over_union(probabilities, occupied, threshold).numpy()
        texts = [f"{overlap:.3f}" for overlap in overlaps]
    for name, text in zip(names, texts, strict=True):
        print(f"reconstruction of {name}: IoU {text}")
    return latents
