"""Metrics of shapes and of sets of shapes. Plain arrays in, numbers out.

Distances between shapes: voxel IoU, and the Chamfer distance of points on the surfaces. Comparisons of a set of
generated shapes with a set of real shapes: 1-NNA, coverage and MMD by these distances, and JSD by occupied voxels.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import scipy.spatial
import scipy.special

_BLOCK_BYTES = 64 * 2**20  # of the two blocks of float32 voxels in one matrix product
# With surfaces of 2,048 points 16 to 48 are equally fast, smaller leaves are slower.
_LEAF_SIZE = 24


def flat_grids(grids: np.ndarray) -> np.ndarray:
    """Grids as rows of a matrix.

    Args:
        grids: `[M, R, R, R]` bool, or uint8 in {0, 1}, M at least 1.

    Returns:
        `[M, R³]` uint8 in {0, 1}; a view if the grids are contiguous.

    Raises:
        ValueError: wrong shape, type or value.
    """
    if grids.ndim != 4 or not grids.size or len(set(grids.shape[1:])) != 1:
        raise ValueError(f"grids of shape {grids.shape} cannot be compared: give [M, R, R, R], M at least 1")
    if grids.dtype not in (np.bool_, np.uint8):
        raise ValueError(f"grids of type {grids.dtype} cannot be compared: give bool, or uint8 in {{0, 1}}")
    flat = grids.view(np.uint8).reshape(len(grids), -1)
    if flat.max() > 1:
        raise ValueError(f"the grids hold the value {flat.max()}: give 0 for empty voxels and 1 for occupied ones")
    return flat


def voxel_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The Jaccard distance, 1 - IoU, between every grid of one set and every grid of another.

    Needs 64 MiB and a few `[M, N]` matrices of memory.

    Args:
        first: `[M, R, R, R]` bool, or uint8 in {0, 1}.
        second: `[N, R, R, R]` bool, or uint8 in {0, 1}.

    Returns:
        `[M, N]` float32 in [0, 1]: 0 for equal grids (also two empty ones), 1 if no voxel is shared. Equal ratios give
        equal floats, so ties are exact.

    Raises:
        ValueError: the resolutions differ, or the grids are not binary (`flat_grids`).
    """
    rows, columns = flat_grids(first), flat_grids(second)
    if rows.shape[1] != columns.shape[1]:
        raise ValueError(f"grids of sides {first.shape[1]} and {second.shape[1]} cannot be compared: resize one set")
    # Sums of at most 128³ = 2²¹ ones are exact in float32.
    both = np.zeros((len(rows), len(columns)), np.float32)
    step = max(1, _BLOCK_BYTES // (4 * (len(rows) + len(columns))))
    for start in range(0, rows.shape[1], step):
        both += _block(rows, start, step) @ _block(columns, start, step).T
    row_sizes = rows.sum(axis=1, dtype=np.float32)
    either = row_sizes[:, np.newaxis] + columns.sum(axis=1, dtype=np.float32) - both
    # 0 / 0 for two empty grids, which are equal: distance 0.
    return np.divide(either - both, either, out=np.zeros_like(both), where=either > 0)


def _block(flat: np.ndarray, start: int, step: int) -> np.ndarray:
    """Some voxels of every grid, as float32."""
    return flat[:, start : start + step].astype(np.float32)


def surface_points(grid: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Draws points from the surface of a grid, uniformly by area.

    The surface consists of the faces between occupied and empty voxels (also in enclosed hollows) and between occupied
    voxels and the border of the grid. All faces have the same area: we draw a face, then a point on it.

    Args:
        grid: `[R, R, R]`; voxels other than 0 are occupied.
        count: number of points, at least 1.
        generator: random number generator; equal states give equal points.

    Returns:
        `[count, 3]` float32 in [0, 1], in units of the grid's side: voxel (i, j, k) fills [i/R, (i+1)/R] x ...

    Raises:
        ValueError: the grid is not cubic, no voxel is occupied, or the count is below 1.
    """
    if grid.ndim != 3 or len(set(grid.shape)) != 1:
        raise ValueError(f"a grid of shape {grid.shape} has no surface to draw from: give [R, R, R]")
    if count < 1:
        raise ValueError(f"count={count}: draw 1 point or more")
    corners, axes = _exposed_faces(grid)
    if not len(corners):
        raise ValueError("the grid has no occupied voxel, so it has no surface: leave it out")
    chosen = generator.integers(len(corners), size=count)
    offsets = generator.random((count, 3))
    offsets[np.arange(count), axes[chosen]] = 0
    return ((corners[chosen] + offsets) / len(grid)).astype(np.float32)


def _exposed_faces(grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Low corners of the exposed faces in voxels, `[F, 3]` int, and the axes of their normals, `[F]` int."""
    padded = np.pad(grid != 0, 1)
    corners = []
    for axis in range(3):
        inside = [slice(1, -1)] * 3
        inside[axis] = slice(None)
        # diff of booleans: whether a voxel differs from the next one.
        corners.append(np.argwhere(np.diff(padded[tuple(inside)], axis=axis)))
    axes = np.repeat(np.arange(3), [len(found) for found in corners])
    return np.concatenate(corners), axes


def chamfer_distances(
    first: np.ndarray,
    second: np.ndarray | None = None,
    workers: int = -1,
    progress: Callable[[int], None] | None = None,
) -> np.ndarray:
    """The Chamfer distance between every point cloud of one set and every point cloud of another.

    CD(X, Y) is the mean over X of the squared distance to the nearest point of Y, plus the mean over Y of the squared
    distance to the nearest point of X (Yang et al. 2019, PointFlow: the paper writes sums, its code takes means). It
    is exact: a k-d tree finds the nearest points in float64.

    Takes 2 M N P queries (M M P with one set), each about half a microsecond on one core at P = 2,048, and about 70
    bytes of memory for each point of the larger set.

    Args:
        first: `[M, P, 3]` float, M and P at least 1.
        second: `[N, Q, 3]` float, or None for the distances within the first set.
        workers: threads; -1 for one on each processor. Does not change the result.
        progress: called with 1 after each cloud: M + N times, or M times with one set.

    Returns:
        `[M, N]` float64, 0 or more, in squared units of the points; with one set `[M, M]`, symmetric with a zero
        diagonal.

    Raises:
        ValueError: wrong shape, or a coordinate is not finite.
    """
    _check_clouds(first)
    if second is None:
        one_way = _one_way(first, first, workers, progress)
        return one_way + one_way.T
    _check_clouds(second)
    return _one_way(first, second, workers, progress) + _one_way(second, first, workers, progress).T


def _check_clouds(clouds: np.ndarray) -> None:
    if clouds.ndim != 3 or clouds.shape[2] != 3 or not clouds.size:
        raise ValueError(f"clouds of shape {clouds.shape} cannot be compared: give [M, P, 3], M and P at least 1")
    if not np.isfinite(clouds).all():
        raise ValueError("a cloud has a coordinate that is not finite: leave it out")


def _one_way(
    sources: np.ndarray, targets: np.ndarray, workers: int, progress: Callable[[int], None] | None
) -> np.ndarray:
    """Mean squared distance from the points of each source to the nearest point of each target, `[M, N]` float64."""
    count, size = sources.shape[:2]
    points = sources.reshape(-1, 3).astype(np.float64)
    # Queries next to each other find their branch of the tree in the cache: a quarter less time. The leaves of a tree
    # over all queries give such an order.
    order = scipy.spatial.KDTree(points, leafsize=_LEAF_SIZE).indices
    points, owners = points[order], order // size
    means = np.empty((count, len(targets)))
    for column, target in enumerate(targets):
        distances, _ = scipy.spatial.KDTree(target, leafsize=_LEAF_SIZE).query(points, workers=workers)
        means[:, column] = np.bincount(owners, distances**2, count) / size
        if progress is not None:
            progress(1)
    return means


@dataclasses.dataclass(frozen=True)
class SetMetrics:
    """Metrics of two sets by one kind of distance.

    Attributes:
        one_nna: 1-nearest-neighbour accuracy, in [0, 1]; 0.5 is best.
        coverage: in [0, 1]; higher is better.
        mmd: minimum matching distance, in units of the distance; lower is better.
    """

    one_nna: float
    coverage: float
    mmd: float


def set_metrics(among_samples: np.ndarray, samples_to_real: np.ndarray, among_real: np.ndarray) -> SetMetrics:
    """Computes all of `SetMetrics`.

    Args:
        among_samples: `[M, M]` distances, symmetric; the diagonal is ignored.
        samples_to_real: `[M, N]` distances. Coverage and MMD depend on M and N: compare them only at equal M and N.
        among_real: `[N, N]` distances, symmetric; the diagonal is ignored.

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
    """1-NNA: leave-one-out accuracy of a 1-nearest-neighbour classifier of generated and real shapes.

    The two-sample test of Lopez-Paz and Oquab 2017, used on shapes by Yang et al. 2019 (PointFlow). 1: the nearest
    neighbour of every shape is of its own set (the sets are apart). About 0.5: the sets are alike. 0: the nearest
    neighbour is always of the other set, for example if the samples are copies of the real shapes.

    Ties: if several shapes are equally near, the share of the own set among them counts, the mean of a random choice.
    So the order of the shapes does not matter. Sets of different sizes: the mean of the accuracies of both sets.

    Args:
        among_samples: `[M, M]` distances, symmetric; the diagonal is ignored.
        samples_to_real: `[M, N]` distances.
        among_real: `[N, N]` distances, symmetric; the diagonal is ignored.

    Returns:
        In [0, 1].

    Raises:
        ValueError: a matrix is empty, not finite, or of the wrong shape; or a set has only one shape.
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
    """Coverage (Achlioptas et al. 2018): the share of real shapes that are the nearest one of at least one sample.

    If several real shapes are equally near, the first counts.

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
    """MMD (Achlioptas et al. 2018): the mean over real shapes of the distance to the nearest sample.

    Args:
        samples_to_real: `[M, N]` distances.

    Returns:
        In units of the distance.

    Raises:
        ValueError: the matrix is empty or not finite.
    """
    return float(nearest_distances(samples_to_real.T).mean())


def nearest_distances(distances: np.ndarray) -> np.ndarray:
    """The distance of each shape of one set to the nearest shape of another.

    Shows copies: samples are then nearer to training shapes than test shapes are.

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
    """The Jensen-Shannon divergence of the occupied voxels of two sets (Achlioptas et al. 2018).

    The distribution of a set over voxels is the sum of its grids, normalised to 1. Natural logarithm; the authors' code
    uses base 2: divide by ln 2 to compare.

    Args:
        first_occupancy: grids `[M, R, R, R]` bool, or uint8 in {0, 1}.
        second_occupancy: grids `[N, R, R, R]` bool, or uint8 in {0, 1}.

    Returns:
        In [0, ln 2]: 0 for equal distributions, ln 2 if no voxel is shared.

    Raises:
        ValueError: the resolutions differ, the grids are not binary, or all grids of a set are empty.
    """
    first, second = _voxel_distribution(first_occupancy), _voxel_distribution(second_occupancy)
    if first.shape != second.shape:
        sides = (first_occupancy.shape[1], second_occupancy.shape[1])
        raise ValueError(f"grids of sides {sides[0]} and {sides[1]} cannot be compared: resize one set")
    middle = (first + second) / 2
    divergence = (scipy.special.rel_entr(first, middle) + scipy.special.rel_entr(second, middle)).sum() / 2
    # Rounding can leave the range by one ulp.
    return float(np.clip(divergence, 0, np.log(2)))


def _voxel_distribution(grids: np.ndarray) -> np.ndarray:
    """Distribution of the occupied voxels of a set, `[R³]` float64 with sum 1."""
    counts = flat_grids(grids).sum(axis=0, dtype=np.int64)
    total = counts.sum()
    if not total:
        raise ValueError(f"none of the {len(grids)} grids has an occupied voxel: give another set")
    return counts / total


def _own_share(among: np.ndarray, across: np.ndarray) -> float:
    """Accuracy of one set: the mean share of it among the nearest shapes, from `[A, A]` and `[A, B]` distances."""
    others = among.astype(np.float64)
    np.fill_diagonal(others, np.inf)
    nearest = np.minimum(others.min(axis=1), across.min(axis=1))[:, np.newaxis]
    own, other = (others == nearest).sum(axis=1), (across == nearest).sum(axis=1)
    return float((own / (own + other)).mean())


def _check_distances(distances: np.ndarray) -> None:
    if distances.ndim != 2 or not distances.size:
        raise ValueError(f"distances of shape {distances.shape}: give a matrix with a row and a column or more")
    if not np.isfinite(distances).all():
        raise ValueError("a distance is not finite: leave out its shape")
