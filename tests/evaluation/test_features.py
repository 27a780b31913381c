"""Trunk features: shapes, values by hand, and batches."""

import numpy as np
import pytest
import tensorflow as tf

from tests.fakes import random_grids
from vae_gan3d.evaluation.features import pooled_features, trunk_features
from vae_gan3d.networks.trunk import Trunk


class FakeTrunk:
    """A trunk whose stages are given."""

    def __init__(self, stages):
        self.stages = [tf.constant(stage) for stage in stages]

    def features(self, voxels):
        return self.stages


def built_trunk(resolution):
    """A small trunk with its first weights."""
    trunk = Trunk(resolution=resolution, base_width=8, normalization="group")
    trunk.build((None, resolution, resolution, resolution, 1))
    return trunk


def one_shape(values):
    """`[D, H, W]` as a stage of one shape and one channel."""
    return np.asarray(values, np.float32)[np.newaxis, ..., np.newaxis]


@pytest.mark.parametrize(("resolution", "channels"), [(16, 8 + 16), (32, 8 + 16 + 32), (64, 16 + 32 + 64)])
def test_the_last_three_stages_give_eight_numbers_a_channel(resolution, channels):
    # Base width 8: the stages have 8, 16, 32, ... channels. At 64^3 the first of four is left out.
    features = trunk_features(built_trunk(resolution), random_grids(2, resolution))
    assert features.shape == (2, 8 * channels)
    assert features.dtype == np.float32


def test_the_largest_value_of_each_octant_by_hand():
    # A stage of 4^3 that holds 0 to 63 in C order: the value at (d, h, w) is 16 d + 4 h + w. The largest of each block
    # of 2^3 lies at its far corner, d, h and w being 1 or 3: 16 + 4 + 1 = 21, 23, 29, 31, and 32 more behind.
    inner = one_shape(np.arange(64).reshape(4, 4, 4))
    # A stage of 8^3 that is -1 but for one 5 in the first octant and one -0.5 in the last.
    outer = np.full((8, 8, 8), -1.0)
    outer[3, 0, 2], outer[4, 7, 4] = 5, -0.5
    features = pooled_features(FakeTrunk([one_shape(outer), inner]), tf.zeros([1, 16, 16, 16, 1]))
    expected = [5, -1, -1, -1, -1, -1, -1, -0.5, 21, 23, 29, 31, 53, 55, 61, 63]
    np.testing.assert_array_equal(features, [expected])


def test_channels_and_shapes_stay_apart():
    # Two shapes of two channels at 2^3, where pooling changes nothing: 0 to 15 and 16 to 31 in C order.
    stage = np.arange(32, dtype=np.float32).reshape(2, 2, 2, 2, 2)
    features = pooled_features(FakeTrunk([stage]), tf.zeros([2, 16, 16, 16, 1]))
    np.testing.assert_array_equal(features, [np.arange(16), np.arange(16, 32)])


def test_a_real_trunk_pools_the_outputs_of_its_own_stages():
    trunk, grids = built_trunk(16), random_grids(3, 16)
    stages = trunk.features(tf.cast(grids[..., np.newaxis], tf.float32))
    octants = [
        stage.numpy().reshape(3, 2, side // 2, 2, side // 2, 2, side // 2, -1).max((2, 4, 6)).reshape(3, -1)
        for stage, side in zip(stages, (8, 4), strict=True)
    ]
    np.testing.assert_allclose(trunk_features(trunk, grids), np.concatenate(octants, axis=1), atol=1e-5)


def test_batches_do_not_change_the_features():
    trunk, grids = built_trunk(16), random_grids(5, 16)
    together = trunk_features(trunk, grids)
    np.testing.assert_allclose(trunk_features(trunk, grids, batch_size=2), together, atol=1e-5)
    np.testing.assert_allclose(trunk_features(trunk, grids[::-1]), together[::-1], atol=1e-5)


def test_refusals():
    trunk = built_trunk(16)
    with pytest.raises(ValueError, match="0 shapes in batches of 32"):
        trunk_features(trunk, random_grids(2, 16)[:0])
    with pytest.raises(ValueError, match="2 shapes in batches of 0"):
        trunk_features(trunk, random_grids(2, 16), batch_size=0)
