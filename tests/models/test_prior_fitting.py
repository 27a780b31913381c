"""Fitting mixtures to posteriors, their size, and a prior from records."""

import hashlib
import re

import numpy as np
import pytest

from tests.fakes import random_grids, write_legacy_records, write_records
from tests.small_runs import untrained_model
from vae_gan3d.data.record_set import find_records
from vae_gan3d.errors import UserError
from vae_gan3d.models.prior_fitting import (
    SHRINKAGES,
    SIZES,
    Posteriors,
    Trial,
    choose_mixture,
    encode_records,
    expected_log_likelihood,
    fit_and_store_prior,
    fit_mixture,
    fit_prior,
    largest_good_trial,
    nearest_centres,
)
from vae_gan3d.models.priors import GaussianMixture, load_prior

# Sparse chairs and dense tables, mixed, and no sofa.
GRIDS = np.concatenate([random_grids(20, 16, 1, 0.05), random_grids(15, 16, 2, 0.6)])
LABELS = np.array([0] * 20 + [2] * 15)
ORDER = np.random.default_rng(0).permutation(35)


@pytest.fixture(scope="module")
def model():
    return untrained_model()


@pytest.fixture
def records(tmp_path):
    write_records(tmp_path / "records", GRIDS[ORDER], LABELS[ORDER].tolist(), ("chair", "sofa", "table"))
    return find_records(str(tmp_path / "records"))


def test_every_record_is_encoded_with_its_label(model, records):
    posteriors, labels = encode_records(model, records)
    np.testing.assert_array_equal(labels, LABELS[ORDER])
    means, log_variances = model.posterior(GRIDS[ORDER])
    np.testing.assert_allclose(posteriors.means, means, atol=1e-5)
    np.testing.assert_allclose(posteriors.variances, np.exp(log_variances), rtol=1e-4)


def test_each_class_is_fitted_to_its_own_shapes(model, records):
    prior = fit_prior(model, records, seed=0)
    assert (prior.classes, prior.counts) == (("chair", "sofa", "table"), (20, 0, 15))
    assert set(prior.fitted) == {"chair", "table"}
    for label, name in ((0, "chair"), (2, "table")):
        means, _ = model.posterior(GRIDS[label == LABELS])
        weights = prior.fitted[name].weights
        np.testing.assert_allclose(weights @ prior.fitted[name].means, means.mean(axis=0), atol=1e-3)


def test_what_is_stored_is_what_was_fitted(model, records, tmp_path, capsys):
    (tmp_path / "model.ckpt-7.index").write_bytes(b"index")
    prior = fit_and_store_prior(tmp_path / "model.ckpt-7", model, records, seed=0)
    out = capsys.readouterr().out
    assert re.match(r"fitted the prior on 35 shapes: 2 classes, .* components? \(\d+ s\)$", out.strip())
    assert out.count("\n") == 1
    stored = load_prior(tmp_path / "model.ckpt-7.prior.npz")
    assert stored.checkpoint == prior.checkpoint == hashlib.sha256(b"index").hexdigest()
    for name in ("chair", "table"):
        np.testing.assert_array_equal(stored.fitted[name].factors, prior.fitted[name].factors)


def test_legacy_records_are_one_class(model, tmp_path):
    write_legacy_records(tmp_path / "train.tfrecords", random_grids(3, 16))
    prior = fit_prior(model, find_records(str(tmp_path / "train.tfrecords")), seed=0)
    assert (prior.counts, len(prior.fitted)) == ((3,), 1)


def test_latents_that_are_not_finite_are_refused(records):
    broken = untrained_model()
    broken.networks.encoder.moments.bias.assign(np.full(8, np.nan))
    with pytest.raises(UserError, match="latents are not finite"):
        fit_prior(broken, records, seed=0)


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
def test_the_largest_size_within_a_standard_error_of_the_best_is_chosen(means, size):
    trials = [
        Trial(size, 30.0, alternating(mean, 2.0 if mean == -2 else 50.0))
        for size, mean in zip(SIZES, means, strict=False)
    ]
    assert largest_good_trial(trials).size == size


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


TWO = Posteriors(np.array([[-1.0, -1.0], [1.0, 1.0]], np.float32), np.array([[0.5, 1.0], [1.5, 3.0]], np.float32))


def covariance(mixture, component=0):
    factor = mixture.factors[component].astype(np.float64)
    return factor @ factor.T


