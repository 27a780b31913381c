"""A trial's value is that of the evaluation's measures."""

import numpy as np
import pytest

from tests.fakes import random_grids, write_records
from tests.small_runs import GAN, make_config, make_gan_config
from vae_gan3d.config import OBJECTIVES
from vae_gan3d.data.record_set import find_records
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.evaluate import reconstruction_quality
from vae_gan3d.evaluation.shape_set import ShapeSet
from vae_gan3d.models.model import load_model
from vae_gan3d.networks.build import build_networks
from vae_gan3d.training import loop
from vae_gan3d.training.checkpoint_files import prior_file
from vae_gan3d.training.checkpoints import save_checkpoint
from vae_gan3d.training.run_folder import find_checkpoint
from vae_gan3d.tuning.measure import measure_run, require_finite_weights


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Untrained runs of a VAE-GAN and of a plain GAN, what they would be trained on, and held-out shapes."""
    folder = tmp_path_factory.mktemp("measured")
    for number, split in enumerate(("train", "test")):
        write_records(folder / "records", random_grids(6, 16, number, occupancy=0.9), split=split)
    records, held_out = (find_records(str(folder / "records"), split) for split in ("train", "test"))
    vae_gan, gan = make_config(folder / "vae_gan"), make_gan_config(folder / "gan")
    for config in (vae_gan, gan):
        state = loop.build_state(config)
        if config is vae_gan:
            # Probabilities about one half, so that shapes are neither empty nor full.
            state.average.generator.to_logits.bias.assign([0.0])
        save_checkpoint(state.checkpoint(), config.save_path, 1, keep=1)
    return vae_gan, gan, records, ShapeSet(held_out, 16)


def test_the_iou_is_that_of_reconstructions(runs):
    config, _, records, held_out = runs
    model = load_model(find_checkpoint(config.save_path), config.model)
    expected = reconstruction_quality(model, held_out, 0.5).iou.mean()
    assert 0 < expected < 1
    assert measure_run(config, records, held_out, "iou") == pytest.approx(float(expected))


@pytest.mark.parametrize("objective", [name for name in OBJECTIVES if name != "iou"])
def test_samples_are_those_of_the_fitted_prior(runs, objective):
    config, _, records, held_out = runs
    value = measure_run(config, records, held_out, objective)
    assert prior_file(find_checkpoint(config.save_path)).is_file()
    assert 0 <= value <= 1
    if objective == "mmd":
        assert value == measure_run(config, records, held_out, objective)


def test_a_plain_gan_has_its_own_prior_and_may_draw_nothing(runs):
    _, config, records, held_out = runs
    assert config.model == GAN
    with pytest.raises(UserError, match=r"--objective=mmd cannot be measured: every sample is empty"):
        measure_run(config, records, held_out, "mmd")


def test_weights_that_are_no_numbers_are_refused():
    arguments = {"resolution": 16, "latent_size": 4, "base_width": 8, "normalization": "group", "activation": "relu"}
    networks = build_networks(**arguments, architecture="default")
    require_finite_weights(networks)
    kernel = networks.generator.to_logits.kernel
    kernel.assign(np.where(np.arange(kernel.shape[0])[:, None, None, None, None] == 1, np.nan, kernel.numpy()))
    with pytest.raises(UserError, match="training diverged: a weight is not a finite number"):
        require_finite_weights(networks)
