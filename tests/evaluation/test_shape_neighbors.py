"""Distances to the shapes of a set, by hand."""

import numpy as np
import pytest

from tests.fakes import box_grid, write_records
from tests.voxel_model import VoxelModel
from vae_gan3d.evaluation.shape_neighbors import cosine_distances, distances_to, nearest
from vae_gan3d.evaluation.shape_set import ShapeSet
from vae_gan3d.records.record_set import find_records


def test_cosines_by_hand():
    # The same direction, 60 degrees, a right angle, the opposite; and a vector without direction.
    others = np.float32([[4, 0], [1, 3**0.5], [0, 3], [-1, 0], [0, 0]])
    np.testing.assert_allclose(cosine_distances(np.float32([2, 0]), others), [0, 0.5, 1, 2, 1], atol=1e-6)
    np.testing.assert_array_equal(cosine_distances(np.zeros(2), others), np.ones(5))


def test_both_distances_by_hand(tmp_path):
    grids = np.stack([box_grid(16, 0, 4), box_grid(16, 0, 8), box_grid(16, 8, 12)])
    write_records(tmp_path, grids)
    latents, voxels = distances_to(VoxelModel(), box_grid(16, 0, 4), ShapeSet(find_records(str(tmp_path)), 16))
    # 64 voxels of 512: their cosine is 64 / sqrt(64 * 512), their IoU 64 / 512.
    np.testing.assert_allclose(latents, [0, 1 - 64 / (64 * 512) ** 0.5, 1], atol=1e-6)
    np.testing.assert_allclose(voxels, [0, 1 - 1 / 8, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("count", "excluded", "expected"),
    [(2, None, [1, 0]), (3, None, [1, 0, 3]), (3, 1, [0, 3, 2]), (3, 0, [1, 3, 2]), (9, 2, [1, 0, 3])],
)
def test_the_nearest_come_first_and_one_can_be_left_out(count, excluded, expected):
    distances = np.array([0.5, 0.0, 0.9, 0.5])
    np.testing.assert_array_equal(nearest(distances, count, excluded=excluded), expected)
