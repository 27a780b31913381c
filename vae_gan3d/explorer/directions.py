"""The directions in which latents vary most. Needs no TensorFlow."""

import dataclasses

import numpy as np

from vae_gan3d.models.priors import GaussianMixture, MixturePrior

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
