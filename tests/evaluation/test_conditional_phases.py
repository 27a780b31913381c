"""What the phases make of a conditional model: labels go with shapes, and lie between classes where latents do."""

import dataclasses
import pathlib

import numpy as np
import pytest

from tests.fakes import random_grids, write_records
from tests.models.test_priors import PRIOR
from vae_gan3d import phases
from vae_gan3d.config import (
    ArithmeticConfig,
    EvaluateConfig,
    InterpolateConfig,
    MapConfig,
    ModelConfig,
    NeighborsConfig,
    SampleConfig,
)
from vae_gan3d.data.record_set import find_records
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.evaluate import reconstruction_quality
from vae_gan3d.evaluation.interpolate import interpolate_shapes
from vae_gan3d.evaluation.sample import sample_shapes
from vae_gan3d.evaluation.shape_set import ShapeSet
from vae_gan3d.models.model import Model
from vae_gan3d.models.prior_fitting import encode_records
from vae_gan3d.models.priors import NormalPrior
from vae_gan3d.networks.build import build_networks
from vae_gan3d.training.checkpoints import save_checkpoint
from vae_gan3d.training.run_folder import write_run_config
from vae_gan3d.training.state import TrainingState

# The model counts its classes in another order than the prior of test_prior (chair, lamp, sofa, table).
CONFIG = ModelConfig(16, 3, "default", 8, "group", "relu", ("table", "sofa", "lamp", "chair"), conditional=True)
GRIDS = random_grids(6, 16)
# What an untrained generator gives is about 0.05 everywhere.
THRESHOLD = 0.047


@pytest.fixture(scope="module")
def model():
    return Model(CONFIG, build_networks(**CONFIG.network_arguments()))


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    write_records(folder, GRIDS, [0, 1, 0, 1, 1, 0], ("chair", "table"))
    return find_records(str(folder))


def test_samples_are_generated_under_the_classes_that_they_were_drawn_of(model, tmp_path, capsys):
    config = SampleConfig(pathlib.Path("run"), tmp_path, 4, 0.01, 0, refinements=0, classes=("lamp", "table"))
    model.prior = PRIOR
    sample_shapes(config, model)
    latents, labels = PRIOR.sample(4, np.random.default_rng(0), ("lamp", "table"))
    expected = model.decode(latents, np.array([CONFIG.classes.index(PRIOR.classes[label]) for label in labels]))
    np.testing.assert_allclose(np.load(tmp_path / "samples.npy"), expected, rtol=1e-5)
    model.prior = NormalPrior(3, classes=CONFIG.classes)
    sample_shapes(dataclasses.replace(config, classes=("sofa",)), model)
    latents = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    np.testing.assert_allclose(np.load(tmp_path / "samples.npy"), model.decode(latents, np.ones(4, int)), rtol=1e-5)
    assert "wrote 4 shapes (4 sofa)" in capsys.readouterr().out


def test_records_are_encoded_and_reconstructed_under_their_own_classes(model, records):
    given = np.array([3, 0, 3, 0, 0, 3])  # chair is the model's 3, table its 0
    posteriors, _ = encode_records(model, records)
    np.testing.assert_allclose(posteriors.means, model.encode(GRIDS, given), atol=1e-5)
    quality = reconstruction_quality(model, ShapeSet(records, 16), THRESHOLD)
    reconstructed = model.reconstruct(GRIDS, given, threshold=THRESHOLD)
    overlap = [(mine & real).sum() / (mine | real).sum() for mine, real in zip(reconstructed, GRIDS > 0, strict=True)]
    np.testing.assert_allclose(quality.iou, overlap, rtol=1e-4)


def make_config(folder, **changed):
    values = {
        "checkpoint": pathlib.Path("run"),
        "shape1": "a.mat",
        "shape2": "b.mat",
        "records": "",
        "split_name": "train",
        "output_dir": folder,
        "alpha": 0.25,
        "steps": 0,
        "text_slices": False,
        "sample_posterior": False,
        "threshold": 0.5,
        "seed": 0,
    }
    return InterpolateConfig(**{**values, **changed})


@pytest.mark.parametrize(("labels", "share"), [([3, 3], [0, 0, 0, 1]), ([0, 3], [0.25, 0, 0, 0.75])])
def test_between_shapes_their_class_stays_and_between_classes_both_have_a_share(model, tmp_path, labels, share):
    interpolate_shapes(make_config(tmp_path), model, list(GRIDS[:2]), [CONFIG.classes[label] for label in labels])
    first, second = model.encode(GRIDS[:2], np.array(labels))
    expected = model.decode((0.25 * first + 0.75 * second)[np.newaxis], np.float32([share]))
    np.testing.assert_allclose(np.load(tmp_path / "interpolation.npy"), expected, rtol=1e-5)


