"""The shapes of a record set in memory, bit-packed until they are used."""

from collections.abc import Iterator, Sequence

import numpy as np

from vae_gan3d.data.grids import resize_grid, unpack_grid
from vae_gan3d.data.record_reader import load_packed, read_sources
from vae_gan3d.data.record_set import RecordSet
from vae_gan3d.models.model import Model
from vae_gan3d.progress import progress_bar

_BLOCK_BYTES = 8 * 2**20
_ENCODED = 128  # shapes in memory at once
_SECONDS_WITHOUT_A_BAR = 5


class ShapeSet:
    """Shapes with their classes at one resolution.

    Attributes:
        records: the records; shape i is record i.
        resolution: voxels a side, R.
        labels: `[count]` int64, indices of `records.classes`.
    """

    def __init__(self, records: RecordSet, resolution: int) -> None:
        """Reads every record.

        Args:
            records: the records.
            resolution: R; the shapes are resized to it.

        Raises:
            UserError: a record is damaged, or the stored resolution cannot be resized to R.
        """
        self.records = records
        self.resolution = resolution
        self._packed = load_packed(records, resolution)
        self.labels = self._packed.labels

    @property
    def count(self) -> int:
        """Number of shapes."""
        return len(self.labels)

    def class_names(self, numbers: Sequence[int] | np.ndarray) -> list[str]:
        """Class names of the shapes with these indices."""
        return [self.records.classes[label] for label in self.labels[np.asarray(numbers, np.int64)]]

    def sources(self, numbers: Sequence[int] | np.ndarray) -> list[str]:
        """Source files of the shapes with these indices, relative to the data folder; empty for legacy records.

        Raises:
            UserError: a record is damaged.
        """
        return read_sources(self.records, [int(number) for number in numbers])

    def spread(self, count: int) -> np.ndarray:
        """Indices of `count` shapes, see `evenly_spread`."""
        return evenly_spread(self.count, count)

    def encode(self, model: Model, numbers: np.ndarray) -> np.ndarray:
        """Encodes the shapes with these indices, with a progress bar if it takes long.

        Args:
            model: of the same resolution.
            numbers: `[K]` indices.

        Returns:
            `[K, L]` float32, the means.
        """
        latents = np.empty((len(numbers), model.latent_size), np.float32)
        with progress_bar(total=len(numbers), desc="encoding", unit="shape", delay=_SECONDS_WITHOUT_A_BAR) as bar:
            for start in range(0, len(numbers), _ENCODED):
                chosen = numbers[start : start + _ENCODED]
                latents[start : start + _ENCODED] = model.encode(self.grids(chosen), self.class_names(chosen))
                bar.update(len(chosen))
        return latents

    def grids(self, numbers: Sequence[int] | np.ndarray) -> np.ndarray:
        """Unpacks the shapes with these indices.

        Args:
            numbers: `[K]` indices.

        Returns:
            `[K, R, R, R]` uint8 in {0, 1}.
        """
        grids = np.empty((len(numbers), *[self.resolution] * 3), np.uint8)
        for place, number in enumerate(numbers):
            stored = unpack_grid(self._packed.rows[number].tobytes(), self._packed.resolution)
            grids[place] = resize_grid(stored, self.resolution)
        return grids

    def blocks(self, block_bytes: int = _BLOCK_BYTES) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """All shapes in order, in blocks.

        Args:
            block_bytes: size of a block's unpacked grids; a block has one grid at least.

        Yields:
            Indices `[K]` int64, and grids `[K, R, R, R]` uint8 in {0, 1}.
        """
        step = max(1, block_bytes // self.resolution**3)
        for start in range(0, self.count, step):
            numbers = np.arange(start, min(start + step, self.count))
            yield numbers, self.grids(numbers)


def evenly_spread(total: int, count: int) -> np.ndarray:
    """Indices spread evenly from 0 to total - 1. Records are sorted by class, so every class is represented.

    Args:
        total: 1 or more.
        count: how many at most, 1 or more.

    Returns:
        `[min(total, count)]` int64, ascending.
    """
    return np.linspace(0, total - 1, min(total, count)).astype(np.int64)
