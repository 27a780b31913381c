"""Training shapes with their latents: those nearest to a place in the latent space."""

import dataclasses

import numpy as np

from vae_gan3d.evaluation.metrics import voxel_distances
from vae_gan3d.evaluation.neighbors import cosine_distances, nearest
from vae_gan3d.evaluation.shape_set import ShapeSet
from vae_gan3d.models.model import Model
from vae_gan3d.records.record_set import RecordSet


@dataclasses.dataclass(frozen=True, eq=False)
class Neighbor:
    """A training shape beside another shape.

    Attributes:
        index: of its record.
        class_name: its class.
        source: the file that it came from, or empty.
        cosine: of the angle between the two latents.
        iou: of the two shapes.
        grid: `[R, R, R]` uint8 in {0, 1}.
    """

    index: int
    class_name: str
    source: str
    cosine: float
    iou: float
    grid: np.ndarray


class TrainingShapes:
    """The shapes of a set of records, and the encoder's mean of each.

    Attributes:
        latents: `[count, L]` float32.
    """

    def __init__(self, model: Model, records: RecordSet) -> None:
        """Reads and encodes every record, with a bar where that takes some seconds.

        Args:
            model: with an encoder.
            records: at least one shape; of the model's classes where that is conditional.

        Raises:
            UserError: a record is damaged, or the model's resolution cannot be reached from theirs.
        """
        self._shapes = ShapeSet(records, model.resolution)
        self.latents = self._shapes.encode(model, np.arange(self._shapes.count))

    @property
    def count(self) -> int:
        """The number of shapes."""
        return self._shapes.count

    def grid(self, index: int) -> np.ndarray:
        """One shape, `[R, R, R]` uint8 in {0, 1}."""
        return self._shapes.grids([index])[0]

    def class_name(self, index: int) -> str:
        """The class of one shape."""
        return self._shapes.class_names([index])[0]

    def nearest(self, latent: np.ndarray, occupied: np.ndarray, count: int) -> list[Neighbor]:
        """The shapes whose latents lie nearest to one, by the angle between the two.

        Args:
            latent: `[L]` float32.
            occupied: `[R, R, R]` bool, the shape that is generated from it.
            count: how many.

        Returns:
            As many, nearest first; fewer where there are no more.
        """
        distances = cosine_distances(latent, self.latents)
        numbers = nearest(distances, count)
        grids = self._shapes.grids(numbers)
        overlaps = 1 - voxel_distances(occupied[np.newaxis], grids)[0]
        sources = self._shapes.sources(numbers)
        names = self._shapes.class_names(numbers)
        return [
            Neighbor(int(number), name, source, float(1 - distances[number]), float(overlap), grid)
            for number, name, source, overlap, grid in zip(numbers, names, sources, overlaps, grids, strict=True)
        ]
