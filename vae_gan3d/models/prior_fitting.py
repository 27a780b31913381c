"""Fits the mixture prior of a checkpoint: training records -> posteriors -> a Gaussian mixture for each class.

Each shape i has a posterior N(m_i, diag s_i). Expectation maximisation fits a mixture to samples of these posteriors,
in the limit of infinitely many samples for each shape, where all samples of a shape share one responsibility. So only
the moments of the posteriors enter, without the chance of a few draws.

The algebra uses TensorFlow, not NumPy: NumPy and SciPy each bring an OpenBLAS whose threads spin, and beside another
busy process the Cholesky factors of eight 128 x 128 matrices took 900 ms with it and 2 ms with TensorFlow.
"""

import dataclasses
import math
import pathlib
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from vae_gan3d.data.pipeline import ordered_batches
from vae_gan3d.data.record_set import RecordSet
from vae_gan3d.errors import UserError
from vae_gan3d.models.model import Model
from vae_gan3d.models.priors import GaussianMixture, MixturePrior
from vae_gan3d.progress import progress_bar
from vae_gan3d.training.checkpoint_files import index_sha256, prior_file

SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
SHRINKAGES = (10.0, 30.0, 100.0, 300.0)  # in shapes
_SHAPES_A_COMPONENT = 5
_LEAST_SEARCHED = 10  # with fewer shapes a fifth of them is too few to compare sizes
_MOST_SEARCHED = 3000  # the final fit takes all shapes, the search at most these
_UNSEARCHED_SHRINKAGE = 30.0
_HELD_OUT_SHARE = 0.2

_MOST_ROUNDS = 50
_LEAST_GAIN = 0.01  # nats a shape; the fits compared in choosing a size differ by tenths and more
_BLOCK = 512  # shapes at a time: K L numbers are held for each
_LEAST_SHARE = 1e-10  # of every shape in every component, so that an empty component has a mean and a positive weight
_COUNTED_SHARE = 1e-8  # smaller shares are skipped, which saves time: in many dimensions nearly all are smaller

_BATCH = 32
_SECONDS_WITHOUT_A_BAR = 5


class Posteriors(NamedTuple):
    """The encoder's Gaussians for N shapes.

    Attributes:
        means: `[N, L]` float.
        variances: `[N, L]` float, above 0.
    """

    means: np.ndarray
    variances: np.ndarray

    def rows(self, chosen: np.ndarray) -> "Posteriors":
        """The posteriors with these indices, or of a mask."""
        return Posteriors(self.means[chosen], self.variances[chosen])


def fit_and_store_prior(prefix: pathlib.Path, model: Model, records: RecordSet, *, seed: int) -> MixturePrior:
    """Fits a prior, stores it beside its checkpoint and prints one line.

    Args:
        prefix: of the checkpoint.
        model: restored from it.
        records: the training records.
        seed: see `fit_prior`.

    Returns:
        The prior.

    Raises:
        UserError: a record cannot be read, the latents are not finite, or the file cannot be written.
    """
    start = time.monotonic()
    prior = dataclasses.replace(fit_prior(model, records, seed=seed), checkpoint=index_sha256(prefix))
    prior.save(prior_file(prefix))
    print(f"fitted the prior on {prior.describe()} ({time.monotonic() - start:.0f} s)")
    return prior


def fit_prior(model: Model, records: RecordSet, *, seed: int) -> MixturePrior:
    """Fits a mixture for each class to the posteriors of the training shapes.

    Args:
        model: the trained model.
        records: the training records; legacy records have one class.
        seed: equal seeds give equal priors.

    Returns:
        The prior, with the classes of the records.

    Raises:
        UserError: a record cannot be read, or the latents are not finite.
    """
    posteriors, labels = encode_records(model, records)
    if not np.isfinite(posteriors.means).all() or not np.isfinite(posteriors.variances).all():
        raise UserError("the latents are not finite: train again with a lower --learning_rate")
    counts = np.bincount(labels, minlength=len(records.classes))
    bar = progress_bar(counts, desc="fitting the prior", unit="class", delay=_SECONDS_WITHOUT_A_BAR)
    mixtures = [
        choose_mixture(posteriors.rows(labels == label), seed=seed).mixture.rounded() if count else None
        for label, count in enumerate(bar)
    ]
    return MixturePrior(records.classes, tuple(counts.tolist()), tuple(mixtures))


