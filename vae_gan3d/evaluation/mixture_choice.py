"""How many components a mixture has and how far its covariances are shrunk, by the likelihood of held-out shapes."""

import dataclasses

import numpy as np

from vae_gan3d.evaluation.gaussian_mixture import GaussianMixture
from vae_gan3d.evaluation.mixture_fitting import Posteriors, expected_log_likelihood, fit_mixture, nearest_centres

SIZES = (1, 2, 4, 8, 16, 32)
SHRINKAGES = (10.0, 30.0, 100.0, 300.0)  # in shapes
_SHAPES_A_COMPONENT = 8
_LEAST_SEARCHED = 10  # below, a fifth of the shapes says nothing
_MOST_SEARCHED = 3000  # the final fit takes all shapes, the search no more than these
_UNSEARCHED_SHRINKAGE = 30.0
_HELD_OUT_SHARE = 0.2
_TIMES_TOO_LARGE = 4


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
    """Fits mixtures of several sizes and shrinkages on four fifths of the shapes; the best by the last fifth on all.

    Sizes are `SIZES` up to a component for every 8 shapes; for each the `SHRINKAGES` are tried in order until the
    likelihood falls. A size four times the best one ends the search, which takes 3,000 shapes at most. Fewer than 10
    shapes get one component.

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
        components, shrinkage, held_out = _search(posteriors.rows(order[last:]), posteriors.rows(order[:last]), seed)
    shares = nearest_centres(posteriors.means, components, np.random.default_rng(seed))
    mixture, _ = fit_mixture(posteriors, shares, shrinkage)
    return ChosenMixture(mixture, shrinkage, held_out)


def _search(fitted: Posteriors, held_out: Posteriors, seed: int) -> tuple[int, float, float]:
    """The size and the shrinkage that give the held-out shapes the highest mean likelihood, and that likelihood."""
    tried: list[tuple[int, float, float]] = []
    for size in SIZES:
        if size > max(1, len(fitted.means) // _SHAPES_A_COMPONENT):
            break
        shares = nearest_centres(fitted.means, size, np.random.default_rng(seed))
        before = -np.inf
        for shrinkage in SHRINKAGES:
            mixture, shares = fit_mixture(fitted, shares, shrinkage)
            likelihood = float(expected_log_likelihood(mixture, held_out).mean())
            tried.append((size, shrinkage, likelihood))
            if likelihood < before:
                break
            before = likelihood
        best = max(tried, key=lambda found: found[2])
        if size >= _TIMES_TOO_LARGE * best[0]:
            break
    return best
