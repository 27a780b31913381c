"""How sets of shapes compare with one set of real shapes, by voxels and by points on their surfaces."""

import dataclasses

import numpy as np

from vae_gan3d.evaluation.chamfer_distances import chamfer_distances
from vae_gan3d.evaluation.set_metrics import SetMetrics, jensen_shannon_divergence, set_metrics
from vae_gan3d.evaluation.shape_set import evenly_spread
from vae_gan3d.evaluation.surface_points import surface_points
from vae_gan3d.evaluation.voxel_distances import voxel_distances
from vae_gan3d.progress import progress_bar

_POINTS = 2048
_REAL_STREAM = 0


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
        self._clouds = self._sample_clouds(grids, _REAL_STREAM)
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
