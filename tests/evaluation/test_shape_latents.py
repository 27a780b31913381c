"""Latents of given shapes, and what is said of them."""

import numpy as np
import pytest

from tests.fakes import box_grid
from tests.voxel_model import VoxelModel
from vae_gan3d.config import ModelConfig
from vae_gan3d.evaluation.projection import project_latents
from vae_gan3d.evaluation.shape_latents import find_latents
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.networks.factory import build_networks

CONFIG = ModelConfig(16, 4, "default", 8, "group", "relu", ())
VOXELS = np.stack([box_grid(16, 2, 9), box_grid(16, 5, 14)])


def test_the_overlap_of_each_reconstruction_is_told(capsys):
    class Halving(VoxelModel):
        def generate(self, latents, labels=None):
            grids = super().generate(latents)
            return np.concatenate([grids[:1], grids[1:] * (np.arange(16) < 8)])

    # The second box, from 5 to 14, keeps 3 of its 9 layers.
    latents = find_latents(Halving(), VOXELS, None, ["a", "b"])
    np.testing.assert_array_equal(latents, VOXELS.reshape(2, -1))
    said = capsys.readouterr()
    assert said.out == "reconstruction of a: IoU 1.000\nreconstruction of b: IoU 0.333\n"
    assert said.err.startswith("note: poor reconstruction of b (IoU 0.33): ")
    assert "give --project=50" in said.err


@pytest.fixture(scope="module")
def model():
    return TrainedModel(CONFIG, build_networks(**CONFIG.network_arguments()))


def test_noise_follows_its_seed(model):
    first, again, other = (find_latents(model, VOXELS, None, ["a", "b"], noise_seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_projection_starts_at_the_means(model, capsys):
    # The untrained generator's probabilities lie around sigmoid(-3) = 0.047.
    latents = find_latents(model, VOXELS, None, ["a", "b"], project=3, threshold=0.047)
    means = model.encode(VOXELS)
    expected = project_latents(model.networks.generator, means, VOXELS, steps=3, threshold=0.047)
    np.testing.assert_allclose(latents, expected.latents, rtol=1e-5)
    assert "after 3 steps of projection" in capsys.readouterr().out
