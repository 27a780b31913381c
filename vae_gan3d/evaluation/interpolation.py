"""Paths between latent vectors."""

import itertools
from collections.abc import Callable

import numpy as np

Mix = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
_LEAST_SINE = 1e-6


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


def interpolate_on_sphere(first: np.ndarray, second: np.ndarray, alpha: float | np.ndarray) -> np.ndarray:
    """v = (sin(αω) v0 + sin((1 - α)ω) v1) / sin ω, with ω the angle between v0 and v1: slerp.

    Shoemake 1985, "Animating Rotation with Quaternion Curves"; for latents White 2016, "Sampling Generative Networks":
    latents of N(0, I) lie near a sphere, which a straight path leaves. Vectors of one length keep it along the way.
    Where the vectors are (nearly) parallel or opposite, or one is zero, no great circle is theirs, and the path is
    straight.

    Args:
        first: v0, `[L]` float.
        second: v1, `[L]` float.
        alpha: as in `interpolate`; outside [0, 1] it goes on along the circle.

    Returns:
        `[L]`, or `[K, L]`, float32; v0 itself at α = 1 and v1 at α = 0.

    Raises:
        ValueError: the vectors are not of one shape.
    """
    straight = interpolate(first, second, alpha)
    ends = np.stack([first, second]).astype(np.float64)
    lengths = np.linalg.norm(ends, axis=1, keepdims=True)
    if not lengths.all():
        return straight
    directions = ends / lengths
    # Kahan's angle, which unlike the arc cosine is exact for nearly parallel vectors too.
    angle = 2 * np.arctan2(np.linalg.norm(directions[0] - directions[1]), np.linalg.norm(directions.sum(axis=0)))
    if np.sin(angle) < _LEAST_SINE:
        return straight
    share = np.asarray(alpha, np.float64)[..., np.newaxis]
    mixed = (np.sin(share * angle) * ends[0] + np.sin((1 - share) * angle) * ends[1]) / np.sin(angle)
    return mixed.astype(np.float32)


def path_alphas(steps: int) -> np.ndarray:
    """`steps` values of α from 0 (the second shape) to 1 (the first), evenly spaced, as `[steps]` float32.

    Raises:
        ValueError: steps is below 2.
    """
    if steps < 2:
        raise ValueError(f"steps={steps}: a path needs 2 values of alpha or more")
    return np.linspace(0, 1, steps, dtype=np.float32)


def path_through(points: np.ndarray, steps: int, mix: Mix = interpolate) -> np.ndarray:
    """A path that goes from the first of several latents through all of them to the last.

    Args:
        points: `[N, L]` float, N at least 2.
        steps: latents on each stretch between two points, both points among them.
        mix: `interpolate` or `interpolate_on_sphere`.

    Returns:
        `[(N - 1) (steps - 1) + 1, L]` float32: each point in between stands once.

    Raises:
        ValueError: there are fewer than two points, or steps is below 2.
    """
    if points.ndim != 2 or len(points) < 2:
        raise ValueError(f"points of shape {points.shape} make no path: give [N, L], N at least 2")
    alphas = path_alphas(steps)
    stretches = [mix(end, start, alphas) for start, end in itertools.pairwise(points)]
    return np.concatenate([stretches[0], *(stretch[1:] for stretch in stretches[1:])])
