"""Records as grids at the model's resolution."""

import numpy as np
import pytest

from tests.fakes import random_grids, write_records
from tests.small_runs import VoxelModel
from vae_gan3d.data.grids import resize_grid
from vae_gan3d.data.record_set import find_records
from vae_gan3d.evaluation import shape_set as module
from vae_gan3d.evaluation.shape_set import ShapeSet, evenly_spread


@pytest.mark.parametrize("resolution", [16, 32, 64])
def test_grids_are_those_of_the_records_at_any_resolution(tmp_path, resolution):
    stored = random_grids(5, 32)
    write_records(tmp_path, stored, labels=[0, 1, 1, 0, 1], classes=("chair", "table"))
    shapes = ShapeSet(find_records(str(tmp_path)), resolution)
    expected = np.stack([resize_grid(grid, resolution) for grid in stored])
    np.testing.assert_array_equal(shapes.grids([4, 0]), expected[[4, 0]])
    assert shapes.grids([]).shape == (0, resolution, resolution, resolution)
    assert (shapes.count, shapes.grids([0]).dtype) == (5, np.uint8)
    assert shapes.class_names([0, 1, 4]) == ["chair", "table", "table"]


@pytest.mark.parametrize(("block_bytes", "sizes"), [(1, [1] * 5), (2 * 16**3, [2, 2, 1]), (2**20, [5])])
def test_blocks_hold_every_shape_once_in_order(tmp_path, block_bytes, sizes):
    grids = random_grids(5, 16)
    write_records(tmp_path, grids)
    blocks = list(ShapeSet(find_records(str(tmp_path)), 16).blocks(block_bytes))
    assert [len(numbers) for numbers, _ in blocks] == sizes
    np.testing.assert_array_equal(np.concatenate([numbers for numbers, _ in blocks]), range(5))
    np.testing.assert_array_equal(np.concatenate([part for _, part in blocks]), grids)


@pytest.mark.parametrize(("total", "count"), [(1, 1), (7, 7), (7, 9), (10, 3), (101, 100), (1000, 999)])
def test_spread_numbers_are_distinct_and_reach_both_ends(total, count):
    numbers = evenly_spread(total, count)
    assert len(numbers) == len(set(numbers)) == min(total, count)
    assert numbers[0] == 0
    assert numbers[-1] == (total - 1 if min(total, count) > 1 else 0)
    assert np.diff(numbers, n=1).max(initial=0) - np.diff(numbers, n=1).min(initial=total) <= 1


GRIDS = random_grids(5, 16)


@pytest.fixture
def records(tmp_path):
    write_records(tmp_path, GRIDS, [0, 1, 0, 1, 0], ("chair", "table", "sofa"))
    return find_records(str(tmp_path))


def test_shapes_are_encoded_in_the_order_asked_for_block_by_block(records, monkeypatch):
    monkeypatch.setattr(module, "_ENCODED", 2)
    latents = ShapeSet(records, 16).encode(VoxelModel(), np.array([4, 0, 3]))
    np.testing.assert_array_equal(latents, GRIDS[[4, 0, 3]].reshape(3, -1))


def test_the_sources_of_records_are_known(records):
    assert ShapeSet(records, 16).sources(np.array([3, 0])) == ["table/30/train/3.mat", "chair/30/train/0.mat"]