def encode_records(model: Model, records: RecordSet) -> tuple[Posteriors, np.ndarray]:
    """The posterior of every record.

    Args:
        model: the trained model.
        records: N records.

    Returns:
        posteriors: of the N shapes, float32, in the order of the files.
        labels: `[N]` int64, indices of the records' classes.

    Raises:
        UserError: a record cannot be read, or is of a class that a conditional model does not know.
    """
    batches = ordered_batches(records, resolution=model.resolution, batch_size=_BATCH)
    found = []
    with progress_bar(total=records.count, desc="encoding", unit="shape", delay=_SECONDS_WITHOUT_A_BAR) as bar:
        for voxels, labels in batches.as_numpy_iterator():
            names = [records.classes[label] for label in labels]
            found.append((*model.posterior(voxels[..., 0], names), labels))
            bar.update(len(labels))
    means, log_variances, labels = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Posteriors(means, np.exp(log_variances)), labels


@dataclasses.dataclass(frozen=True, eq=False)
class ChosenMixture:
    """A mixture and the result of its search.

    Attributes:
        mixture: fitted to all shapes.
        shrinkage: ν of its covariances, in shapes.
        held_out: expected log-likelihood of the held-out shapes, in nats for each shape, under the mixture of this size
            and shrinkage that was fitted without them; None if there were too few shapes for a search.
    """

    mixture: GaussianMixture
    shrinkage: float
    held_out: float | None


