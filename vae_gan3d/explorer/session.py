"""The explorer's state: the model, latents in JSON, main directions, training shapes and their neighbours."""

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

MOST_DIRECTIONS = 6
_LARGEST_VALUE = 1e4  # far above the latents of a trained model, far below an overflow in a network
_LEAST_SHARE = 1e-6  # of the variance along the first direction; less is rounding
# The search for the two shapes that the page opens with: about 20 ms for a sample at 32^3.
_CLASSES_TRIED = 3
_SAMPLES_TRIED = 8


@dataclasses.dataclass(frozen=True, eq=False)
class LatentPoint:
    """A latent, with its class for a conditional model.

    Attributes:
        latent: `[L]` float32.
        shares: `[classes]` float32, the share of each class; None if the model is not conditional.
    """

    latent: np.ndarray
    shares: np.ndarray | None = None

    def fields(self) -> dict[str, Any]:
        """The point as a JSON object; `read_point` gives back the same numbers."""
        shares = None if self.shares is None else self.shares.tolist()
        return {"latent": self.latent.tolist(), "shares": shares}


def read_point(fields: Any, latent_size: int, classes: int) -> LatentPoint:  # noqa: ANN401 (whatever JSON holds)
    """Reads a point from a request. Checks everything.

    Args:
        fields: see `LatentPoint.fields`.
        latent_size: L of the model.
        classes: number of classes of a conditional model; 0 for another model.

    Raises:
        UserError: the fields are not a point of the model's latent space.
    """
    if not isinstance(fields, dict):
        raise UserError("a shape is missing: draw, choose or upload one")
    latent = read_numbers(fields.get("latent"), latent_size, "a latent")
    shares = read_numbers(fields.get("shares"), classes, "the classes of a latent") if classes else None
    return LatentPoint(latent, shares)


def read_numbers(values: Any, count: int, name: str) -> np.ndarray:  # noqa: ANN401 (whatever JSON holds)
    """Reads a list of numbers.

    Args:
        values: the list.
        count: its length.
        name: for messages.

    Returns:
        `[count]` float32, each in [-10,000, 10,000].

    Raises:
        UserError: the values are not a list of numbers, or the length or a number is out of range.
    """
    if not isinstance(values, list) or len(values) != count:
        raise UserError(f"{name} must be a list of {count} numbers: load the page again")
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        raise UserError(f"{name} must hold only numbers: load the page again")
    if not all(abs(value) <= _LARGEST_VALUE for value in values):  # false for NaN too
        raise UserError(f"{name} holds a number outside [-{_LARGEST_VALUE:g}, {_LARGEST_VALUE:g}]: load the page again")
    return np.array(values, np.float32)


@dataclasses.dataclass(frozen=True, eq=False)
class MainDirections:
    """Principal components (Pearson 1901).

    Attributes:
        steps: `[D, L]` float32. The length of a row is the standard deviation along it. Its largest entry is positive,
            so that equal latents give equal directions.
        shares: `[D]` float64, the share of the variance along each, in descending order.
    """

    steps: np.ndarray
    shares: np.ndarray


def directions_of_latents(latents: np.ndarray, count: int) -> MainDirections:
    """The main directions of latents.

    Args:
        latents: `[K, L]` float, K at least 2, not all equal.
        count: how many directions at most. Directions without variance are left out.

    Raises:
        ValueError: wrong shape, or all latents are equal.
    """
    if latents.ndim != 2 or len(latents) < 2:
        raise ValueError(f"latents of shape {latents.shape} have no directions: give [K, L], K at least 2")
    centred = latents - latents.mean(axis=0, dtype=np.float64)
    _, scales, vectors = np.linalg.svd(centred, full_matrices=False)
    return _directions(scales**2 / len(latents), vectors, count)


