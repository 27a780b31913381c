"""Distances between sets of binary voxel grids: 1 - IoU of every pair."""

import numpy as np

# What the two blocks of float32 voxels that are multiplied at a time may take together.
_BLOCK_BYTES = 64 * 2**20


def flat_grids(grids: np.ndarray) -> np.ndarray:
    """One row for each grid.

    Args:
        grids: `[M, R, R, R]` bool, or uint8 in {0, 1}, M at least 1.

    Returns:
        `[M, R³]` uint8 in {0, 1}; a view where the grids are contiguous.

    Raises:
        ValueError: the shape, the type or a value is another.
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
    """1 - IoU, the Jaccard distance, between every grid of one set and every grid of another.

    Memory beside the two sets stays at 64 MiB and a few `[M, N]` matrices.

    Args:
        first: `[M, R, R, R]` bool, or uint8 in {0, 1}.
        second: `[N, R, R, R]` likewise.

    Returns:
        `[M, N]` float32 in [0, 1]: 0 for equal grids, two empty ones among them, and 1 where no voxel is shared. Equal
        ratios give equal floats, so ties are true ties.

    Raises:
        ValueError: the grids are not of one resolution, or not binary (`flat_grids`).
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
    # Two empty grids: nothing of nothing is shared, and they are equal.
    return np.divide(either - both, either, out=np.zeros_like(both), where=either > 0)


def _block(flat: np.ndarray, start: int, step: int) -> np.ndarray:
    """Some voxels of every grid, as float32."""
    return flat[:, start : start + step].astype(np.float32)
