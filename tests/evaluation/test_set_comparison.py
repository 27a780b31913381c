"""Sets of shapes compared, by hand."""

import numpy as np
import pytest

from tests.fakes import box_grid, random_grids, write_records
from vae_gan3d.data.record_set import find_records
from vae_gan3d.evaluation import set_comparison as module
from vae_gan3d.evaluation.set_comparison import RealSet, measure_samples
from vae_gan3d.evaluation.shape_set import ShapeSet

BOXES = np.stack([box_grid(16, low, low + 4) for low in (0, 6, 12)])
EMPTY = np.zeros((2, 16, 16, 16), np.uint8)


@pytest.fixture(scope="module")
def real():
    return RealSet(BOXES, chamfer_shapes=3, seed=0)


def test_a_copy_of_the_real_set(real):
    quality = real.compare(BOXES.astype(bool), 1)
    # Every box's nearest is its copy, of the other set: 1-NNA 0.
    assert (quality.voxel_iou.one_nna, quality.voxel_iou.coverage, quality.voxel_iou.mmd) == (0, 1, 0)
    assert (quality.chamfer.one_nna, quality.chamfer.coverage) == (0, 1)
    # Other points on the same surfaces: near, not equal.
    assert 0 < quality.chamfer.mmd < 1e-3
    assert quality.jsd == 0
    assert quality.occupancy == real.occupancy == 64 / 16**3
    assert (quality.empty, quality.chamfer_shapes, real.chamfer_shapes) == (0, 3, 3)


def test_one_shape_over_and_over(real):
    quality = real.compare(np.repeat(BOXES[:1], 3, axis=0), 1)
    # The samples are box 0, whose nearest are the other samples and real box 0 alike: 2 own of 3. Real box 0 has
    # the samples; boxes 1 and 2 are at distance 1 from all: 2 own of 5. (3 * 2/3 / 3 + (0 + 2 * 2/5) / 3) / 2.
    assert quality.voxel_iou.one_nna == pytest.approx((2 / 3 + 0.8 / 3) / 2)
    assert quality.voxel_iou.coverage == pytest.approx(1 / 3)
    assert quality.voxel_iou.mmd == pytest.approx(2 / 3)
    assert quality.chamfer.coverage == pytest.approx(1 / 3)


def test_empty_shapes_are_far_by_voxels_and_left_out_of_the_chamfer_distance(real):
    quality = real.compare(np.concatenate([EMPTY, BOXES[:2]]), 1)
    assert (quality.empty, quality.chamfer_shapes) == (2, 2)
    # Box 2 is at distance 1 from all samples, the others at 0.
    assert quality.voxel_iou.mmd == pytest.approx(1 / 3)
    assert quality.chamfer is not None


def test_nothing_compares_with_empty_shapes_alone(real):
    quality = real.compare(EMPTY, 1)
    assert (quality.voxel_iou, quality.chamfer, quality.jsd) == (None, None, None)
    assert (quality.occupancy, quality.empty, quality.chamfer_shapes) == (0, 2, 0)


def test_one_shape_makes_no_set(real):
    one = RealSet(BOXES[:1], chamfer_shapes=3, seed=0).compare(BOXES, 1)
    assert (one.voxel_iou, one.chamfer) == (None, None)
    assert one.jsd > 0
    assert real.compare(BOXES[:1], 1).voxel_iou is None


def test_the_chamfer_distance_can_be_left_out_or_taken_of_a_few():
    without = RealSet(BOXES, chamfer_shapes=0, seed=0)
    assert (without.compare(BOXES, 1).chamfer, without.chamfer_shapes) == (None, 0)
    assert without.compare(BOXES, 1).voxel_iou is not None
    few = RealSet(BOXES, chamfer_shapes=2, seed=0)
    # The first and the last: coverage counts these two.
    assert (few.compare(BOXES, 1).chamfer.coverage, few.chamfer_shapes) == (1, 2)


def test_points_follow_the_seed_and_the_stream():
    grids = random_grids(3, 16, seed=1)

    def distances(seed, stream):
        return RealSet(BOXES, chamfer_shapes=3, seed=seed).compare(grids, stream).chamfer.mmd

    assert distances(0, 1) == distances(0, 1)
    assert len({distances(0, 1), distances(0, 2), distances(1, 1)}) == 3


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
