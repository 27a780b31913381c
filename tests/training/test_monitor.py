"""What training looks at: the occupancy ratio and the pictures."""

import matplotlib.image
import numpy as np
import pytest

from tests.fakes import random_grids
from vae_gan3d.networks.factory import build_networks
from vae_gan3d.training.monitor import Monitor


@pytest.fixture
def networks():
    return build_networks(
        resolution=16, latent_size=4, base_width=8, normalization="group", activation="relu", architecture="default"
    )


def make_monitor(networks, occupied):
    voxels = np.zeros((10, 16, 16, 16, 1), np.float32)
    voxels[:, :occupied] = 1
    return Monitor(networks, voxels, seed=0)


@pytest.mark.parametrize(("bias", "occupied", "ratio"), [(100, 4, 4.0), (100, 16, 1.0), (-100, 4, 0.0)])
def test_occupancy_ratio_of_solid_and_blank_samples(networks, bias, occupied, ratio):
    # A last bias of 100 fills the grid, -100 empties it; 4 of 16 slices of the real shapes are occupied: a quarter.
    networks.generator.voxels.bias.assign([bias])
    assert make_monitor(networks, occupied).occupancy_ratio() == pytest.approx(ratio)


def test_pictures_lie_in_a_folder_of_their_step(networks, tmp_path):
    monitor = Monitor(networks, random_grids(3, 16)[..., np.newaxis].astype(np.float32), seed=0)
    pictures = monitor.save_pictures(tmp_path, epoch=2, step=30)
    folder = tmp_path / "output_ims" / "epoch-2_sample-30"
    assert pictures == {"samples": folder / "samples.png", "reconstructions": folder / "reconstructions.png"}
    for path in pictures.values():
        assert matplotlib.image.imread(path).std() > 0.01


def test_what_is_looked_at_lies_between_the_encoded_shapes(networks):
    # An encoder that says (1, 2, 3, 4) of every shape leaves one point between any two.
    networks.encoder.moments.kernel.assign(np.zeros(networks.encoder.moments.kernel.shape))
    networks.encoder.moments.bias.assign([1, 2, 3, 4, 0, 0, 0, 0])
    np.testing.assert_allclose(make_monitor(networks, 4)._latents(), [[1, 2, 3, 4]] * 10)