def choose_mixture(posteriors: Posteriors, *, seed: int) -> ChosenMixture:
    """Chooses the size and the shrinkage of a mixture on held-out shapes, then fits it to all shapes.

    Fits mixtures of all `SIZES` (one component for every 5 shapes at most) to four fifths of the shapes. For each size
    it tries the `SHRINKAGES` in order until the mean likelihood of the held-out fifth falls. Chooses the largest size
    within one standard error of the best likelihood (Breiman et al. 1984). It prefers the larger model, because at
    equal likelihood more components give samples that are nearer to real shapes (docs/RECIPE.md). Searches with 3,000
    shapes at most. Fewer than 10 shapes get one component.

    Args:
        posteriors: of the N shapes.
        seed: of the split and the first centres; equal seeds give equal mixtures.

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
class Trial:
    """One fit of the search.

    Attributes:
        size: components.
        shrinkage: ν, in shapes.
        likelihoods: `[H]`, of the held-out shapes, in nats.
    """

    size: int
    shrinkage: float
    likelihoods: np.ndarray

    @property
    def mean(self) -> float:
        """Mean likelihood, in nats for each shape."""
        return float(self.likelihoods.mean())


def _search(fitted: Posteriors, held_out: Posteriors, seed: int) -> Trial:
    """The largest size within one standard error of the best, with its best shrinkage."""
    best_of_size: list[Trial] = []
    for size in SIZES:
        if size > max(1, len(fitted.means) // _SHAPES_A_COMPONENT):
            break
        best_of_size.append(_best_shrinkage(fitted, held_out, size, seed))
    return largest_good_trial(best_of_size)


def largest_good_trial(trials: Sequence[Trial]) -> Trial:
    """The last trial (sizes ascend) whose mean likelihood is within one standard error of the best."""
    best = max(trials, key=lambda trial: trial.mean)
    error = float(best.likelihoods.std()) / math.sqrt(len(best.likelihoods))
    return [trial for trial in trials if best.mean - trial.mean <= error][-1]


def _best_shrinkage(fitted: Posteriors, held_out: Posteriors, size: int, seed: int) -> Trial:
    """The best shrinkage for a size; tries them from the weakest until the likelihood falls."""
    shares = nearest_centres(fitted.means, size, np.random.default_rng(seed))
    trials: list[Trial] = []
    for shrinkage in SHRINKAGES:
        mixture, shares = fit_mixture(fitted, shares, shrinkage)
        trials.append(Trial(size, shrinkage, expected_log_likelihood(mixture, held_out)))
        if len(trials) > 1 and trials[-1].mean < trials[-2].mean:
            break
    return max(trials, key=lambda trial: trial.mean)


class _Components(NamedTuple):
    """Parameters of a mixture in float64: log weights `[K]`, means `[K, L]`, Cholesky factors `[K, L, L]`."""

    log_weights: tf.Tensor
    means: tf.Tensor
    factors: tf.Tensor


def fit_mixture(posteriors: Posteriors, shares: np.ndarray, shrinkage: float) -> tuple[GaussianMixture, np.ndarray]:
    """Fits a mixture with full covariances, shrunk.

    A full covariance of L dimensions needs many shapes. So each covariance is shrunk towards the pooled one,
    S_k <- (n_k S_k + ν S) / (n_k + ν), and the pooled one towards its diagonal, S <- (N S + ν diag S) / (N + ν), as
    with inverse-Wishart priors worth ν shapes (Fraley and Raftery 2007, "Bayesian Regularization for Normal Mixture
    Estimation and Model-Based Clustering").

    Args:
        posteriors: of N shapes.
        shares: `[N, K]`, initial share of each shape in each component, in [0, 1]; rows sum to 1. See
            `nearest_centres`.
        shrinkage: ν, in shapes, above 0.

    Returns:
        The mixture, and the final shares `[N, K]` float64.

    Raises:
        ValueError: an argument is out of range, the shapes of arrays do not match, or a number is not finite.
    """
    _check(posteriors)
    if shares.ndim != 2 or len(shares) != len(posteriors.means) or not shares.size:
        raise ValueError(f"shares {shares.shape} for {len(posteriors.means)} shapes: give [N, K]")
    if not 0 < shrinkage < np.inf:
        raise ValueError(f"a shrinkage of {shrinkage} shapes: give a number above 0")
    before = -np.inf
    for _ in range(_MOST_ROUNDS):
        fitted = _maximize(posteriors, shares, shrinkage)
        joint = _expected_joint(fitted, posteriors)
        evidence = np.logaddexp.reduce(joint, axis=1, keepdims=True)
        if evidence.mean() - before < _LEAST_GAIN:
            break
        before, shares = evidence.mean(), np.exp(joint - evidence)
    return _stored(fitted), shares


def nearest_centres(means: np.ndarray, components: int, generator: np.random.Generator) -> np.ndarray:
    """Assigns every shape to its nearest centre; chooses the centres by k-means++ (Arthur and Vassilvitskii 2007).

    Args:
        means: `[N, L]`.
        components: K, from 1 to N.
        generator: random number generator.

    Returns:
        `[N, K]` float64 in {0, 1}, each row with a single 1.

    Raises:
        ValueError: there are more components than shapes, or none.
    """
    if not 1 <= components <= len(means):
        raise ValueError(f"{components} components for {len(means)} shapes: give 1 to that number")
    distances = np.empty((len(means), components))
    odds = np.full(len(means), 1 / len(means))
    for component in range(components):
        centre = means[generator.choice(len(means), p=odds)]
        distances[:, component] = np.square(means - centre, dtype=np.float64).sum(axis=1)
        nearest = distances[:, : component + 1].min(axis=1)
        if nearest.any():  # else all shapes are equal, and any centre will do
            odds = nearest / nearest.sum()
    return np.eye(components)[distances.argmin(axis=1)]


def expected_log_likelihood(mixture: GaussianMixture, posteriors: Posteriors) -> np.ndarray:
    """Expected log-likelihood of the samples of each posterior, if all samples of a shape come from one component.

    log Σ_k w_k exp E[log N(z | μ_k, S_k)] over z ~ N(m, diag s), with
    E[log N(z | μ_k, S_k)] = log N(m | μ_k, S_k) - tr(S_k⁻¹ diag s) / 2. A lower bound of E[log p(z)] by Jensen's
    inequality, equal to it for one component.

    Args:
        mixture: of latents of L dimensions.
        posteriors: of N shapes.

    Returns:
        `[N]` float64, nats.

    Raises:
        ValueError: the posteriors' shapes differ, or a number is not finite.
    """
    _check(posteriors)
    log_weights = np.log(mixture.weights.astype(np.float64))
    parts = (log_weights, mixture.means, mixture.factors)
    components = _Components(*(tf.constant(part, tf.float64) for part in parts))
    return np.logaddexp.reduce(_expected_joint(components, posteriors), axis=1)


def _stored(components: _Components) -> GaussianMixture:
    """The mixture in float32."""
    weights = np.exp(components.log_weights.numpy())
    return GaussianMixture(
        (weights / weights.sum()).astype(np.float32),
        components.means.numpy().astype(np.float32),
        components.factors.numpy().astype(np.float32),
    )


def _check(posteriors: Posteriors) -> None:
    means, variances = posteriors
    if means.ndim != 2 or not means.size or means.shape != variances.shape:
        raise ValueError(f"means {means.shape} and variances {variances.shape}: give [N, L] each, both at least 1")
    if not np.isfinite(means).all() or not np.isfinite(variances).all() or variances.min() <= 0:
        raise ValueError(
            "means or variances are not finite, or variances not above 0: train again with a lower learning rate"
        )


def _maximize(posteriors: Posteriors, shares: np.ndarray, shrinkage: float) -> _Components:
    """The M-step: weights, means and shrunk covariances from the shares `[N, K]`."""
    with tf.device("/CPU:0"):
        shares = shares + _LEAST_SHARE
        counts = shares.sum(axis=0)
        total = counts.sum()
        means = tf.matmul(shares, posteriors.means.astype(np.float64), transpose_a=True) / counts[:, np.newaxis]
        scatter = tf.linalg.diag(tf.matmul(shares, posteriors.variances.astype(np.float64), transpose_a=True))
        scatter += tf.stack(
            [_scatter(posteriors.means, share, mean) for share, mean in zip(shares.T, means, strict=True)]
        )
        pooled = tf.reduce_sum(scatter, axis=0) / total
        pooled = (total * pooled + shrinkage * tf.linalg.diag(tf.linalg.diag_part(pooled))) / (total + shrinkage)
        covariances = (scatter + shrinkage * pooled) / (counts + shrinkage)[:, np.newaxis, np.newaxis]
        return _Components(tf.constant(np.log(counts / total)), means, tf.linalg.cholesky(covariances))


def _scatter(means: np.ndarray, share: np.ndarray, centre: tf.Tensor) -> tf.Tensor:
    """Σ_i share_i (m_i - centre)(m_i - centre)ᵀ, `[L, L]`, over the shapes `[N, L]` with a share."""
    rows = share > _COUNTED_SHARE
    weighted = (means[rows].astype(np.float64) - centre) * np.sqrt(share[rows, np.newaxis])
    return tf.matmul(weighted, weighted, transpose_a=True)


def _expected_joint(components: _Components, posteriors: Posteriors) -> np.ndarray:
    """log w_k + E[log N(z | μ_k, S_k)] over each posterior, `[N, K]` float64."""
    with tf.device("/CPU:0"):
        log_weights, means, factors = components
        size = means.shape[1]
        identity = tf.eye(size, batch_shape=[len(means)], dtype=tf.float64)
        precisions = tf.reduce_sum(tf.square(tf.linalg.triangular_solve(factors, identity)), axis=1)  # diag S⁻¹, [K, L]
        log_roots = tf.reduce_sum(tf.math.log(tf.linalg.diag_part(factors)), axis=1)
        constants = log_weights - log_roots - size / 2 * np.log(2 * np.pi)
        found = []
        for start in range(0, len(posteriors.means), _BLOCK):
            block = slice(start, start + _BLOCK)
            offsets = posteriors.means[block].astype(np.float64).T - means[..., tf.newaxis]  # [K, L, B]
            squares = tf.reduce_sum(tf.square(tf.linalg.triangular_solve(factors, offsets)), axis=1)
            traces = tf.matmul(precisions, posteriors.variances[block].astype(np.float64), transpose_b=True)
            found.append(constants[:, tf.newaxis] - (squares + traces) / 2)
        return tf.concat(found, axis=1).numpy().T
