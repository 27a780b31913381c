"""The page of a run after an evaluation and after the prior is fitted."""

import dataclasses

import numpy as np
import pytest

from tests.evaluation.test_results import METRICS
from tests.fakes import box_grid, write_records
from tests.small_runs import VoxelModel, make_config, untrained_model
from vae_gan3d.data.record_set import find_records
from vae_gan3d.evaluation.report import (
    prior_samples,
    report_path,
    typical_shapes,
    write_evaluated_report,
    write_fitted_report,
)
from vae_gan3d.evaluation.shape_set import ShapeSet
from vae_gan3d.training import run_recorder
from vae_gan3d.training.run_recorder import known_measures

CLASSES = ("chair", "table")
CONDITIONS = {"checkpoint": "RUN/model.ckpt-4", "samples": 3, "prior": "mixture", "seed": 0, "threshold": 0.5}
OVERLAPS = np.array([0.9, 0.8])
SAMPLES = np.zeros((3, 16, 16, 16), bool)


class TellingModel(VoxelModel):
    """Notes the labels that it decodes with."""

    def __init__(self, *, conditional=False, prefix=None):
        super().__init__(dataclasses.replace(VoxelModel().config, classes=CLASSES, conditional=conditional), prefix)
        self.told = []
        self.prior = Prior()

    def decode(self, latents, labels=None, *, threshold=None):
        self.told.append(labels)
        return super().decode(latents, labels, threshold=threshold)


class Prior:
    name, classes = "normal", CLASSES

    def sample(self, count, generator, classes=None):
        return np.eye(2, 1, dtype=np.float32) * np.ones((1, 4096), np.float32), np.arange(2)


@pytest.fixture
def held_out(tmp_path):
    """Two boxes, a chair and a table, that share no voxel."""
    write_records(tmp_path, np.stack([box_grid(16, 0, 4), box_grid(16, 8, 16)]), labels=[0, 1], classes=CLASSES)
    return ShapeSet(find_records(str(tmp_path)), 16)


@pytest.fixture
def renewed(held_out, tmp_path, monkeypatch):
    """Renews the page of a model; gives what would stand on it."""

    def renew(model, names=None, overlaps=OVERLAPS):
        kept = []
        monkeypatch.setattr(run_recorder, "save_report", lambda _, data: kept.append(data))
        path = tmp_path / "report.html"
        model.prefix = tmp_path / "model.ckpt-4"
        line = write_evaluated_report(
            path,
            model,
            held_out,
            overlaps=overlaps,
            samples=SAMPLES,
            sample_names=names,
            metrics={**METRICS, **CONDITIONS},
        )
        assert line == f"look at {path}"
        return kept[0]

    return renew


def test_the_page_shows_test_shapes_samples_and_measures(renewed):
    data = renewed(TellingModel(), ["chair", "table", "chair"])
    assert data.summary.startswith("model.ckpt-4; vae_gan, default at 16^3")
    assert (data.samples.title, data.samples.captions) == ("Samples of the mixture prior", ["chair", "table", "chair"])
    assert data.pairs.names == ["chair 0", "table 1"]
    np.testing.assert_array_equal(data.pairs.originals, data.pairs.reconstructions)
    assert data.measures[0].model == "0.7632"
    assert data.measures_note == "Of model.ckpt-4: 3 samples of the mixture prior, seed 0."


def test_the_path_goes_from_the_second_shape_to_the_first(renewed):
    path = renewed(TellingModel()).path
    assert (path.first, path.second, len(path.grids)) == ("chair 0", "table 1", 11)
    # α = 0.4 leaves 0.6 of the table, which is above the threshold; α = 0.6 the chair; at 0.5 neither is above it.
    counts = path.grids.sum(axis=(1, 2, 3)).tolist()
    assert counts == [8**3] * 5 + [0] + [4**3] * 5


