"""Training shapes with their latents: those nearest to a place in the latent space."""

import dataclasses

import numpy as np

from vae_gan3d.evaluation.latent_encoding import encode_shapes
from vae_gan3d.evaluation.model_labels import model_labels
from vae_gan3d.evaluation.shape_neighbors import cosine_distances, nearest
from vae_gan3d.evaluation.shape_set import ShapeSet
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.evaluation.voxel_distances import voxel_distances
from vae_gan3d.records.record_set import RecordSet
from vae_gan3d.records.record_sources import read_sources


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

    def __init__(self, model: TrainedModel, records: RecordSet) -> None:
        """Reads and encodes every record, with a bar where that takes some seconds.

        Args:
            model: with an encoder.
            records: at least one shape; of the model's classes where that is conditional.

        Raises:
            UserError: a record is damaged, or the model's resolution cannot be reached from theirs.
        """
        self._shapes = ShapeSet(records, model.config.resolution)
        self.latents = encode_shapes(model, self._shapes, np.arange(self._shapes.count))
        self._model_labels = model_labels(model.config, records.classes, self._shapes.labels)

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

    def label(self, index: int) -> int | None:
        """The class of one shape as a conditional model counts them; None for other models."""
        return None if self._model_labels is None else int(self._model_labels[index])

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
        sources = read_sources(self._shapes.records, numbers.tolist())
        names = self._shapes.class_names(numbers)
        return [
            Neighbor(int(number), name, source, float(1 - distances[number]), float(overlap), grid)
            for number, name, source, overlap, grid in zip(numbers, names, sources, overlaps, grids, strict=True)
        ]
