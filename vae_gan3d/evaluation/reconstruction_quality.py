"""How well a model reconstructs shapes."""

import dataclasses

import numpy as np
import tensorflow as tf

from vae_gan3d.evaluation.model_labels import model_labels
from vae_gan3d.evaluation.shape_set import ShapeSet
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.progress import progress_bar
from vae_gan3d.training.metrics import intersection_over_union, precision, recall


@dataclasses.dataclass(frozen=True, eq=False)
class ReconstructionQuality:
    """Measures of every shape of a set, see `training.metrics`.

    Attributes:
        iou: `[N]` float32 in [0, 1].
        precision: `[N]` float32 in [0, 1].
        recall: `[N]` float32 in [0, 1].
    """

    iou: np.ndarray
    precision: np.ndarray
    recall: np.ndarray

    def worst(self, count: int) -> np.ndarray:
        """The numbers of the shapes with the lowest IoU, lowest first; of equal ones the first in the set.

        Args:
            count: how many.

        Returns:
            `[min(count, N)]` int64.
        """
        return np.argsort(self.iou, kind="stable")[:count]


def reconstruct(
    model: TrainedModel, grids: np.ndarray, threshold: float, labels: np.ndarray | None = None
) -> np.ndarray:
    """The shapes that the generator makes of the encoder's means.

    Args:
        model: the trained model.
        grids: `[K, R, R, R]` uint8 in {0, 1}.
        threshold: voxels above this probability count as occupied.
        labels: `[K]` int64, their classes as a conditional model counts them; None for other models.

    Returns:
        `[K, R, R, R]` bool.
    """
    return model.generate(model.encode(grids, labels), labels) > threshold


def reconstruction_quality(model: TrainedModel, shapes: ShapeSet, threshold: float) -> ReconstructionQuality:
    """Reconstructs every shape of a set and measures the result.

    Args:
        model: the trained model.
        shapes: at the model's resolution.
        threshold: voxels above this probability count as occupied.

    Returns:
        The measures, in the order of the set.
    """
    measures = (intersection_over_union, precision, recall)
    parts: list[list[np.ndarray]] = [[] for _ in measures]
    with progress_bar(total=shapes.count, desc="reconstructing", unit="shape") as bar:
        for numbers, grids in shapes.blocks():
            labels = model_labels(model.config, shapes.records.classes, shapes.labels[numbers])
            occupied = tf.constant(reconstruct(model, grids, threshold, labels)[..., np.newaxis], tf.float32)
            voxels = tf.constant(grids[..., np.newaxis], tf.float32)
            for measure, part in zip(measures, parts, strict=True):
                part.append(measure(occupied, voxels).numpy())
            bar.update(len(grids))
    return ReconstructionQuality(*(np.concatenate(part) for part in parts))