def test_the_covariance_of_two_shapes_by_hand():
    # The mean is (0, 0). Of the means come [[1, 1], [1, 1]] and of the variances diag (1, 2): S = [[2, 1], [1, 3]].
    # Without shrinkage worth mentioning that is the covariance.
    mixture, shares = fit_mixture(TWO, np.ones((2, 1)), 1e-9)
    np.testing.assert_allclose(mixture.means, [[0, 0]], atol=1e-7)
    np.testing.assert_allclose(covariance(mixture), [[2, 1], [1, 3]], rtol=1e-5)
    np.testing.assert_array_equal(mixture.weights, [1])
    np.testing.assert_array_equal(shares, [[1], [1]])


def test_shrinkage_towards_the_diagonal_by_hand():
    # With ν = 2 = N the pooled covariance is (2 [[2, 1], [1, 3]] + 2 diag (2, 3)) / 4 = [[2, 1/2], [1/2, 3]], and the
    # component's (2 [[2, 1], [1, 3]] + 2 [[2, 1/2], [1/2, 3]]) / 4 = [[2, 3/4], [3/4, 3]].
    mixture, _ = fit_mixture(TWO, np.ones((2, 1)), 2.0)
    np.testing.assert_allclose(covariance(mixture), [[2, 0.75], [0.75, 3]], rtol=1e-5)


def test_shrinkage_towards_the_pooled_covariance_by_hand():
    # A component for each of two far shapes: S_1 = 1 and S_2 = 3, pooled 2, which is its own diagonal. With ν = 1 = n_k
    # they become (1 + 2) / 2 = 1.5 and (3 + 2) / 2 = 2.5.
    posteriors = Posteriors(np.array([[-100.0], [100.0]]), np.array([[1.0], [3.0]]))
    mixture, _ = fit_mixture(posteriors, np.eye(2), 1.0)
    np.testing.assert_allclose([covariance(mixture, 0), covariance(mixture, 1)], [[[1.5]], [[2.5]]], rtol=1e-5)


def test_it_finds_clusters_made_by_hand():
    # 400 shapes in four dimensions about (-6, 0, 0, 0), 200 about (6, 6, 6, 6); means spread by 1 and by 2, on top of
    # which each posterior has a variance of 0.25. The second third's first two dimensions go together.
    generator = np.random.default_rng(0)
    mixing = np.array([[2, 0, 0, 0], [1.6, 1.2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 2]])
    first = generator.normal(size=(400, 4)) - np.array([6, 0, 0, 0])
    second = generator.normal(size=(200, 4)) @ mixing.T + 6
    posteriors = Posteriors(np.concatenate([first, second]), np.full((600, 4), 0.25))
    mixture, shares = fit_mixture(posteriors, nearest_centres(posteriors.means, 2, generator), 1.0)
    left, right = np.argsort(mixture.means[:, 0])
    np.testing.assert_allclose(mixture.weights[[left, right]], [2 / 3, 1 / 3], atol=1e-3)
    np.testing.assert_array_equal(shares.argmax(axis=1), [left] * 400 + [right] * 200)
    # Standard errors: 1 / sqrt(400) = 0.05 and 2 / sqrt(200) = 0.14 of means, 4 sqrt(2 / 200) = 0.4 of covariances.
    np.testing.assert_allclose(mixture.means[left], [-6, 0, 0, 0], atol=0.2)
    np.testing.assert_allclose(mixture.means[right], [6, 6, 6, 6], atol=0.5)
    np.testing.assert_allclose(covariance(mixture, left), 1.25 * np.eye(4), atol=0.3)
    np.testing.assert_allclose(covariance(mixture, right), mixing @ mixing.T + 0.25 * np.eye(4), atol=1.3)


def test_bad_first_shares_are_mended():
    # Two clusters a hundred apart, and every sixth shape put with the wrong one to begin with.
    means = np.repeat([[-50.0, 0.0], [50.0, 0.0]], 60, axis=0) + np.random.default_rng(0).normal(size=(120, 2))
    truth = np.repeat([0, 1], 60)
    wrong = np.arange(120) % 6 == 0
    _, shares = fit_mixture(Posteriors(means, np.full((120, 2), 0.1)), np.eye(2)[truth ^ wrong], 1.0)
    np.testing.assert_array_equal(shares.argmax(axis=1), truth)


