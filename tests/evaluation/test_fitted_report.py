"""The page of a run once its prior is fitted."""

import numpy as np
import pytest

from tests.evaluation.test_evaluation_report import CLASSES, Model, Prior
from tests.fakes import box_grid, write_records
from tests.small_runs import make_config
from vae_gan3d.evaluation.fitted_report import prior_samples, renew_with_samples
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.networks.factory import build_networks
from vae_gan3d.records.record_set import find_records
from vae_gan3d.training import run_report

LAST_ROW = "epoch,step,kl\n1,2,3.5\n3,8,4.5\n"


class Latents:
    """Draws latents of zeros, of no classes."""

    name, classes = "mixture", ()

    def sample(self, count, generator, classes=None):
        return np.zeros((count, 4), np.float32), None


@pytest.fixture
def run(tmp_path):
    """A run of an untrained model on two boxes."""
    config = make_config(tmp_path)
    config.save_path.mkdir()
    write_records(tmp_path / "records", np.stack([box_grid(16, 0, 4), box_grid(16, 8, 16)]))
    model = TrainedModel(config.model, build_networks(**config.model.network_arguments()))
    return config, find_records(str(tmp_path / "records")), model


def test_the_page_is_that_of_the_last_row_with_samples(run, monkeypatch):
    config, records, model = run
    (config.save_path / "metrics.csv").write_text(LAST_ROW)
    kept = []
    monkeypatch.setattr(run_report, "save_report", lambda *arguments: kept.append(arguments))
    assert renew_with_samples(config, records, model, Latents()) is None
    [(path, data)] = kept
    assert path == config.save_path / "report.html"
    assert data.summary.startswith("epoch 3, step 8; ")
    assert (data.samples.title, data.samples.grids.shape) == ("Samples of the mixture prior", (32, 16, 16, 16))
    np.testing.assert_array_equal(data.pairs.originals[:2], [box_grid(16, 0, 4), box_grid(16, 8, 16)])
    assert data.curves["kl"] == [(2, 3.5), (8, 4.5)]


def test_what_is_missing_is_a_warning(run):
    config, records, model = run
    warning = renew_with_samples(config, records, model, Latents())
    assert warning.startswith(f"warning: {config.save_path / 'report.html'} is not renewed: ")


def test_samples_are_drawn_refined_and_named():
    model = Model()
    samples = prior_samples(model, Prior(), seed=0)
    # Of the two draws one fills the grid, and the other has no voxel over one half.
    assert samples.grids.sum(axis=(1, 2, 3)).tolist() == [4096, 0]
    assert samples.captions == list(CLASSES)
    assert len(model.told) == 2  # the refinement's passage, and what is shown
