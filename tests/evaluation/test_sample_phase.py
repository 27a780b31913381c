"""What --phase=sample writes."""

import pathlib

import numpy as np

from vae_gan3d.config import ModelConfig, SampleConfig
from vae_gan3d.evaluation.sample_phase import sample_shapes
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.networks.factory import build_networks

CONFIG = ModelConfig(16, 4, "default", 8, "group", "relu", ())


def test_samples_follow_the_seed(tmp_path):
    model = TrainedModel(CONFIG, build_networks(**CONFIG.network_arguments()))
    results = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        sample_shapes(SampleConfig(pathlib.Path("run"), tmp_path / name, 5, 0.5, seed), model)
        results.append(np.load(tmp_path / name / "samples.npy"))
        assert (tmp_path / name / "samples.png").is_file()
    assert results[0].shape == (5, 16, 16, 16)
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.allclose(results[0], results[2])
