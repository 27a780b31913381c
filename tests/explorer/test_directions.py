"""Main directions of latents, and of a prior without a draw."""

import numpy as np
import pytest

from vae_gan3d.explorer.directions import directions_of_latents, directions_of_prior
from vae_gan3d.models.priors import GaussianMixture, MixturePrior


def test_directions_of_latents_by_hand():
    # Around (1, 1): 2 to either side along the first axis, 1 along the second. Variances (4 + 4) / 4 and (1 + 1) / 4.
    found = directions_of_latents(np.array([[3, 1], [-1, 1], [1, 2], [1, 0]], np.float32), 6)
    np.testing.assert_allclose(found.steps, [[np.sqrt(2), 0], [0, np.sqrt(0.5)]], atol=1e-6)
    np.testing.assert_allclose(found.shares, [0.8, 0.2])


def test_as_many_as_asked_for_and_none_where_nothing_varies():
    latents = np.array([[3, 1, 5], [-1, 1, 5], [1, 2, 5], [1, 0, 5]], np.float32)
    assert directions_of_latents(latents, 1).steps.shape == (1, 3)
    assert directions_of_latents(latents, 3).steps.shape == (2, 3)


@pytest.mark.parametrize("latents", [np.ones((1, 3)), np.ones(3), np.ones((4, 3))])
def test_what_does_not_vary_is_refused(latents):
    with pytest.raises(ValueError, match="latents"):
        directions_of_latents(latents, 2)


def gaussian(means, deviations):
    """A mixture of equal weights."""
    means = np.array(means, np.float32)
    factors = np.stack([np.diag(deviations)] * len(means)).astype(np.float32)
    return GaussianMixture(np.full(len(means), 1 / len(means), np.float32), means, factors)


def test_directions_of_a_prior_by_hand():
    # Class one: means at -6 and 6 on the first axis, so E[z zᵀ] = diag(36 + 1, 4); class two, a third as frequent:
    # diag(1, 4). Together 0.75 * 37 + 0.25 * 1 = 28 and 4, around 0.
    prior = MixturePrior(
        ("one", "none", "two"), (3, 0, 1), (gaussian([[-6, 0], [6, 0]], [1, 2]), None, gaussian([[0, 0]], [1, 2]))
    )
    found = directions_of_prior(prior, 6)
    np.testing.assert_allclose(found.steps, [[np.sqrt(28), 0], [0, 2]], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.shares, [28 / 32, 4 / 32], rtol=1e-6)


def test_a_prior_and_its_draws_agree():
    factor = np.array([[1, 0, 0], [2, 1, 0], [0, -1, 0.5]], np.float32)
    mixture = GaussianMixture(np.ones(1, np.float32), np.array([[4, 5, 6]], np.float32), factor[np.newaxis])
    prior = MixturePrior(("one",), (1,), (mixture,))
    draws = prior.sample(40_000, np.random.default_rng(0))[0]
    exact, measured = directions_of_prior(prior, 3), directions_of_latents(draws, 3)
    np.testing.assert_allclose(exact.steps, measured.steps, atol=0.05)
