"""The nearest training shape of each of some shapes."""

import numpy as np
import pytest

from tests.fakes import box_grid, write_records
from vae_gan3d.evaluation import nearest_training_shapes as module
from vae_gan3d.evaluation.shape_set import ShapeSet
from vae_gan3d.records.record_set import find_records


@pytest.mark.parametrize("block_bytes", [1, 2 * 16**3, 2**20])
def test_copies_ties_and_strangers(tmp_path, monkeypatch, block_bytes):
    monkeypatch.setattr(module, "_BLOCK_BYTES", block_bytes)
    training = np.stack([box_grid(16, 0, 2), box_grid(16, 4, 8), box_grid(16, 4, 8), box_grid(16, 4, 6)])
    write_records(tmp_path, training)
    shapes = ShapeSet(find_records(str(tmp_path)), 16)
    # A copy of the last; a shape that is twice there, so the first counts; 5^3 = 125 voxels around the 64 of [4, 8);
    # one that shares nothing with any; an empty one.
    samples = [box_grid(16, 4, 6), box_grid(16, 4, 8), box_grid(16, 4, 9), box_grid(16, 12, 14), box_grid(16, 0, 0)]
    distances, numbers = module.nearest_training_shapes(np.stack(samples).astype(bool), shapes)
    np.testing.assert_allclose(distances, [0, 0, 1 - 64 / 125, 1, 1], rtol=1e-6)
    np.testing.assert_array_equal(numbers[:3], [3, 1, 1])