def directions_of_prior(prior: MixturePrior, count: int) -> MainDirections:
    """The main directions of a fitted prior: the eigenvectors of the covariance of all its mixtures together.

    Cov = Σ w (C + m mᵀ) - (Σ w m)(Σ w m)ᵀ over all components, where w is a component's weight times the share of its
    class.

    Args:
        prior: the prior.
        count: how many directions at most.

    Raises:
        ValueError: the covariance is 0.
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
    """The first of the directions `[N, L]` (unit vectors), with variances `[N]` in descending order."""
    kept = int((variances[:count] > variances[0] * _LEAST_SHARE).sum())
    if not kept:
        raise ValueError("all latents are equal: there is no main direction")
    signs = np.sign(vectors[np.arange(kept), np.abs(vectors[:kept]).argmax(axis=1)])
    steps = vectors[:kept] * (signs * np.sqrt(variances[:kept]))[:, np.newaxis]
    return MainDirections(steps.astype(np.float32), variances[:kept] / variances.sum())


@dataclasses.dataclass(frozen=True, eq=False)
class Neighbor:
    """A training shape, compared with another shape.

    Attributes:
        index: of its record.
        class_name: its class.
        source: the file that it came from, or empty.
        cosine: cosine similarity of the two latents.
        iou: IoU of the two shapes.
        grid: `[R, R, R]` uint8 in {0, 1}.
    """

    index: int
    class_name: str
    source: str
    cosine: float
    iou: float
    grid: np.ndarray


class TrainingShapes:
    """The training shapes and their latents.

    Attributes:
        latents: `[count, L]` float32, the encoder's means.
    """

    def __init__(self, model: Model, records: RecordSet) -> None:
        """Reads and encodes every record, with a progress bar if it takes long.

        Args:
            model: with an encoder.
            records: at least one shape. A conditional model must know their classes.

        Raises:
            UserError: a record is damaged, or has a resolution that cannot be resized to the model's.
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
        """The shapes with the nearest latents, by cosine distance.

        Args:
            latent: `[L]` float32.
            occupied: `[R, R, R]` bool, the shape generated from it.
            count: how many at most.

        Returns:
            The neighbours, nearest first.
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


@dataclasses.dataclass(frozen=True, eq=False)
class Explorer:
    """A model with its prior and, if given, its training shapes. It keeps no state of its clients.

    Attributes:
        model: the trained model.
        training: the training shapes, or None.
        refinements: see `Model.draw`.
        threshold: voxels above this probability count as occupied.
    """

    model: Model
    training: TrainingShapes | None = None
    refinements: int = 1
    threshold: float = 0.5

    @property
    def drawn_classes(self) -> tuple[str, ...]:
        """The classes that `sample` can draw from."""
        prior = self.model.prior
        return tuple(prior.fitted) if isinstance(prior, MixturePrior) else prior.classes

    def sample(self, generator: np.random.Generator, class_name: str = "") -> LatentPoint:
        """Draws a point from the prior.

        Args:
            generator: source of random numbers.
            class_name: the class to draw from; empty for any.

        Raises:
            UserError: the prior does not know the class.
        """
        drawn = self.model.draw(1, generator, class_name or None, refinements=self.refinements)
        return self._point(drawn.latents[0], drawn.classes)

    def opening(self, generator: np.random.Generator) -> tuple[str, tuple[LatentPoint, LatentPoint]]:
        """Two samples of one class for the start of the page.

        Prefers samples of one piece, if possible with a shape of one piece halfway between them.

        Args:
            generator: source of random numbers.

        Returns:
            The class (empty if the prior knows no classes), and the two points.
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
        """Whether the shape is one piece; voxels that share a corner are connected."""
        return scipy.ndimage.label(self.generate(point) > self.threshold, np.ones((3, 3, 3)))[1] == 1

    def require_encoder(self) -> None:
        """Refuses uploads if the model has no encoder.

        Raises:
            UserError: the model is a plain GAN.
        """
        if not self.model.has_encoder:
            raise UserError("a plain GAN has no encoder: draw samples, or use a vae_gan or vae model")

    def encode(self, grid: np.ndarray, class_name: str = "") -> LatentPoint:
        """Encodes a shape.

        Args:
            grid: `[R, R, R]` uint8 in {0, 1}.
            class_name: its class; a conditional model needs it.

        Raises:
            UserError: the model has no encoder, or is conditional and does not know the class.
        """
        self.require_encoder()
        known = self.model.config.known_classes
        if known and class_name not in known:
            raise UserError(f"the model needs the class of the shape: choose one of {', '.join(known)}")
        return self._point(self.model.encode(grid[np.newaxis], [class_name])[0], [class_name])

    def training_shape(self, index: int) -> LatentPoint:
        """The latent of a training shape.

        Raises:
            UserError: there is no such record, or no records were given.
        """
        if self.training is None:
            raise UserError("there are no training shapes: start the explorer with --records")
        if not 0 <= index < self.training.count:
            raise UserError(f"there is no record {index}: give a number from 0 to {self.training.count - 1}")
        return self._point(self.training.latents[index], [self.training.class_name(index)])

    def between(self, first: LatentPoint, second: LatentPoint, alpha: float, path: str = "linear") -> LatentPoint:
        """v = α v0 + (1 - α) v1, or the same along a great circle.

        Args:
            first: v0.
            second: v1.
            alpha: α, the share of `first`, in [0, 1].
            path: one of `PATHS`.

        Raises:
            UserError: alpha is out of range, or the path is unknown.
        """
        if path not in PATHS or not 0 <= alpha <= 1:
            raise UserError(f"a path {path!r} at alpha {alpha} is not possible: give {' or '.join(PATHS)}, from 0 to 1")
        shares = None
        if first.shares is not None and second.shares is not None:
            shares = interpolate(first.shares, second.shares, alpha)
        return LatentPoint(PATHS[path](first.latent, second.latent, alpha), shares)

    def moved(self, point: LatentPoint, moves: Sequence[float] | np.ndarray, along: MainDirections) -> LatentPoint:
        """Moves a point along the main directions.

        Args:
            point: the start.
            moves: standard deviations, one for each direction.
            along: the directions.
        """
        return dataclasses.replace(point, latent=point.latent + np.asarray(moves, np.float32) @ along.steps)

    @functools.cached_property
    def main_directions(self) -> MainDirections | None:
        """Main directions of the training latents, or of the fitted prior; None if there is neither.

        N(0, I) has no main direction.
        """
        if self.training is not None and self.training.count > 1 and np.ptp(self.training.latents, axis=0).any():
            return directions_of_latents(self.training.latents, MOST_DIRECTIONS)
        if isinstance(self.model.prior, MixturePrior):
            return directions_of_prior(self.model.prior, MOST_DIRECTIONS)
        return None

    def generate(self, point: LatentPoint) -> np.ndarray:
        """The shape of a latent, `[R, R, R]` float32 probabilities."""
        shares = None if point.shares is None else point.shares[np.newaxis]
        return self.model.decode(point.latent[np.newaxis], shares)[0]

    def nearest(self, point: LatentPoint, count: int) -> list[Neighbor]:
        """The training shapes with the nearest latents.

        Raises:
            UserError: no records were given.
        """
        if self.training is None:
            raise UserError("there are no training shapes: start the explorer with --records")
        return self.training.nearest(point.latent, self.generate(point) > self.threshold, count)

    def _point(self, latent: np.ndarray, classes: Sequence[str] | None) -> LatentPoint:
        """A latent with its class."""
        shares = self.model.class_shares(classes, 1)
        return LatentPoint(latent, None if shares is None else shares[0])
