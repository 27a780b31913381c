"""How many components a mixture has and how far its covariances are shrunk, by the likelihood of held-out shapes."""

import dataclasses
import math

import numpy as np

from vae_gan3d.evaluation.gaussian_mixture import GaussianMixture
from vae_gan3d.evaluation.mixture_fitting import Posteriors, expected_log_likelihood, fit_mixture, nearest_centres

SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
SHRINKAGES = (10.0, 30.0, 100.0, 300.0)  # in shapes
_SHAPES_A_COMPONENT = 5
_LEAST_SEARCHED = 10  # below, a fifth of the shapes says nothing
_MOST_SEARCHED = 3000  # the final fit takes all shapes, the search no more than these
_UNSEARCHED_SHRINKAGE = 30.0
_HELD_OUT_SHARE = 0.2


@dataclasses.dataclass(frozen=True, eq=False)
class ChosenMixture:
    """A mixture, and what chose it.

    Attributes:
        mixture: fitted on all shapes.
        shrinkage: ν of its covariances, in shapes.
        held_out: the expected log-likelihood of the held-out shapes under the mixture of this size and shrinkage that
            was fitted without them, nats a shape; None where there were too few for a search.
    """

    mixture: GaussianMixture
    shrinkage: float
    held_out: float | None


def choose_mixture(posteriors: Posteriors, *, seed: int) -> ChosenMixture:
    """Fits mixtures of several sizes and shrinkages on four fifths of the shapes, and the chosen one on all.

    For each of the `SIZES`, up to a component for every 5 shapes, the `SHRINKAGES` are tried in order until the mean
    likelihood of the held-out fifth falls. Chosen is the largest size whose likelihood is as good as the best one's, by
    the one-standard-error rule (Breiman et al. 1984), in favour of the larger model: at equal likelihood a mixture of
    more components draws shapes that are nearer to real ones (docs/RECIPE.md). The search takes 3,000 shapes at most;
    fewer than 10 get one component.

    Args:
        posteriors: of the N shapes.
        seed: of the split and the first centres; equal seeds give equal mixtures.

    Returns:
        The mixture and what chose it.

    Raises:
        ValueError: see `fit_mixture`.
    """
    count = len(posteriors.means)
    components, shrinkage, held_out = 1, _UNSEARCHED_SHRINKAGE, None
    if count >= _LEAST_SEARCHED:
        order = np.random.default_rng(seed).permutation(count)[:_MOST_SEARCHED]
        last = round(_HELD_OUT_SHARE * len(order))
        found = _search(posteriors.rows(order[last:]), posteriors.rows(order[:last]), seed)
        components, shrinkage, held_out = found.size, found.shrinkage, found.mean
    shares = nearest_centres(posteriors.means, components, np.random.default_rng(seed))
    mixture, _ = fit_mixture(posteriors, shares, shrinkage)
    return ChosenMixture(mixture, shrinkage, held_out)


@dataclasses.dataclass(frozen=True, eq=False)
class _Trial:
    """A size and a shrinkage, and what they gave.

    Attributes:
        size: components.
        shrinkage: ν, in shapes.
        likelihoods: `[H]`, of the held-out shapes, nats.
    """

    size: int
    shrinkage: float
    likelihoods: np.ndarray

    @property
    def mean(self) -> float:
        """The mean likelihood, nats a shape."""
        return float(self.likelihoods.mean())

    def is_as_good_as(self, best: "_Trial") -> bool:
        """Whether the mean likelihood lies within the standard error of the best one's."""
        return best.mean - self.mean <= float(best.likelihoods.std()) / math.sqrt(len(best.likelihoods))


def _search(fitted: Posteriors, held_out: Posteriors, seed: int) -> _Trial:
    """The largest size that is as good as the most likely one, with the shrinkage that suits it best."""
    best_of_size: list[_Trial] = []
    for size in SIZES:
        if size > max(1, len(fitted.means) // _SHAPES_A_COMPONENT):
            break
        best_of_size.append(_best_shrinkage(fitted, held_out, size, seed))
    best = max(best_of_size, key=lambda trial: trial.mean)
    return [trial for trial in best_of_size if trial.is_as_good_as(best)][-1]


def _best_shrinkage(fitted: Posteriors, held_out: Posteriors, size: int, seed: int) -> _Trial:
    """Tries the shrinkages from the weakest, until the likelihood falls."""
    shares = nearest_centres(fitted.means, size, np.random.default_rng(seed))
    trials: list[_Trial] = []
    for shrinkage in SHRINKAGES:
        mixture, shares = fit_mixture(fitted, shares, shrinkage)
        trials.append(_Trial(size, shrinkage, expected_log_likelihood(mixture, held_out)))
        if len(trials) > 1 and trials[-1].mean < trials[-2].mean:
            break
    return max(trials, key=lambda trial: trial.mean)
