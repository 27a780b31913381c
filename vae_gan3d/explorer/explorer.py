"""What can be done with a model's latent space: places found, mixed and moved, and the shapes there."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
import scipy.ndimage

from vae_gan3d.errors import UserError
from vae_gan3d.explorer.directions import MainDirections, directions_of_latents, directions_of_prior
from vae_gan3d.explorer.points import LatentPoint
from vae_gan3d.explorer.training_shapes import Neighbor, TrainingShapes
from vae_gan3d.models.latents import PATHS, interpolate
from vae_gan3d.models.model import Model
from vae_gan3d.models.priors import MixturePrior

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