def test_blocks_of_shapes_add_up():
    # More shapes than are worked on at a time (512): one component is the plain mean and covariance.
    generator = np.random.default_rng(1)
    means = generator.normal(size=(1300, 3)) @ generator.normal(size=(3, 3))
    mixture, _ = fit_mixture(Posteriors(means, np.full((1300, 3), 0.5)), np.ones((1300, 1)), 1e-9)
    np.testing.assert_allclose(mixture.means[0], means.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(covariance(mixture), np.cov(means.T, bias=True) + 0.5 * np.eye(3), rtol=1e-4, atol=1e-5)
    assert expected_log_likelihood(mixture, Posteriors(means, np.full((1300, 3), 0.5))).shape == (1300,)


def test_the_likelihood_by_hand():
    # N(0, 4) at m = 2 with s = 1: -ln(2π)/2 - ln 2 - (2² + 1) / (2 · 4) = -0.919 - 0.693 - 0.625 = -2.237.
    one = GaussianMixture(*(np.array(part, np.float32) for part in ([1], [[0]], [[[2]]])))
    far = Posteriors(np.array([[2.0]]), np.array([[1.0]]))
    np.testing.assert_allclose(expected_log_likelihood(one, far), [-2.237], atol=1e-3)
    # Beside a component a thousand away, only its weight of a quarter counts: ln(1/4) more.
    two = GaussianMixture(*(np.array(part, np.float32) for part in ([0.25, 0.75], [[0], [1000]], [[[2]], [[2]]])))
    np.testing.assert_allclose(expected_log_likelihood(two, far), [-2.237 - 1.386], atol=1e-3)


def test_the_likelihood_is_the_mean_over_the_posteriors_samples():
    factor = np.array([[[1.5, 0], [0.7, 0.4]]], np.float32)
    mixture = GaussianMixture(np.ones(1, np.float32), np.array([[0.3, -1]], np.float32), factor)
    mean, variance = np.array([[1.0, 0.5]]), np.array([[0.2, 0.05]])
    samples = mean + np.sqrt(variance) * np.random.default_rng(0).normal(size=(100_000, 2))
    whitened = np.linalg.solve(factor[0].astype(np.float64), (samples - mixture.means).T)
    densities = -np.log(2 * np.pi) - np.log(1.5 * 0.4) - (whitened**2).sum(axis=0) / 2
    found = expected_log_likelihood(mixture, Posteriors(mean, variance))
    np.testing.assert_allclose(found, densities.mean(), atol=0.05)


def test_first_centres_are_shapes_and_each_shape_is_with_its_nearest():
    # Three tight groups far apart: k-means++ takes one centre of each, whatever the seed.
    means = np.repeat([[0.0, 0.0], [1000.0, 0.0], [0.0, 1000.0]], 5, axis=0)
    means += np.random.default_rng(0).normal(size=means.shape)
    for seed in range(5):
        shares = nearest_centres(means, 3, np.random.default_rng(seed))
        np.testing.assert_array_equal(shares.sum(axis=1), np.ones(15))
        groups = shares.argmax(axis=1).reshape(3, 5)
        assert (groups == groups[:, :1]).all()
        assert len(set(groups[:, 0])) == 3


def test_shapes_that_are_all_alike_can_be_fitted():
    posteriors = Posteriors(np.ones((6, 3)), np.full((6, 3), 0.5))
    mixture, _ = fit_mixture(posteriors, nearest_centres(posteriors.means, 2, np.random.default_rng(0)), 10.0)
    np.testing.assert_allclose(mixture.means, np.ones((2, 3)), atol=1e-6)
    np.testing.assert_allclose(covariance(mixture), 0.5 * np.eye(3), atol=1e-5)


@pytest.mark.parametrize(
    ("posteriors", "shares", "shrinkage", "message"),
    [
        (TWO, np.ones((3, 1)), 1.0, r"shares \(3, 1\) for 2 shapes"),
        (TWO, np.ones((2, 1)), 0.0, "a shrinkage of 0.0 shapes"),
        (Posteriors(TWO.means, TWO.variances[:1]), np.ones((2, 1)), 1.0, r"variances \(1, 2\)"),
        (Posteriors(TWO.means, 0 * TWO.variances), np.ones((2, 1)), 1.0, "not above 0"),
        (Posteriors(TWO.means * np.nan, TWO.variances), np.ones((2, 1)), 1.0, "not finite"),
    ],
)
def test_bad_arguments_are_refused(posteriors, shares, shrinkage, message):
    with pytest.raises(ValueError, match=message):
        fit_mixture(posteriors, shares, shrinkage)


def test_more_centres_than_shapes_are_refused():
    with pytest.raises(ValueError, match="3 components for 2 shapes"):
        nearest_centres(TWO.means, 3, np.random.default_rng(0))
