"""The held-out likelihood finds the size of mixtures made by hand."""

import numpy as np
import pytest

from vae_gan3d.evaluation import mixture_choice
from vae_gan3d.evaluation.mixture_choice import SHRINKAGES, choose_mixture
from vae_gan3d.evaluation.mixture_fitting import Posteriors


def posteriors(*centres, shapes=100):
    """Shapes about each centre, spread by 1 in two dimensions, with posterior variances of 0.1."""
    generator = np.random.default_rng(0)
    means = np.concatenate([generator.normal(size=(shapes, 2)) + centre for centre in centres])
    return Posteriors(means.astype(np.float32), np.full(means.shape, 0.1, np.float32))


def alternating(mean, spread):
    """Likelihoods of 100 shapes with this mean and standard deviation."""
    return mean + spread * np.tile([-1.0, 1.0], 50)


# The best mean is -2, with a standard error of 2 / sqrt(100) = 0.2: -2.19 is as good, -2.21 is not. The spread of the
# others does not count.
@pytest.mark.parametrize(
    ("means", "size"),
    [
        ((-3.0, -2.0, -2.19, -2.21, -4.0, -5.0), 4),
        ((-3.0, -2.0, -2.21, -2.19, -4.0, -5.0), 8),
        ((-2.0, -2.21, -2.21, -3.0, -3.0, -3.0), 1),
        ((-2.0, -2.0, -2.0, -2.0, -2.0, -2.0), 32),
    ],
)
def test_the_largest_size_within_a_standard_error_of_the_best_is_chosen(monkeypatch, means, size):
    def trial(fitted, held_out, size, seed):
        mean = means[mixture_choice.SIZES.index(size)]
        return mixture_choice._Trial(size, 30.0, alternating(mean, 2.0 if mean == -2 else 50.0))

    monkeypatch.setattr(mixture_choice, "_best_shrinkage", trial)
    chosen = choose_mixture(posteriors(0, shapes=200), seed=0)  # 160 to fit on: up to 32 components
    assert len(chosen.mixture.weights) == size
    assert chosen.held_out == pytest.approx(means[mixture_choice.SIZES.index(size)])


def test_two_clusters_get_two_components_or_more():
    chosen = choose_mixture(posteriors(-8, 8), seed=0)
    assert chosen.shrinkage in SHRINKAGES
    centres = chosen.mixture.means[:, 0]
    assert np.abs(np.abs(centres) - 8).max() < 3.5
    np.testing.assert_allclose(chosen.mixture.weights[centres > 0].sum(), 0.5, atol=1e-3)


def test_the_final_fit_takes_every_shape():
    # The mean of a mixture is that of the shapes that it was fitted to.
    every = posteriors(0, shapes=400)
    mixture = choose_mixture(every, seed=0).mixture
    np.testing.assert_allclose(mixture.weights @ mixture.means, every.means.mean(axis=0), atol=1e-5)


def test_the_likelihood_is_of_the_shapes_held_out():
    # Of N(0, 1.1 I) in the plane over shapes that spread by as much: -(ln(2π 1.1) + 1) = -2.93, with a standard error
    # of 1 / sqrt(80) = 0.11 over 80 shapes.
    held_out = choose_mixture(posteriors(0, shapes=400), seed=0).held_out
    assert held_out == pytest.approx(-2.93, abs=0.35)


def test_shrinkage_helps_where_shapes_are_few_for_the_dimensions():
    # 40 shapes in 30 independent dimensions: a full covariance follows chance, and the strongest shrinkage wins.
    means = np.random.default_rng(0).normal(size=(40, 30)).astype(np.float32)
    chosen = choose_mixture(Posteriors(means, np.full(means.shape, 0.1, np.float32)), seed=0)
    assert chosen.shrinkage == max(SHRINKAGES)


@pytest.mark.parametrize("shapes", [1, 2, 9])
def test_few_shapes_get_one_component_without_a_search(shapes):
    chosen = choose_mixture(posteriors(-8, shapes=shapes), seed=0)
    assert len(chosen.mixture.weights) == 1
    assert chosen.held_out is None


def test_equal_seeds_choose_alike():
    first, second = (choose_mixture(posteriors(-3, 0, 3, shapes=40), seed=5) for _ in range(2))
    for name in ("weights", "means", "factors"):
        np.testing.assert_array_equal(getattr(first.mixture, name), getattr(second.mixture, name))
    assert first.held_out == second.held_out
