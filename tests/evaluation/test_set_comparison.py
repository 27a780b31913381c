"""Sets of shapes beside real ones, in cases where the answer is known."""

import numpy as np
import pytest

from tests.fakes import box_grid, random_grids
from vae_gan3d.evaluation.set_comparison import RealSet

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
