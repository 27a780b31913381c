"""The training shapes that lie nearest to given shapes: whether samples are copies of them."""

import numpy as np

from vae_gan3d.evaluation.shape_set import ShapeSet
from vae_gan3d.evaluation.voxel_distances import voxel_distances
from vae_gan3d.progress import progress_bar

# Every block meets all the given shapes, so that small ones cost time.
_BLOCK_BYTES = 64 * 2**20


def nearest_training_shapes(grids: np.ndarray, training: ShapeSet) -> tuple[np.ndarray, np.ndarray]:
    """Finds for every shape the training shape with the highest IoU.

    Training shapes are unpacked a block at a time.

    Args:
        grids: `[M, R, R, R]` bool, or uint8 in {0, 1}.
        training: the training shapes, at the same resolution.

    Returns:
        distances: `[M]` float64 in [0, 1], 1 - IoU.
        numbers: `[M]` int64 in [0, training.count), of equally near ones the first.

    Raises:
        ValueError: the grids are not binary, or of another resolution (`voxel_distances`).
    """
    distances, numbers = np.full(len(grids), np.inf), np.zeros(len(grids), np.int64)
    with progress_bar(total=training.count, desc="comparing with training shapes", unit="shape") as bar:
        for block_numbers, block in training.blocks(_BLOCK_BYTES):
            matrix = voxel_distances(grids, block)
            places = matrix.argmin(axis=1)
            found = matrix[np.arange(len(grids)), places]
            nearer = found < distances
            distances[nearer], numbers[nearer] = found[nearer], block_numbers[places[nearer]]
            bar.update(len(block))
    return distances, numbers