def test_a_path_of_classes_begins_and_ends_in_the_reconstructions(model, tmp_path):
    labels = np.array([0, 3, 1])
    config = make_config(tmp_path, shape1="", shape2="", shapes=("1", "2", "3"), steps=3, interpolation="slerp")
    interpolate_shapes(config, model, list(GRIDS[:3]), [CONFIG.classes[label] for label in labels])
    path, ends = np.load(tmp_path / "interpolation.npy"), np.load(tmp_path / "reconstructions.npy")
    assert path.shape == (5, 16, 16, 16)
    np.testing.assert_allclose(path[::2], ends, rtol=1e-4)
    np.testing.assert_allclose(ends, model.decode(model.encode(GRIDS[:3], labels), labels), rtol=1e-4)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    state = TrainingState(CONFIG.network_arguments(), learning_rate=1e-3, d_learning_rate=1e-3, beta1=0.5, seed=5)
    save_checkpoint(state.checkpoint(), folder, 1, keep=1)
    write_run_config(folder, CONFIG, batch_size=4, record_count=6)
    return folder


@pytest.fixture(autouse=True)
def started(monkeypatch, model):
    """The phases share one model, so that its networks are traced once."""

    def load(prefix, config):
        model.prefix = prefix
        return model

    monkeypatch.setattr("vae_gan3d.models.model.load_model", load)
    monkeypatch.setattr(phases, "start_tensorflow", lambda **_: None)


def test_every_phase_runs_on_records_and_refuses_other_classes(run, records, tmp_path):
    place, out = str(records.files[0]), tmp_path / "out"
    write_records(tmp_path / "benches", GRIDS[:3], classes=("bench",))
    configs = [
        make_config(out, checkpoint=run, records=place, shape1="0", shape2="1"),
        EvaluateConfig(run, place, "train", "", "train", out, 4, 0, "normal", 1, THRESHOLD, 0),
        ArithmeticConfig(run, ("0",), ("class:chair",), ("class:table", "1"), place, "train", out, 0.5),
        NeighborsConfig(run, "0", place, "train", "", "train", out, 2),
        MapConfig(run, place, "train", out, "pca", 5, 0),
    ]
    for config in configs:
        assert phases.run(config) == 0
        other = {"records": str(tmp_path / "benches")}
        if isinstance(config, ArithmeticConfig):
            other.update(minus=("2",), plus=("2",))
        with pytest.raises(UserError, match="there are shapes of class bench"):
            phases.run(dataclasses.replace(config, **other))


def test_the_result_of_arithmetic_is_of_the_result_of_the_classes(run, records, model, tmp_path):
    place = str(records.files[0])
    phases.run(ArithmeticConfig(run, ("0",), ("class:chair",), ("1",), place, "train", tmp_path, 0.5))
    chair, table = model.encode(GRIDS[:2], np.array([3, 0]))
    chairs = model.encode(GRIDS[[0, 2, 5]], np.array([3, 3, 3])).mean(axis=0)
    # A chair minus the chairs plus a table is a table, the model's 0.
    expected = model.decode((chair - chairs + table)[np.newaxis], np.array([0]))[0]
    np.testing.assert_allclose(np.load(tmp_path / "arithmetic.npy"), expected, rtol=1e-3)


def test_files_need_their_classes_and_plain_models_none(run, records, tmp_path):
    files = [tmp_path / "a.npy", tmp_path / "b.npy"]
    for file, grid in zip(files, GRIDS, strict=False):
        np.save(file, grid)
    shapes = {"shape1": str(files[0]), "shape2": str(files[1])}
    config = make_config(tmp_path / "out", checkpoint=run, **shapes)
    with pytest.raises(UserError, match="the class of the file a is not known"):
        phases.run(config)
    assert phases.run(dataclasses.replace(config, class1="chair", class2="lamp")) == 0
    for tool in (
        NeighborsConfig(run, str(files[0]), str(records.files[0]), "train", "", "train", tmp_path / "out", 2),
        ArithmeticConfig(run, (str(files[0]),), ("0",), ("1",), str(records.files[0]), "train", tmp_path / "out", 0.5),
    ):
        with pytest.raises(UserError, match="the class of the file a is not known"):
            phases.run(tool)
    plain = tmp_path / "plain"
    plain.mkdir()
    for path in run.glob("model.ckpt-1.*"):
        (plain / path.name).write_bytes(path.read_bytes())
    write_run_config(plain, dataclasses.replace(CONFIG, conditional=False), batch_size=4, record_count=6)
    with pytest.raises(UserError, match="was trained without --conditional: leave out --class1 and --class2"):
        phases.run(dataclasses.replace(config, checkpoint=plain, class1="chair", class2="lamp"))
