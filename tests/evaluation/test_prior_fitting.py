"""From records to a stored prior, with a model that is not trained."""

import hashlib
import re

import numpy as np
import pytest

from tests.fakes import random_grids, write_legacy_records, write_records
from vae_gan3d.config import ModelConfig
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.prior import load_prior
from vae_gan3d.evaluation.prior_fitting import encode_records, fit_and_store_prior, fit_prior
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.networks.factory import build_networks
from vae_gan3d.records.record_set import find_records

CONFIG = ModelConfig(16, 4, "default", 8, "group", "relu", ())
# Sparse chairs and dense tables, mixed, and no sofa.
GRIDS = np.concatenate([random_grids(20, 16, 1, 0.05), random_grids(15, 16, 2, 0.6)])
LABELS = np.array([0] * 20 + [2] * 15)
ORDER = np.random.default_rng(0).permutation(35)


@pytest.fixture(scope="module")
def model():
    return TrainedModel(CONFIG, build_networks(**CONFIG.network_arguments(), seed=0))


@pytest.fixture
def records(tmp_path):
    write_records(tmp_path / "records", GRIDS[ORDER], LABELS[ORDER].tolist(), ("chair", "sofa", "table"))
    return find_records(str(tmp_path / "records"))


def test_every_record_is_encoded_with_its_label(model, records):
    posteriors, labels = encode_records(model, records)
    np.testing.assert_array_equal(labels, LABELS[ORDER])
    means, log_variances = model.posterior(GRIDS[ORDER])
    np.testing.assert_allclose(posteriors.means, means, atol=1e-5)
    np.testing.assert_allclose(posteriors.variances, np.exp(log_variances), rtol=1e-4)


def test_each_class_is_fitted_to_its_own_shapes(model, records):
    prior = fit_prior(model, records, seed=0)
    assert (prior.classes, prior.counts) == (("chair", "sofa", "table"), (20, 0, 15))
    assert set(prior.fitted) == {"chair", "table"}
    for label, name in ((0, "chair"), (2, "table")):
        means, _ = model.posterior(GRIDS[label == LABELS])
        weights = prior.fitted[name].weights
        np.testing.assert_allclose(weights @ prior.fitted[name].means, means.mean(axis=0), atol=1e-3)


def test_what_is_stored_is_what_was_fitted(model, records, tmp_path, capsys):
    (tmp_path / "model.ckpt-7.index").write_bytes(b"index")
    prior = fit_and_store_prior(tmp_path / "model.ckpt-7", model, records, seed=0)
    out = capsys.readouterr().out
    assert re.match(r"fitted the prior on 35 shapes: 2 classes, .* components? \(\d+ s\)$", out.strip())
    assert out.count("\n") == 1
    stored = load_prior(tmp_path / "model.ckpt-7.prior.npz")
    assert stored.checkpoint == prior.checkpoint == hashlib.sha256(b"index").hexdigest()
    for name in ("chair", "table"):
        np.testing.assert_array_equal(stored.fitted[name].factors, prior.fitted[name].factors)


def test_legacy_records_are_one_class(model, tmp_path):
    write_legacy_records(tmp_path / "train.tfrecords", random_grids(3, 16))
    prior = fit_prior(model, find_records(str(tmp_path / "train.tfrecords")), seed=0)
    assert (prior.counts, len(prior.fitted)) == ((3,), 1)


def test_latents_that_are_not_finite_are_refused(records):
    broken = TrainedModel(CONFIG, build_networks(**CONFIG.network_arguments(), seed=0))
    broken.networks.encoder.moments.bias.assign(np.full(8, np.nan))
    with pytest.raises(UserError, match="latents that are not finite"):
        fit_prior(broken, records, seed=0)
