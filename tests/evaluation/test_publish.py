"""What is given away of a run."""

import dataclasses

import numpy as np
import pytest

from tests.models.test_priors import PRIOR
from vae_gan3d.config import ModelConfig
from vae_gan3d.evaluation.publish import main
from vae_gan3d.models.model import load_model
from vae_gan3d.models.priors import load_prior
from vae_gan3d.training.checkpoint_files import index_sha256, prior_file
from vae_gan3d.training.checkpoints import save_checkpoint
from vae_gan3d.training.run_folder import find_checkpoint, read_model_config, write_run_config
from vae_gan3d.training.state import TrainingState

CONFIG = ModelConfig(16, 3, "default", 8, "group", "relu", PRIOR.classes)


@pytest.fixture
def run(tmp_path):
    state = TrainingState(CONFIG.network_arguments(), learning_rate=1e-3, d_learning_rate=1e-3, beta1=0.5, seed=3)
    for variable in state.average.generator.variables:
        variable.assign_add(np.full(variable.shape, 0.01))
    folder = tmp_path / "run"
    prefix = save_checkpoint(state.checkpoint(), folder, 7, keep=1)
    write_run_config(folder, CONFIG, batch_size=4, record_count=9)
    dataclasses.replace(PRIOR, checkpoint=index_sha256(prefix)).save(prior_file(prefix))
    return folder


def test_the_copy_generates_alike_and_is_smaller(run, tmp_path, capsys):
    folder = tmp_path / "given"
    assert main([str(run), str(folder)]) == 0
    prefix = find_checkpoint(folder)
    assert prefix.name == "model.ckpt-7"
    latents = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    grids = [
        load_model(path, read_model_config(path.parent)).decode(latents) for path in (find_checkpoint(run), prefix)
    ]
    np.testing.assert_array_equal(*grids)
    prior = load_prior(prior_file(prefix))
    np.testing.assert_array_equal(prior.fitted["lamp"].means, PRIOR.fitted["lamp"].means)
    assert prior.checkpoint == index_sha256(prefix) != index_sha256(find_checkpoint(run))
    sizes = [sum(path.stat().st_size for path in place.glob("model.ckpt-7.data*")) for place in (run, folder)]
    assert sizes[1] < 0.35 * sizes[0]
    assert f"wrote {prefix}, with all files of its folder" in capsys.readouterr().out


def test_a_prior_of_another_checkpoint_is_not_copied(run, tmp_path, capsys):
    dataclasses.replace(PRIOR, checkpoint="0" * 64).save(prior_file(find_checkpoint(run)))
    assert main([str(run), str(tmp_path / "given")]) == 1
    assert "was fitted to the latents of another checkpoint" in capsys.readouterr().err
    assert not (tmp_path / "given").exists()


def test_what_cannot_be_copied_is_one_line(run, tmp_path, capsys):
    assert main([str(tmp_path / "nowhere"), str(tmp_path / "given")]) == 1
    assert main([str(run), str(run)]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: ") and "nowhere" in first
    assert second == f"error: {run} holds checkpoints already: give a new folder"
