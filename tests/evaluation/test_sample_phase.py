"""What --phase=sample writes."""

import pathlib

import numpy as np
import pytest

from tests.evaluation.test_prior import PRIOR
from vae_gan3d.config import ModelConfig, SampleConfig
from vae_gan3d.evaluation.prior import NormalPrior
from vae_gan3d.evaluation.sample_phase import sample_shapes
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.networks.factory import build_networks

CONFIG = ModelConfig(16, 3, "default", 8, "group", "relu", PRIOR.classes)


@pytest.fixture(scope="module")
def model():
    return TrainedModel(CONFIG, build_networks(**CONFIG.network_arguments()))


@pytest.mark.parametrize("prior", [NormalPrior(3), PRIOR], ids=["normal", "mixture"])
def test_samples_follow_the_seed(model, tmp_path, prior):
    results = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        sample_shapes(SampleConfig(pathlib.Path("run"), tmp_path / name, 5, 0.5, seed, refinements=0), model, prior)
        results.append(np.load(tmp_path / name / "samples.npy"))
        assert (tmp_path / name / "samples.png").is_file()
    assert results[0].shape == (5, 16, 16, 16)
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.allclose(results[0], results[2])


def test_other_samples_move_those_of_before_aside(model, tmp_path, capsys):
    for seed in (1, 2):
        sample_shapes(SampleConfig(pathlib.Path("run"), tmp_path, 2, 0.5, seed, refinements=0), model, NormalPrior(3))
    kept, newest = (np.load(folder / "samples.npy") for folder in (tmp_path / "earlier-1", tmp_path))
    assert not np.allclose(kept, newest)
    assert (tmp_path / "earlier-1" / "samples.png").is_file()
    assert f"the earlier result in {tmp_path} was moved to {tmp_path / 'earlier-1'}\n" in capsys.readouterr().err


def test_samples_are_of_the_chosen_class(model, tmp_path, capsys):
    config = SampleConfig(pathlib.Path("run"), tmp_path, 4, 0.01, 0, refinements=0, classes=("table",))
    sample_shapes(config, model, PRIOR)
    latents, _ = PRIOR.sample(4, np.random.default_rng(0), ("table",))
    np.testing.assert_allclose(np.load(tmp_path / "samples.npy"), model.generate(latents), rtol=1e-5)
    assert capsys.readouterr().out == f"wrote 4 shapes (4 table) to {tmp_path}, drawn in samples.png\n"


def test_latents_are_refined_unless_they_are_wanted_as_drawn(model, tmp_path):
    sample_shapes(SampleConfig(pathlib.Path("run"), tmp_path, 4, 0.5, 0, refinements=1), model, PRIOR)
    latents, _ = PRIOR.sample(4, np.random.default_rng(0))
    once = model.encode(model.generate(latents) > 0.4)
    np.testing.assert_allclose(np.load(tmp_path / "samples.npy"), model.generate(once), rtol=1e-5)
    assert not np.allclose(once, latents)


def test_the_classes_that_were_drawn_are_counted(model, tmp_path, capsys):
    sample_shapes(SampleConfig(pathlib.Path("run"), tmp_path, 12, 0.01, 0), model, PRIOR)
    _, labels = PRIOR.sample(12, np.random.default_rng(0))
    chairs, lamps, _, tables = np.bincount(labels, minlength=4)
    assert f"wrote 12 shapes ({chairs} chair, {lamps} lamp, {tables} table) to" in capsys.readouterr().out


def test_the_normal_prior_names_no_classes(model, tmp_path, capsys):
    sample_shapes(SampleConfig(pathlib.Path("run"), tmp_path, 2, 0.01, 0), model, NormalPrior(3))
    assert capsys.readouterr().out == f"wrote 2 shapes to {tmp_path}, drawn in samples.png\n"
