"""How a set of generated shapes compares with a set of real ones, from the distances between them."""

import dataclasses

import numpy as np
import scipy.special

from vae_gan3d.evaluation.voxel_distances import flat_grids


@dataclasses.dataclass(frozen=True)
class SetMetrics:
    """The measures that one kind of distance gives.

    Attributes:
        one_nna: the 1-nearest-neighbour accuracy, in [0, 1]; 0.5 is best.
        coverage: in [0, 1]; more is better.
        mmd: the minimum matching distance, in units of the distance; less is better.
    """

    one_nna: float
    coverage: float
    mmd: float


def set_metrics(among_samples: np.ndarray, samples_to_real: np.ndarray, among_real: np.ndarray) -> SetMetrics:
    """All of `SetMetrics` at once.

    Args:
        among_samples: `[M, M]` distances, symmetric; the diagonal is not looked at.
        samples_to_real: `[M, N]` distances. Coverage and MMD depend on M and N, so compare them at the same ones.
        among_real: `[N, N]` distances, symmetric; the diagonal is not looked at.

    Raises:
        ValueError: as `one_nearest_neighbor_accuracy`.
    """
    return SetMetrics(
        one_nna=one_nearest_neighbor_accuracy(among_samples, samples_to_real, among_real),
        coverage=coverage(samples_to_real),
        mmd=minimum_matching_distance(samples_to_real),
    )


def one_nearest_neighbor_accuracy(
    among_samples: np.ndarray, samples_to_real: np.ndarray, among_real: np.ndarray
) -> float:
    """How well the nearest other shape tells whether a shape is generated or real: 1-NNA, leave-one-out.

    The two-sample test of Lopez-Paz and Oquab 2017, used on shapes by Yang et al. 2019 (PointFlow). 1: every shape's
    nearest is of its own set, as with sets that lie apart. About 0.5: they cannot be told apart. 0: every shape's
    nearest is of the other set, as with one copy of each real shape.

    Ties: where several shapes are equally near, the share of its own set among them counts, which is what choosing one
    of them at random gives on average; the order of the shapes changes nothing. Sets of different sizes: the mean of
    the two sets' shares, which is the share of all shapes where M = N.

    Args:
        among_samples: `[M, M]` distances, symmetric; the diagonal is not looked at.
        samples_to_real: `[M, N]` distances.
        among_real: `[N, N]` distances, symmetric; the diagonal is not looked at.

    Returns:
        In [0, 1].

    Raises:
        ValueError: a matrix is empty, not finite, or does not fit the others; or there is but one shape in a set.
    """
    _check_distances(samples_to_real)
    samples, real = samples_to_real.shape
    for matrix, size in ((among_samples, samples), (among_real, real)):
        _check_distances(matrix)
        if matrix.shape != (size, size):
            raise ValueError(f"distances {matrix.shape} within a set of {size} shapes: give [{size}, {size}]")
        if size < 2:
            raise ValueError("a set of one shape has no nearest neighbour within it: give 2 shapes or more")
    return (_own_share(among_samples, samples_to_real) + _own_share(among_real, samples_to_real.T)) / 2


def coverage(samples_to_real: np.ndarray) -> float:
    """The share of real shapes that are the nearest real shape of at least one sample (Achlioptas et al. 2018).

    Of real shapes that are equally near, the first counts.

    Args:
        samples_to_real: `[M, N]` distances.

    Returns:
        In (0, 1], at most M / N.

    Raises:
        ValueError: the matrix is empty or not finite.
    """
    _check_distances(samples_to_real)
    return len(np.unique(samples_to_real.argmin(axis=1))) / samples_to_real.shape[1]


def minimum_matching_distance(samples_to_real: np.ndarray) -> float:
    """The mean over real shapes of the distance to the nearest sample: MMD (Achlioptas et al. 2018).

    Args:
        samples_to_real: `[M, N]` distances.

    Returns:
        In units of the distance.

    Raises:
        ValueError: the matrix is empty or not finite.
    """
    return float(nearest_distances(samples_to_real.T).mean())


def nearest_distances(distances: np.ndarray) -> np.ndarray:
    """The distance of each shape of one set to the nearest of another.

    With samples and training shapes it shows copies: the samples' values lie below those of test shapes, which the
    model cannot have copied.

    Args:
        distances: `[M, N]`.

    Returns:
        `[M]` float64, in units of the distance.

    Raises:
        ValueError: the matrix is empty or not finite.
    """
    _check_distances(distances)
    return distances.min(axis=1).astype(np.float64)


def jensen_shannon_divergence(first_occupancy: np.ndarray, second_occupancy: np.ndarray) -> float:
    """The Jensen-Shannon divergence between where two sets of shapes occupy space (Achlioptas et al. 2018).

    A set's distribution over voxels is the sum of its grids, normalised to 1. The logarithm is natural; that of the
    authors' code is to base 2, so divide by ln 2 to compare with it.

    Args:
        first_occupancy: the grids, `[M, R, R, R]` bool, or uint8 in {0, 1}.
        second_occupancy: `[N, R, R, R]` likewise.

    Returns:
        In [0, ln 2]: 0 for equal distributions, ln 2 where no voxel is shared.

    Raises:
        ValueError: the grids are not of one resolution, not binary, or a set's grids are all empty.
    """
    first, second = _voxel_distribution(first_occupancy), _voxel_distribution(second_occupancy)
    if first.shape != second.shape:
        sides = (first_occupancy.shape[1], second_occupancy.shape[1])
        raise ValueError(f"grids of sides {sides[0]} and {sides[1]} cannot be compared: resize one set")
    middle = (first + second) / 2
    divergence = (scipy.special.rel_entr(first, middle) + scipy.special.rel_entr(second, middle)).sum() / 2
    # Rounding may leave the range by an ulp.
    return float(np.clip(divergence, 0, np.log(2)))


def _voxel_distribution(grids: np.ndarray) -> np.ndarray:
    """The share of all the occupied voxels of a set that lie at each place, `[R³]` float64, summing to 1."""
    counts = flat_grids(grids).sum(axis=0, dtype=np.int64)
    total = counts.sum()
    if not total:
        raise ValueError(f"none of the {len(grids)} grids holds an occupied voxel: give a set with one that does")
    return counts / total


def _own_share(among: np.ndarray, across: np.ndarray) -> float:
    """The mean over a set of the share of that set among a shape's nearest: `[A, A]` and `[A, B]` distances."""
    others = among.astype(np.float64)
    np.fill_diagonal(others, np.inf)
    nearest = np.minimum(others.min(axis=1), across.min(axis=1))[:, np.newaxis]
    own, other = (others == nearest).sum(axis=1), (across == nearest).sum(axis=1)
    return float((own / (own + other)).mean())


def _check_distances(distances: np.ndarray) -> None:
    if distances.ndim != 2 or not distances.size:
        raise ValueError(f"distances of shape {distances.shape}: give a matrix with a row and a column or more")
    if not np.isfinite(distances).all():
        raise ValueError("the distances hold a value that is not finite: leave out the shape that gave it")
