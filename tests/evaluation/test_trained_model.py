"""A checkpoint is rebuilt from its configuration, and refused where it is another's."""

import dataclasses

import numpy as np
import pytest

from tests.fakes import random_grids
from vae_gan3d.config import ModelConfig
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.trained_model import load_model
from vae_gan3d.training.checkpoints import save_checkpoint
from vae_gan3d.training.run_folder import data_file
from vae_gan3d.training.state import TrainingState

CONFIG = ModelConfig(16, 4, "default", 8, "group", "relu", ())


@pytest.fixture
def saved(tmp_path):
    state = TrainingState(CONFIG.network_arguments(), learning_rate=1e-3, d_learning_rate=1e-3, beta1=0.5, seed=5)
    # The averaged copy differs from the weights, so that taking the wrong one shows.
    for variable in state.average.generator.variables:
        variable.assign(variable + 0.1)
    return state, save_checkpoint(state.checkpoint(), tmp_path, 1, keep=1)


def test_it_generates_what_the_averaged_networks_do(saved):
    state, prefix = saved
    latents = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    generated = load_model(prefix, CONFIG).generate(latents)
    expected = 1 / (1 + np.exp(-state.average.generator(latents).numpy()[..., 0]))
    assert generated.shape == (40, 16, 16, 16)
    np.testing.assert_allclose(generated, expected, rtol=1e-4, atol=1e-6)


def test_it_encodes_to_means_or_adds_the_encoders_noise(saved):
    state, prefix = saved
    model, voxels = load_model(prefix, CONFIG), random_grids(3, 16)
    mean, log_variance = state.average.encoder(voxels[..., np.newaxis].astype(np.float32))
    np.testing.assert_allclose(model.encode(voxels), mean, rtol=1e-4, atol=1e-5)
    posterior = model.posterior(voxels)
    np.testing.assert_allclose(posterior[0], mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(posterior[1], log_variance, rtol=1e-4, atol=1e-5)
    noise = (model.encode(voxels, noise_seed=1) - mean) / np.exp(log_variance / 2)
    # Twelve standard normal numbers: none beyond 4, not all small, the same for the same seed only.
    assert 0.3 < np.abs(noise).max() < 4
    np.testing.assert_array_equal(model.encode(voxels, noise_seed=1), model.encode(voxels, noise_seed=1))
    assert not np.allclose(model.encode(voxels, noise_seed=1), model.encode(voxels, noise_seed=2))


@pytest.mark.parametrize("changed", [{"latent_size": 5}, {"base_width": 16}, {"resolution": 32}])
def test_a_checkpoint_of_other_networks_is_refused(saved, changed):
    _, prefix = saved
    with pytest.raises(UserError, match=r"is not of the networks that .*config\.json describes"):
        load_model(prefix, dataclasses.replace(CONFIG, **changed))


def test_a_damaged_checkpoint_is_refused(saved):
    _, prefix = saved
    path = data_file(prefix.parent, 1)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="is damaged"):
        load_model(prefix, CONFIG)
