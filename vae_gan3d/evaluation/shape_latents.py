"""The latents of given shapes: the encoder's, or better ones by optimisation, and how good they are."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from vae_gan3d.evaluation.poor_reconstructions import note_poor_reconstructions
from vae_gan3d.evaluation.projection import project_latents
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.training.metrics import intersection_over_union
from vae_gan3d.wording import counted


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
    """Encodes shapes, with a line on the terminal on how good the reconstruction of each is, and a note on bad ones.

    Args:
        model: the trained model.
        voxels: `[N, R, R, R]` in {0, 1}.
        labels: `[N]` int64, their classes as a conditional model counts them; None for other models.
        names: of the shapes on the command line, for those lines.
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
            f"{before:.3f}, after {counted(project, 'step')} of projection {after:.3f}"
            for before, after in zip(found.iou_before, found.iou_after, strict=True)
        ]
        latents, overlaps = found.latents, found.iou_after
    else:
        overlaps = reconstruction_overlaps(model, latents, voxels, labels, threshold)
        texts = [f"{overlap:.3f}" for overlap in overlaps]
    for name, text in zip(names, texts, strict=True):
        print(f"reconstruction of {name}: IoU {text}")
    note_poor_reconstructions(names, overlaps, project=project)
    return latents


def reconstruction_overlaps(
    model: TrainedModel,
    latents: np.ndarray,
    voxels: np.ndarray,
    labels: np.ndarray | None = None,
    threshold: float = 0.5,
) -> np.ndarray:
    """How much of shapes is in what the generator makes of their latents.

    Args:
        model: the trained model.
        latents: `[N, L]` float32, N at least 1.
        voxels: `[N, R, R, R]` in {0, 1}.
        labels: `[N]` int64, their classes as a conditional model counts them; None for other models.
        threshold: voxels above this probability count as occupied.

    Returns:
        `[N]` float32, the IoU of each.
    """
    probabilities = tf.constant(model.generate(latents, labels)[..., np.newaxis], tf.float32)
    occupied = tf.constant(voxels[..., np.newaxis], tf.float32)
    return intersection_over_union(probabilities, occupied, threshold).numpy()
