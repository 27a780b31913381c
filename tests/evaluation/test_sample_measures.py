"""The measures of samples under their names, with and without training shapes."""

import numpy as np
import pytest

from tests.fakes import box_grid, write_records
from vae_gan3d.evaluation.sample_measures import measure_samples
from vae_gan3d.evaluation.shape_set import ShapeSet
from vae_gan3d.records.record_set import find_records

REAL = np.stack([box_grid(16, low, low + 4) for low in (0, 6, 12)])
TRAINING = np.stack([box_grid(16, low, low + 4) for low in (0, 6, 12, 1, 7, 11)])


@pytest.fixture
def training(tmp_path):
    write_records(tmp_path, TRAINING)
    return ShapeSet(find_records(str(tmp_path)), 16)


def test_samples_that_copy_two_training_shapes(training):
    samples = TRAINING[[1, 1, 4]].astype(bool)
    measures = measure_samples(samples, REAL, training, chamfer_shapes=2, seed=0)
    found = measures.entries
    np.testing.assert_array_equal(measures.neighbors, [1, 1, 4])
    # Every sample is a training shape, and so is every test shape.
    assert (found["nearest_train_distance"], found["nearest_train_distance_real"]) == (0, 0)
    # Both boxes lie nearest to the middle one: box 7 shares 27 of 101 voxels with it, and nothing with box 12.
    assert found["coverage"]["voxel_iou"] == pytest.approx(1 / 3)
    assert found["mmd"]["voxel_iou"] == pytest.approx(2 / 3)
    assert found["occupancy_generated"] == found["occupancy_real"] == 64 / 16**3
    assert found["sizes"] == {
        "samples": 3,
        "test_shapes": 3,
        "chamfer_samples": 2,
        "chamfer_test_shapes": 2,
        "bound_shapes": 3,
        "training_shapes": 6,
    }
    assert set(found["bound"]) == {"one_nna", "coverage", "mmd", "jsd", "occupancy"}


def test_the_bound_is_of_different_training_shapes_by_the_seed(training):
    def bound(seed):
        return measure_samples(REAL.astype(bool), REAL, training, chamfer_shapes=0, seed=seed).entries["bound"]

    assert bound(0) == bound(0)
    assert len({bound(seed)["mmd"]["voxel_iou"] for seed in range(8)}) > 1
    # As many as there are: of each, the three that the test shapes copy are among them.
    all_of_them = np.concatenate([REAL, REAL]).astype(bool)
    whole = measure_samples(all_of_them, REAL, training, chamfer_shapes=0, seed=0).entries
    assert (whole["bound"]["mmd"]["voxel_iou"], whole["bound"]["coverage"]["voxel_iou"]) == (0, 1)


def test_without_training_shapes_their_measures_are_none():
    measures = measure_samples(REAL.astype(bool), REAL, None, chamfer_shapes=0, seed=0)
    found = measures.entries
    assert measures.neighbors is None
    assert [found[name] for name in ("bound", "nearest_train_distance", "nearest_train_distance_real")] == [None] * 3
    assert found["one_nna"] == {"voxel_iou": 0, "chamfer": None}


def test_empty_samples_alone_leave_their_measures_none(training):
    found = measure_samples(np.zeros((3, 16, 16, 16), bool), REAL, training, chamfer_shapes=2, seed=0).entries
    nothing = {"voxel_iou": None, "chamfer": None}
    assert [found[name] for name in ("one_nna", "coverage", "mmd", "jsd")] == [nothing] * 3 + [None]
    assert found["nearest_train_distance"] is None
    assert (found["nearest_train_distance_real"], found["empty_samples"], found["occupancy_generated"]) == (0, 3, 0)
    assert found["bound"]["coverage"]["chamfer"] is not None
