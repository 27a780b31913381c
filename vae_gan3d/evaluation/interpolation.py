"""Paths between two latent vectors."""

import numpy as np


def interpolate(first: np.ndarray, second: np.ndarray, alpha: float | np.ndarray) -> np.ndarray:
    """v = α v0 + (1 - α) v1.

    Args:
        first: v0, `[L]` float.
        second: v1, `[L]` float.
        alpha: the share of v0: a number, or `[K]`; outside [0, 1] it extrapolates.

    Returns:
        `[L]`, or `[K, L]`, float32.

    Raises:
        ValueError: the vectors are not of one shape.
    """
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"latents of shapes {first.shape} and {second.shape} cannot be mixed: give two of one length")
    share = np.asarray(alpha, np.float32)[..., np.newaxis]
    return share * first + (1 - share) * second


def path_alphas(steps: int) -> np.ndarray:
    """`steps` values of α from 0 (the second shape) to 1 (the first), evenly spaced, as `[steps]` float32.

    Raises:
        ValueError: steps is below 2.
    """
    if steps < 2:
        raise ValueError(f"steps={steps}: a path needs 2 values of alpha or more")
    return np.linspace(0, 1, steps, dtype=np.float32)
