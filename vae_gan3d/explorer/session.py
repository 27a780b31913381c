"""What the explorer shows: latents in requests, directions, training shapes, and the shapes of sliders."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.ndimage

from vae_gan3d.data.record_set import RecordSet
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.metrics import voxel_distances
from vae_gan3d.evaluation.neighbors import cosine_distances, nearest
from vae_gan3d.evaluation.shape_set import ShapeSet
from vae_gan3d.models.latents import PATHS, interpolate
from vae_gan3d.models.model import Model
from vae_gan3d.models.priors import GaussianMixture, MixturePrior

# Far more than any latent of a trained model, and far less than what overflows in a network.
_LARGEST_VALUE = 1e4


@dataclasses.dataclass(frozen=True, eq=False)
class LatentPoint:
    """One place.

    Attributes:
        latent: `[L]` float32.
        shares: `[classes]` float32, how much of each class, where the model is conditional; else None.
    """

    latent: np.ndarray
    shares: np.ndarray | None = None

    def fields(self) -> dict[str, Any]:
        """The point as JSON holds it; `read_point` gives the same numbers back."""
        shares = None if self.shares is None else self.shares.tolist()
        return {"latent": self.latent.tolist(), "shares": shares}


def read_point(fields: Any, latent_size: int, classes: int) -> LatentPoint:  # noqa: ANN401 (whatever JSON holds)
    """Reads what a page sends, which may be anything.

    Args:
        fields: of `LatentPoint.fields`.
        latent_size: L of the model.
        classes: that a conditional model tells apart; 0 for other models.

    Raises:
        UserError: this is no place in the model's latent space.
    """
    if not isinstance(fields, dict):
        raise UserError("a shape is missing: draw, choose or upload one")
    latent = read_numbers(fields.get("latent"), latent_size, "a latent")
    shares = read_numbers(fields.get("shares"), classes, "the classes of a latent") if classes else None
    return LatentPoint(latent, shares)


def read_numbers(values: Any, count: int, name: str) -> np.ndarray:  # noqa: ANN401 (whatever JSON holds)
    """Reads a list of numbers.

    Args:
        values: what should be it.
        count: how many there must be.
        name: what messages call it.

    Returns:
        `[count]` float32, each in [-10,000, 10,000].

    Raises:
        UserError: it is none, or of another length or range.
    """
    if not isinstance(values, list) or len(values) != count:
        raise UserError(f"{name} must be a list of {count} numbers: load the page again")
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        raise UserError(f"{name} must hold numbers alone: load the page again")
    if not all(abs(value) <= _LARGEST_VALUE for value in values):  # false for NaN too
        raise UserError(f"{name} holds a number outside [-{_LARGEST_VALUE:g}, {_LARGEST_VALUE:g}]: load the page again")
    return np.array(values, np.float32)


# Of the variance along the first direction: what is below it is rounding.
_LEAST_SHARE = 1e-6


@dataclasses.dataclass(frozen=True, eq=False)
class MainDirections:
    """Principal components (Pearson 1901).

    Attributes:
        steps: `[D, L]` float32; the length of each is the standard deviation along it, and its largest entry is
            positive, so that equal latents give equal directions.
        shares: `[D]` float64, the share of the variance along each, falling.
    """

    steps: np.ndarray
    shares: np.ndarray


def directions_of_latents(latents: np.ndarray, count: int) -> MainDirections:
    """The main directions of the latents of shapes.

    Args:
        latents: `[K, L]` float, K at least 2, not all equal.
        count: how many directions at most; none is given along which nothing varies.

    Raises:
        ValueError: the shape is another, or all latents are equal.
    """
    if latents.ndim != 2 or len(latents) < 2:
        raise ValueError(f"latents of shape {latents.shape} have no directions: give [K, L], K at least 2")
    centred = latents - latents.mean(axis=0, dtype=np.float64)
    _, scales, vectors = np.linalg.svd(centred, full_matrices=False)
    return _directions(scales**2 / len(latents), vectors, count)


def directions_of_prior(prior: MixturePrior, count: int) -> MainDirections:
    """The main directions of a fitted prior, without a draw: those of the covariance of all its mixtures together.

    Cov = Σ w (C + m mᵀ) - (Σ w m)(Σ w m)ᵀ over all components, their weights times the share of their class.

    Args:
        prior: the prior.
        count: how many directions at most.

    Raises:
        ValueError: nothing varies.
    """
    total = sum(prior.counts)
    parts = [(size / total, mixture) for size, mixture in zip(prior.counts, prior.mixtures, strict=True) if mixture]
    mean = sum(share * (mixture.weights @ mixture.means).astype(np.float64) for share, mixture in parts)
    second = sum(share * _second_moment(mixture) for share, mixture in parts)
    values, vectors = np.linalg.eigh(np.asarray(second - np.outer(mean, mean)))
    return _directions(np.maximum(values[::-1], 0), vectors.T[::-1], count)


def _second_moment(mixture: GaussianMixture) -> np.ndarray:
    """E[z zᵀ], `[L, L]` float64."""
    scaled = (np.sqrt(mixture.weights)[:, np.newaxis, np.newaxis] * mixture.factors).astype(np.float64)
    columns = scaled.transpose(1, 0, 2).reshape(mixture.means.shape[1], -1)  # [L, K L]
    means = mixture.means.astype(np.float64)
    return columns @ columns.T + (mixture.weights[:, np.newaxis] * means).T @ means


def _directions(variances: np.ndarray, vectors: np.ndarray, count: int) -> MainDirections:
    """The first of some directions.

    Args:
        variances: `[N]` float64, falling, 0 or more.
        vectors: `[N, L]` of length 1.
        count: how many directions at most.
    """
    kept = int((variances[:count] > variances[0] * _LEAST_SHARE).sum())
    if not kept:
        raise ValueError("all latents are equal: nothing varies")
    signs = np.sign(vectors[np.arange(kept), np.abs(vectors[:kept]).argmax(axis=1)])
    steps = vectors[:kept] * (signs * np.sqrt(variances[:kept]))[:, np.newaxis]
    return MainDirections(steps.astype(np.float32), variances[:kept] / variances.sum())


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


MOST_DIRECTIONS = 6
# What is tried for the two shapes that the page opens on: some 20 ms a sample at 32^3.
_CLASSES_TRIED = 3
_SAMPLES_TRIED = 8


@dataclasses.dataclass(frozen=True, eq=False)
class Explorer:
    """A model with its prior, and the shapes that it was trained on, if they are given.

    It holds nothing of those who use it: places in the latent space are given and returned.

    Attributes:
        model: the trained model.
        training: the training shapes, or None.
        refinements: passages of each drawn latent through generator and encoder.
        threshold: voxels above this probability count as occupied.
    """

    model: Model
    training: TrainingShapes | None = None
    refinements: int = 1
    threshold: float = 0.5

    @property
    def drawn_classes(self) -> tuple[str, ...]:
        """The classes that can be drawn of."""
        prior = self.model.prior
        return tuple(prior.fitted) if isinstance(prior, MixturePrior) else prior.classes

    def sample(self, generator: np.random.Generator, class_name: str = "") -> LatentPoint:
        """Draws a place from the prior.

        Args:
            generator: the source of chance.
            class_name: the class to draw of; empty for any.

        Raises:
            UserError: the prior does not know the class.
        """
        drawn = self.model.draw(1, generator, class_name or None, refinements=self.refinements)
        return self._point(drawn.latents[0], drawn.classes)

    def opening(self, generator: np.random.Generator) -> tuple[str, tuple[LatentPoint, LatentPoint]]:
        """Two samples of one class to begin with: whole ones, if possible with a whole one halfway.

        Args:
            generator: the source of chance.

        Returns:
            The class, empty where the prior knows none, and the samples; any two where no class gives two whole ones.
        """
        candidates = []
        for name in (self.drawn_classes or ("",))[:_CLASSES_TRIED]:
            drawn: list[LatentPoint] = []
            whole: list[LatentPoint] = []
            for _ in range(_SAMPLES_TRIED):
                point = self.sample(generator, name)
                drawn.append(point)
                if not self._is_whole(point):
                    continue
                for other in whole:
                    if self._is_whole(self.between(other, point, 0.5)):
                        return name, (other, point)
                whole.append(point)
            first, second = (whole if len(whole) > 1 else drawn)[:2]
            candidates.append((len(whole) > 1, name, (first, second)))
        _, name, pair = max(candidates, key=lambda candidate: candidate[0])
        return name, pair

    def _is_whole(self, point: LatentPoint) -> bool:
        """Whether the shape at a place is one piece, where voxels that share a corner hang together."""
        return scipy.ndimage.label(self.generate(point) > self.threshold, np.ones((3, 3, 3)))[1] == 1

    def require_encoder(self) -> None:
        """Refuses shapes from outside if the model has no encoder.

        Raises:
            UserError: it has none.
        """
        if not self.model.has_encoder:
            raise UserError("a plain GAN has no encoder: draw samples, or use a vae_gan or vae model")

    def encode(self, grid: np.ndarray, class_name: str = "") -> LatentPoint:
        """The encoder's mean of a shape.

        Args:
            grid: `[R, R, R]` uint8 in {0, 1}.
            class_name: its class, which a conditional model must be told; others do not look at it.

        Raises:
            UserError: the model has no encoder, or is conditional and does not know the class.
        """
        self.require_encoder()
        known = self.model.config.known_classes
        if known and class_name not in known:
            raise UserError(f"the model is told the class of each shape: choose one of {', '.join(known)}")
        return self._point(self.model.encode(grid[np.newaxis], [class_name])[0], [class_name])

    def training_shape(self, index: int) -> LatentPoint:
        """The encoder's mean of a training shape.

        Raises:
            UserError: there is no such shape, or no records were given.
        """
        if self.training is None:
            raise UserError("training shapes are not there: start the explorer with --records")
        if not 0 <= index < self.training.count:
            raise UserError(f"there is no record {index}: give a number from 0 to {self.training.count - 1}")
        return self._point(self.training.latents[index], [self.training.class_name(index)])

    def between(self, first: LatentPoint, second: LatentPoint, alpha: float, path: str = "linear") -> LatentPoint:
        """v = α v0 + (1 - α) v1, or the same share along a great circle.

        Args:
            first: v0.
            second: v1.
            alpha: the share of the first, in [0, 1].
            path: one of `PATHS`.

        Raises:
            UserError: alpha or the path is another.
        """
        if path not in PATHS or not 0 <= alpha <= 1:
            raise UserError(f"a path {path!r} at alpha {alpha} is not possible: give {' or '.join(PATHS)}, from 0 to 1")
        shares = None
        if first.shares is not None and second.shares is not None:
            shares = interpolate(first.shares, second.shares, alpha)
        return LatentPoint(PATHS[path](first.latent, second.latent, alpha), shares)

    def moved(self, point: LatentPoint, moves: Sequence[float] | np.ndarray, along: MainDirections) -> LatentPoint:
        """A place moved along the main directions.

        Args:
            point: where from.
            moves: for each direction, how many standard deviations.
            along: the directions.
        """
        return dataclasses.replace(point, latent=point.latent + np.asarray(moves, np.float32) @ along.steps)

    @functools.cached_property
    def main_directions(self) -> MainDirections | None:
        """The directions in which training latents vary most, or the fitted prior; None where neither is there.

        N(0, I) varies alike in all directions.
        """
        if self.training is not None and self.training.count > 1 and np.ptp(self.training.latents, axis=0).any():
            return directions_of_latents(self.training.latents, MOST_DIRECTIONS)
        if isinstance(self.model.prior, MixturePrior):
            return directions_of_prior(self.model.prior, MOST_DIRECTIONS)
        return None

    def generate(self, point: LatentPoint) -> np.ndarray:
        """The shape at a place, `[R, R, R]` float32 probabilities."""
        shares = None if point.shares is None else point.shares[np.newaxis]
        return self.model.decode(point.latent[np.newaxis], shares)[0]

    def nearest(self, point: LatentPoint, count: int) -> list[Neighbor]:
        """The training shapes nearest to a place.

        Raises:
            UserError: no records were given.
        """
        if self.training is None:
            raise UserError("training shapes are not there: start the explorer with --records")
        return self.training.nearest(point.latent, self.generate(point) > self.threshold, count)

    def _point(self, latent: np.ndarray, classes: Sequence[str] | None) -> LatentPoint:
        """A latent with its class, which only a conditional model needs."""
        shares = self.model.class_shares(classes, 1)
        return LatentPoint(latent, None if shares is None else shares[0])
