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
