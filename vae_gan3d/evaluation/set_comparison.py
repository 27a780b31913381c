"""Compares a set of samples with a set of real shapes by all metrics of `metrics.json`."""

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
# Streams of random numbers: points on real shapes, on samples, on the bound's shapes; and the choice of those shapes.
_REAL_POINTS, _SAMPLE_POINTS, _BOUND_POINTS, _BOUND_CHOICE = 0, 1, 2, 3
_BLOCK_BYTES = 64 * 2**20  # of training shapes; smaller blocks are slower, because each is compared with all samples


@dataclasses.dataclass(frozen=True)
class SetQuality:
    """Metrics of a set against the real set; None for a metric that is undefined.

    Attributes:
        voxel_iou: by 1 - IoU; needs two shapes or more in both sets, not all of them empty.
        chamfer: by the Chamfer distance of 2,048 surface points for each shape, in units of the grid's side squared.
        jsd: Jensen-Shannon divergence, in [0, ln 2].
        occupancy: mean share of occupied voxels.
        empty: number of shapes without an occupied voxel.
        chamfer_shapes: number of shapes in the Chamfer metrics.
    """

    voxel_iou: SetMetrics | None
    chamfer: SetMetrics | None
    jsd: float | None
    occupancy: float
    empty: int
    chamfer_shapes: int


class RealSet:
    """Real shapes and the distances among them, which every comparison needs."""

    def __init__(self, grids: np.ndarray, *, chamfer_shapes: int, seed: int) -> None:
        """Computes the distances among the shapes.

        Args:
            grids: `[N, R, R, R]` bool, or uint8 in {0, 1}.
            chamfer_shapes: how many shapes of each set to compare by the Chamfer distance, spread evenly over the
                shapes that are not empty; below 2 leaves it out.
            seed: of the surface points.
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
        """Number of real shapes in the Chamfer metrics."""
        return len(self._clouds)

    def compare(self, grids: np.ndarray, stream: int) -> SetQuality:
        """Compares a set with the real set.

        Args:
            grids: `[M, R, R, R]` bool, or uint8 in {0, 1}. An empty shape has voxel distance 1 from every other shape.
                It has no surface, so the Chamfer metrics leave it out.
            stream: of random surface points, one for each set; 1 or more.

        Returns:
            The metrics; those of distances are None if every shape is empty.
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
        """Surface points `[K, 2048, 3]` float32; K is 0 without Chamfer metrics, or if every shape is empty."""
        filled = np.flatnonzero(grids.any(axis=(1, 2, 3)))
        if self._chamfer_shapes < 2 or not len(filled):
            return np.empty((0, _POINTS, 3), np.float32)
        generator = np.random.default_rng([self._seed, stream])
        chosen = filled[evenly_spread(len(filled), self._chamfer_shapes)]
        return np.stack([surface_points(grids[number], _POINTS, generator) for number in chosen])


def _chamfer(first: np.ndarray, second: np.ndarray | None) -> np.ndarray:
    """`chamfer_distances` with a progress bar."""
    total = len(first) + (0 if second is None else len(second))
    with progress_bar(total=total, desc="Chamfer distances", unit="shape") as bar:
        return chamfer_distances(first, second, progress=bar.update)


@dataclasses.dataclass(frozen=True, eq=False)
class SampleMeasures:
    """Result of `measure_samples`.

    Attributes:
        entries: of `metrics.json`.
        neighbors: `[M]` int64, index of the training shape nearest to each sample; None without training shapes.
    """

    entries: dict[str, Any]
    neighbors: np.ndarray | None


def measure_samples(
    samples: np.ndarray, real: np.ndarray, training: ShapeSet | None, *, chamfer_shapes: int, seed: int
) -> SampleMeasures:
    """Compares samples with test shapes, and both with training shapes.

    The bound is the score of the same number of training shapes, drawn without replacement.

    Args:
        samples: `[M, R, R, R]` bool.
        real: test shapes, `[N, R, R, R]` uint8 in {0, 1}.
        training: training shapes at the same resolution, or None.
        chamfer_shapes: see `RealSet`.
        seed: of the surface points, and of the choice of the bound's shapes.

    Returns:
        The metrics; those of distances to samples are None if every sample is empty.
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
    """Mean distances of samples and of test shapes to the nearest training shape; and the nearest to each sample."""
    if training is None:
        return {"nearest_train_distance": None, "nearest_train_distance_real": None}, None
    distances, neighbors = nearest_training_shapes(samples, training)
    real_distances, _ = nearest_training_shapes(real, training)
    return {
        "nearest_train_distance": float(distances.mean()) if samples.any() else None,
        "nearest_train_distance_real": float(real_distances.mean()),
    }, neighbors


def _set_entries(quality: SetQuality) -> dict[str, Any]:
    """The entries `one_nna`, `coverage` and `mmd`, each with `voxel_iou` and `chamfer`; and `jsd`."""
    distances = {"voxel_iou": quality.voxel_iou, "chamfer": quality.chamfer}
    return {
        measure: {name: None if found is None else getattr(found, measure) for name, found in distances.items()}
        for measure in ("one_nna", "coverage", "mmd")
    } | {"jsd": quality.jsd}


def nearest_training_shapes(grids: np.ndarray, training: ShapeSet) -> tuple[np.ndarray, np.ndarray]:
    """Finds the training shape with the highest IoU for each shape. Unpacks training shapes in blocks.

    Args:
        grids: `[M, R, R, R]` bool, or uint8 in {0, 1}.
        training: the training shapes, at the same resolution.

    Returns:
        distances: `[M]` float64 in [0, 1], 1 - IoU.
        numbers: `[M]` int64, index of the training shape; of equally near ones the first.

    Raises:
        ValueError: the grids are not binary, or have another resolution (`voxel_distances`).
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
