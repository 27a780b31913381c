"""The shapes of a set of records in memory, as bits until they are asked for."""

from collections.abc import Iterator, Sequence

import numpy as np

from vae_gan3d.data.grids import resize_grid, unpack_grid
from vae_gan3d.data.record_reader import load_packed, read_sources
from vae_gan3d.data.record_set import RecordSet
from vae_gan3d.models.model import Model
from vae_gan3d.progress import progress_bar

_BLOCK_BYTES = 8 * 2**20
_ENCODED = 128  # shapes unpacked at a time
_SECONDS_WITHOUT_A_BAR = 5


class ShapeSet:
    """Shapes with their classes, at one resolution.

    Attributes:
        records: where they came from; shape i is record i.
        resolution: voxels a side, R.
        labels: `[count]` int64, positions in `records.classes`.
    """

    def __init__(self, records: RecordSet, resolution: int) -> None:
        """Reads every record.

        Args:
            records: the records.
            resolution: the wanted side R.

        Raises:
            UserError: a record is damaged, or the resolution cannot be reached from the stored one.
        """
        self.records = records
        self.resolution = resolution
        self._packed = load_packed(records, resolution)
        self.labels = self._packed.labels

    @property
    def count(self) -> int:
        """The number of shapes."""
        return len(self.labels)

    def class_names(self, numbers: Sequence[int] | np.ndarray) -> list[str]:
        """The class of each of some shapes."""
        return [self.records.classes[label] for label in self.labels[np.asarray(numbers, np.int64)]]

    def sources(self, numbers: Sequence[int] | np.ndarray) -> list[str]:
        """The file that each of some shapes came from, relative to the data folder; empty for legacy records.

        Raises:
            UserError: a record is damaged.
        """
        return read_sources(self.records, [int(number) for number in numbers])

    def spread(self, count: int) -> np.ndarray:
        """The numbers of `count` shapes, evenly spread; all if there are fewer. See `evenly_spread`."""
        return evenly_spread(self.count, count)

    def encode(self, model: Model, numbers: np.ndarray) -> np.ndarray:
        """Encodes some shapes, with a progress bar if it takes long.

        Args:
            model: of the same resolution.
            numbers: `[K]` integer in [0, count).

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
        """Unpacks some shapes.

        Args:
            numbers: K of them, in [0, count).

        Returns:
            `[K, R, R, R]` uint8 in {0, 1}.
        """
        grids = np.empty((len(numbers), *[self.resolution] * 3), np.uint8)
        for place, number in enumerate(numbers):
            stored = unpack_grid(self._packed.rows[number].tobytes(), self._packed.resolution)
            grids[place] = resize_grid(stored, self.resolution)
        return grids

    def blocks(self, block_bytes: int = _BLOCK_BYTES) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """All shapes in order, some at a time.

        Args:
            block_bytes: what the unpacked grids of one block may take, one grid at least.

        Yields:
            Their numbers `[K]` int64, and their grids `[K, R, R, R]` uint8 in {0, 1}.
        """
        step = max(1, block_bytes // self.resolution**3)
        for start in range(0, self.count, step):
            numbers = np.arange(start, min(start + step, self.count))
            yield numbers, self.grids(numbers)


def evenly_spread(total: int, count: int) -> np.ndarray:
    """`count` numbers out of [0, total), spread evenly from the first to the last; all of them where count is larger.

    Records stand by class, so that these are of every class.

    Args:
        total: 1 or more.
        count: 1 or more.

    Returns:
        `[min(total, count)]` int64, rising.
    """
    return np.linspace(0, total - 1, min(total, count)).astype(np.int64)
