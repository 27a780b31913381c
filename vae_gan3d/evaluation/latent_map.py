"""Latents in two dimensions: along their two main directions, or by t-SNE."""

import numpy as np

from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.linear_classifier import scikit_learn_available

_PERPLEXITY = 30.0
_START_DEVIATION = 1e-4


def pca_map(latents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Projects latents on the two directions in which they vary most (Pearson 1901).

    Args:
        latents: `[K, L]` float, K at least 2, not all equal.

    Returns:
        points: `[K, 2]` float64 around 0. Each direction points to where its largest entry is positive, so that equal
            latents give equal maps; where L is 1 the second coordinate is 0.
        shares: `[2]` float64, the share of the variance along each.

    Raises:
        ValueError: the shape is another, a number is not finite, or all latents are equal.
    """
    if latents.ndim != 2 or len(latents) < 2 or not np.isfinite(latents).all():
        raise ValueError(f"latents of shape {latents.shape} have no map: give [K, L] finite numbers, K at least 2")
    centred = latents - latents.mean(axis=0, dtype=np.float64)
    scores, scales, directions = np.linalg.svd(centred, full_matrices=False)
    if not scales[0]:
        raise ValueError("all latents are equal: there is nothing to map")
    largest = np.abs(directions).argmax(axis=1)
    signs = np.sign(directions[np.arange(len(directions)), largest])
    points, shares = np.zeros((len(latents), 2)), np.zeros(2)
    kept = min(2, len(scales))
    points[:, :kept] = (scores * scales * signs)[:, :kept]
    shares[:kept] = (scales**2 / np.square(scales).sum())[:kept]
    return points, shares


def tsne_map(latents: np.ndarray, seed: int) -> np.ndarray:
    """Lays latents out so that near ones stay near (van der Maaten and Hinton 2008, t-SNE).

    It begins with `pca_map`, as Kobak and Berens 2019 recommend, so that the map's large structure has a meaning. Sizes
    of groups, and distances between them, mean little.

    Args:
        latents: `[K, L]` float, K at least 3, not all equal.
        seed: equal seeds give equal maps on one machine.

    Returns:
        `[K, 2]` float32.

    Raises:
        UserError: scikit-learn is not installed.
        ValueError: as `pca_map`, or there are fewer than three latents.
    """
    require_scikit_learn()
    if len(latents) < 3:
        raise ValueError(f"{len(latents)} latents are too few for t-SNE: give 3 or more")
    from sklearn.manifold import TSNE

    start = pca_map(latents)[0]
    layout = TSNE(
        perplexity=min(_PERPLEXITY, (len(latents) - 1) / 3),
        init=(start / start[:, 0].std() * _START_DEVIATION).astype(np.float32),
        random_state=seed,
    )
    return layout.fit_transform(latents)


def require_scikit_learn() -> None:
    """Refuses t-SNE where scikit-learn is not there; it is not imported.

    Raises:
        UserError: it is not installed.
    """
    if not scikit_learn_available():
        raise UserError("--map=tsne needs scikit-learn: pip install scikit-learn, or give --map=pca")