def test_a_conditional_model_is_told_shares_of_both_classes(renewed):
    model = TellingModel(conditional=True)
    renewed(model)
    pairs, path = model.told
    assert pairs == ["chair", "table"]
    np.testing.assert_allclose(path[:, 0], np.linspace(0, 1, 11), atol=1e-6)
    np.testing.assert_allclose(path.sum(axis=1), 1, atol=1e-6)


def test_the_path_of_a_plain_gan_lies_between_two_draws(renewed):
    data = renewed(TellingModel(), overlaps=None)
    assert (data.pairs, len(data.samples.grids)) == (None, 3)
    assert (data.path.first, data.path.second) == ("one sample", "another sample")
    # A draw of ones and one of zeros: above the threshold from α = 0.6 on.
    assert data.path.grids.any(axis=(1, 2, 3)).tolist() == [False] * 6 + [True] * 5


def test_a_run_keeps_the_metrics_for_its_next_page(renewed, tmp_path):
    renewed(TellingModel())
    assert known_measures(tmp_path)[0] == ()
    (tmp_path / "metrics.csv").touch()
    data = renewed(TellingModel())
    assert known_measures(tmp_path) == (data.measures, data.measures_note)


def test_the_page_goes_to_the_run_folder_where_there_is_one(tmp_path):
    checkpoint, results = tmp_path / "run" / "model.ckpt-4", tmp_path / "results"
    assert report_path(checkpoint, results) == results / "report.html"
    checkpoint.parent.mkdir()
    (checkpoint.parent / "metrics.csv").touch()
    assert report_path(checkpoint, results) == checkpoint.parent / "report.html"


@pytest.mark.parametrize(
    ("overlaps", "labels", "expected"),
    [
        # In order 0.1, 0.5, 0.7, 0.8, 0.9: the middle is shape 3, and of the two beside it shape 4 is of its class.
        ([0.8, 0.9, 0.1, 0.7, 0.5], [1, 1, 1, 0, 0], [3, 0]),
        ([0.8, 0.9, 0.1, 0.7, 0.5], [0, 0, 0, 0, 0], [3, 4]),
        ([0.8], [0], [0, 0]),
    ],
)
def test_the_path_lies_between_shapes_of_middling_iou(overlaps, labels, expected):
    assert typical_shapes(np.array(overlaps), np.array(labels)) == expected


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
    model = untrained_model(config.model)
    model.prior = Latents()
    return config, find_records(str(tmp_path / "records")), model


def test_the_page_is_that_of_the_last_row_with_samples(run, monkeypatch):
    config, records, model = run
    (config.save_path / "metrics.csv").write_text(LAST_ROW)
    kept = []
    monkeypatch.setattr(run_recorder, "save_report", lambda *arguments: kept.append(arguments))
    assert write_fitted_report(config, records, model) is None
    [(path, data)] = kept
    assert path == config.save_path / "report.html"
    assert data.summary.startswith("epoch 3, step 8; ")
    assert (data.samples.title, data.samples.grids.shape) == ("Samples of the mixture prior", (32, 16, 16, 16))
    np.testing.assert_array_equal(data.pairs.originals[:2], [box_grid(16, 0, 4), box_grid(16, 8, 16)])
    assert data.curves["kl"] == [(2, 3.5), (8, 4.5)]


def test_what_is_missing_is_a_warning(run):
    config, records, model = run
    warning = write_fitted_report(config, records, model)
    assert warning.startswith(f"warning: {config.save_path / 'report.html'} is not renewed: ")


def test_samples_are_drawn_refined_and_named():
    model = TellingModel()
    samples = prior_samples(model, seed=0)
    # Of the two draws one fills the grid, and the other has no voxel over one half.
    assert samples.grids.sum(axis=(1, 2, 3)).tolist() == [4096, 0]
    assert samples.captions == list(CLASSES)
    assert len(model.told) == 2  # the refinement's passage, and what is shown
