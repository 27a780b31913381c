"""Drawing from a mixture whose moments are known, and refusing numbers that are none."""

import numpy as np
import pytest

from vae_gan3d.evaluation.gaussian_mixture import GaussianMixture

# Two components in the plane. The second's covariance is [[4, 2], [2, 2]] = [[2, 0], [1, 1]] [[2, 1], [0, 1]].
WEIGHTS = np.array([0.25, 0.75], np.float32)
MEANS = np.array([[-50, 0], [50, 10]], np.float32)
FACTORS = np.array([[[1, 0], [0, 3]], [[2, 0], [1, 1]]], np.float32)


def mixture(**changed):
    return GaussianMixture(**{"weights": WEIGHTS, "means": MEANS, "factors": FACTORS, **changed})


def test_draws_have_each_components_share_mean_and_covariance():
    draws = mixture().draw(40_000, np.random.default_rng(0))
    assert (draws.shape, draws.dtype) == ((40_000, 2), np.float32)
    first, second = draws[draws[:, 0] < 0], draws[draws[:, 0] > 0]
    # Standard errors: of the share 0.002, of a mean at most 0.03, of a covariance at most 9 sqrt(2 / 10000) = 0.13.
    assert abs(len(first) / len(draws) - 0.25) < 0.01
    np.testing.assert_allclose(first.mean(axis=0), MEANS[0], atol=0.12)
    np.testing.assert_allclose(second.mean(axis=0), MEANS[1], atol=0.12)
    np.testing.assert_allclose(np.cov(first.T), [[1, 0], [0, 9]], atol=0.5)
    np.testing.assert_allclose(np.cov(second.T), [[4, 2], [2, 2]], atol=0.2)


def test_draws_come_in_no_order():
    firsts = mixture().draw(100, np.random.default_rng(0))[:, 0] < 0
    assert 10 < np.count_nonzero(firsts[1:] != firsts[:-1]) < 60


def test_draws_follow_the_generator():
    draws = [mixture().draw(5, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.allclose(draws[0], draws[2])
    assert mixture().draw(0, np.random.default_rng(0)).shape == (0, 2)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"weights": WEIGHTS[:1]}, r"weights of shape \(1,\): give \(2,\)"),
        ({"means": MEANS[0]}, r"means of shape \(2,\): give \[K, L\]"),
        ({"means": MEANS[:0]}, "at least 1"),
        ({"factors": FACTORS[:, :1]}, r"factors of shape \(2, 1, 2\)"),
        ({"means": MEANS * np.float32(np.nan)}, "the means are not all finite"),
        ({"means": MEANS.astype(np.float64)}, "the means are not all finite float32"),
        ({"weights": np.array([0.5, 0.6], np.float32)}, "give shares of 1"),
        ({"weights": np.array([0, 1], np.float32)}, "give shares of 1"),
        ({"factors": FACTORS.transpose(0, 2, 1).copy()}, "not lower triangular"),
        ({"factors": -FACTORS}, "not positive on the diagonal"),
    ],
)
def test_numbers_that_are_no_mixture_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        mixture(**changed)
