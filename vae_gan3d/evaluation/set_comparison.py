"""Compares samples with real shapes by all metrics, under the names of `metrics.json`."""

import dataclasses
from typing import Any

import numpy as np

from vae_gan3d.evaluation.metrics import (
    SetMetrics,
    chamfer_distances,
    jensen_shannon_divergence,
    set_metrics,
    surface_points,
    voxel_distances,
)
from vae_gan3d.evaluation.shape_set import ShapeSet, evenly_spread
from vae_gan3d.progress import progress_bar

_POINTS = 2048  # on the surface of a shape
# Streams of random numbers: points on real shapes, on samples and on training shapes, and the choice of the latter.
_REAL_POINTS, _SAMPLE_POINTS, _BOUND_POINTS, _BOUND_CHOICE = 0, 1, 2, 3
# Every block of training shapes is compared with all samples, so that small blocks cost time.
_BLOCK_BYTES = 64 * 2**20


@dataclasses.dataclass(frozen=True)
class SetQuality:
    """How a set compares with the real one; a measure that cannot be had is None.

    Attributes:
        voxel_iou: by 1 - IoU, where both sets have two shapes or more and not all are empty.
        chamfer: by the Chamfer distance of 2,048 surface points each, in units of the squared side of the grid.
        jsd: the Jensen-Shannon divergence, in [0, ln 2].
        occupancy: the mean share of occupied voxels.
        empty: the number of shapes without an occupied voxel.
        chamfer_shapes: how many shapes of the set the Chamfer distance was taken of.
    """

    voxel_iou: SetMetrics | None
    chamfer: SetMetrics | None
    jsd: float | None
    occupancy: float
    empty: int
    chamfer_shapes: int


class RealSet:
    """Real shapes, with the distances among them, which every comparison needs."""

    def __init__(self, grids: np.ndarray, *, chamfer_shapes: int, seed: int) -> None:
        """Measures the distances among the shapes.

        Args:
            grids: `[N, R, R, R]` bool, or uint8 in {0, 1}.
            chamfer_shapes: how many shapes of each set the Chamfer distance is taken of, spread evenly over those that
                are not empty; below 2 it is left out.
            seed: of the points on their surfaces.
        """
        self.grids = grids
        self._chamfer_shapes = chamfer_shapes
        self._seed = seed
        self._among = voxel_distances(grids, grids)
        self._clouds = self._sample_clouds(grids, _REAL_POINTS)
        self._among_clouds = _chamfer(self._clouds, None) if len(self._clouds) > 1 else None

    @property
    def occupancy(self) -> float:
        """The mean share of occupied voxels."""
        return float(np.mean(self.grids, dtype=np.float64))

    @property
    def chamfer_shapes(self) -> int:
        """How many of the real shapes the Chamfer distance is taken of."""
        return len(self._clouds)

    def compare(self, grids: np.ndarray, stream: int) -> SetQuality:
        """Compares a set with the real one.

        Args:
            grids: `[M, R, R, R]` bool, or uint8 in {0, 1}. An empty one is at distance 1 from every shape that is not,
                and has no surface, so that the Chamfer distance leaves it out.
            stream: tells the draws of points for different sets apart; 1 or more.

        Returns:
            The measures; all that compare are None where every shape is empty.
        """
        filled = grids.any(axis=(1, 2, 3))
        clouds = self._sample_clouds(grids, stream)
        comparable = filled.any() and self.grids.any()
        return SetQuality(
            voxel_iou=self._by_voxels(grids) if comparable else None,
            chamfer=self._by_clouds(clouds),
            jsd=jensen_shannon_divergence(grids, self.grids) if comparable else None,
            occupancy=float(np.mean(grids, dtype=np.float64)),
            empty=int((~filled).sum()),
            chamfer_shapes=len(clouds),
        )

    def _by_voxels(self, grids: np.ndarray) -> SetMetrics | None:
        if min(len(grids), len(self.grids)) < 2:
            return None
        return set_metrics(voxel_distances(grids, grids), voxel_distances(grids, self.grids), self._among)

    def _by_clouds(self, clouds: np.ndarray) -> SetMetrics | None:
        if self._among_clouds is None or len(clouds) < 2:
            return None
        return set_metrics(_chamfer(clouds, None), _chamfer(clouds, self._clouds), self._among_clouds)

    def _sample_clouds(self, grids: np.ndarray, stream: int) -> np.ndarray:
        """Points on surfaces, `[K, 2048, 3]` float32; K is 0 where none are wanted or every shape is empty."""
        filled = np.flatnonzero(grids.any(axis=(1, 2, 3)))
        if self._chamfer_shapes < 2 or not len(filled):
            return np.empty((0, _POINTS, 3), np.float32)
        generator = np.random.default_rng([self._seed, stream])
        chosen = filled[evenly_spread(len(filled), self._chamfer_shapes)]
        return np.stack([surface_points(grids[number], _POINTS, generator) for number in chosen])


def _chamfer(first: np.ndarray, second: np.ndarray | None) -> np.ndarray:
    """`chamfer_distances` under a bar."""
    total = len(first) + (0 if second is None else len(second))
    with progress_bar(total=total, desc="Chamfer distances", unit="shape") as bar:
        return chamfer_distances(first, second, progress=bar.update)


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


def nearest_training_shapes(grids: np.ndarray, training: ShapeSet) -> tuple[np.ndarray, np.ndarray]:
    """Finds for every shape the training shape with the highest IoU.

    Training shapes are unpacked a block at a time.

    Args:
        grids: `[M, R, R, R]` bool, or uint8 in {0, 1}.
        training: the training shapes, at the same resolution.

    Returns:
        distances: `[M]` float64 in [0, 1], 1 - IoU.
        numbers: `[M]` int64 in [0, training.count), of equally near ones the first.

    Raises:
        ValueError: the grids are not binary, or of another resolution (`voxel_distances`).
    """
    distances, numbers = np.full(len(grids), np.inf), np.zeros(len(grids), np.int64)
    with progress_bar(total=training.count, desc="comparing with training shapes", unit="shape") as bar:
        for block_numbers, block in training.blocks(_BLOCK_BYTES):
            matrix = voxel_distances(grids, block)
            places = matrix.argmin(axis=1)
            found = matrix[np.arange(len(grids)), places]
            nearer = found < distances
            distances[nearer], numbers[nearer] = found[nearer], block_numbers[places[nearer]]
            bar.update(len(block))
    return distances, numbers
