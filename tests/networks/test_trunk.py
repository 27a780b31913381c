"""The convolutions from the voxels to 4^3."""

import pytest
import tensorflow as tf

from vae_gan3d.networks.trunk import Trunk


@pytest.mark.parametrize(("resolution", "channels"), [(16, [8, 16]), (32, [8, 16, 32]), (64, [8, 16, 32, 64])])
def test_stages_halve_the_grid_and_double_the_channels(resolution, channels):
    trunk = Trunk(resolution=resolution, base_width=8, normalization="group")
    features = trunk.features(tf.zeros([2, resolution, resolution, resolution, 1]))
    sides = [resolution // 2 ** (stage + 1) for stage in range(len(channels))]
    assert sides[-1] == 4
    expected = [(2, side, side, side, width) for side, width in zip(sides, channels, strict=True)]
    assert [tuple(feature.shape) for feature in features] == expected
    assert trunk.compute_output_shape((None, resolution, resolution, resolution, 1)) == (None, 4, 4, 4, channels[-1])


def test_every_stage_may_be_spectrally_normalised():
    trunk = Trunk(resolution=32, base_width=8, normalization="none", spectral_normalization=True)
    trunk.build((None, 32, 32, 32, 1))
    assert [variable.shape for variable in trunk.non_trainable_variables] == [(8,), (16,), (32,)]


def test_refusals():
    with pytest.raises(ValueError, match="base_width=0"):
        Trunk(resolution=16, base_width=0, normalization="none")
    with pytest.raises(ValueError, match="resolution=20"):
        Trunk(resolution=20, base_width=8, normalization="none")


def test_a_depth_adds_blocks_after_every_stage_that_begin_as_nothing():
    voxels = tf.random.stateless_uniform([2, 16, 16, 16, 1], seed=(0, 0))
    plain, deep = (Trunk(resolution=16, base_width=8, normalization="group", depth=depth) for depth in (0, 2))
    plain(voxels), deep(voxels)
    names = [variable.path for variable in deep.trainable_variables]
    assert len(set(names)) == len(names)
    blocks = {path.split("/")[1] for path in names}
    assert blocks == {"stage0", "stage1", *(f"stage{stage}_residual{number}" for stage in (0, 1) for number in (0, 1))}
    kept = {variable.path: variable for variable in deep.trainable_variables}
    for variable in plain.trainable_variables:
        kept[variable.path].assign(variable)
    for mine, theirs in zip(deep.features(voxels), plain.features(voxels), strict=True):
        tf.debugging.assert_near(mine, theirs)
    with pytest.raises(ValueError, match="depth=-1 must be 0 or more"):
        Trunk(resolution=16, base_width=8, normalization="none", depth=-1)
