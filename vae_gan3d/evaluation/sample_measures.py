"""All measures of a model's samples beside test and training shapes, under the names of `metrics.json`."""

import dataclasses
from typing import Any

import numpy as np

from vae_gan3d.evaluation.nearest_training_shapes import nearest_training_shapes
from vae_gan3d.evaluation.set_comparison import RealSet, SetQuality
from vae_gan3d.evaluation.shape_set import ShapeSet

# Chance that must not be alike: points on the surfaces of samples and of training shapes, and the latter's choice.
_SAMPLE_POINTS, _BOUND_POINTS, _BOUND_CHOICE = 1, 2, 3


@dataclasses.dataclass(frozen=True, eq=False)
class SampleMeasures:
    """What was found.

    Attributes:
        entries: of `metrics.json`.
        neighbors: `[M]` int64, each sample's nearest training shape; None without training shapes.
    """

    entries: dict[str, Any]
    neighbors: np.ndarray | None


def measure_samples(
    samples: np.ndarray, real: np.ndarray, training: ShapeSet | None, *, chamfer_shapes: int, seed: int
) -> SampleMeasures:
    """Compares samples with test shapes, and both with training shapes.

    The bound is what as many training shapes score in the samples' place; they are drawn without replacement.

    Args:
        samples: `[M, R, R, R]` bool.
        real: test shapes, `[N, R, R, R]` uint8 in {0, 1}.
        training: training shapes at the same resolution, or None.
        chamfer_shapes: see `RealSet`.
        seed: of the points and of the bound's shapes.

    Returns:
        The measures. Those that compare samples are None where every sample is empty.
    """
    real_set = RealSet(real, chamfer_shapes=chamfer_shapes, seed=seed)
    quality = real_set.compare(samples, _SAMPLE_POINTS)
    bound = None
    if training is not None:
        generator = np.random.default_rng([seed, _BOUND_CHOICE])
        chosen = generator.choice(training.count, min(len(samples), training.count), replace=False)
        bound = real_set.compare(training.grids(np.sort(chosen)), _BOUND_POINTS)
    sizes = {"samples": len(samples), "test_shapes": len(real)}
    sizes |= {"chamfer_samples": quality.chamfer_shapes, "chamfer_test_shapes": real_set.chamfer_shapes}
    if training is not None:
        sizes |= {"bound_shapes": len(chosen), "training_shapes": training.count}
    copies, neighbors = _measure_copies(samples, real, training)
    entries = {
        "occupancy_generated": quality.occupancy,
        "occupancy_real": real_set.occupancy,
        "empty_samples": quality.empty,
        **_set_entries(quality),
        **copies,
        "bound": None if bound is None else {**_set_entries(bound), "occupancy": bound.occupancy},
        "sizes": sizes,
    }
    return SampleMeasures(entries, neighbors)


def _measure_copies(
    samples: np.ndarray, real: np.ndarray, training: ShapeSet | None
) -> tuple[dict[str, float | None], np.ndarray | None]:
    """The mean distances of samples and of test shapes to the nearest training shape, and the samples' ones."""
    if training is None:
        return {"nearest_train_distance": None, "nearest_train_distance_real": None}, None
    distances, neighbors = nearest_training_shapes(samples, training)
    real_distances, _ = nearest_training_shapes(real, training)
    return {
        "nearest_train_distance": float(distances.mean()) if samples.any() else None,
        "nearest_train_distance_real": float(real_distances.mean()),
    }, neighbors


def _set_entries(quality: SetQuality) -> dict[str, Any]:
    """`one_nna`, `coverage` and `mmd`, each with `voxel_iou` and `chamfer`, and `jsd`."""
    distances = {"voxel_iou": quality.voxel_iou, "chamfer": quality.chamfer}
    return {
        measure: {name: None if found is None else getattr(found, measure) for name, found in distances.items()}
        for measure in ("one_nna", "coverage", "mmd")
    } | {"jsd": quality.jsd}
