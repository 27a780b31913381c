"""What --phase=evaluate writes, from an untrained model and a few boxes."""

import dataclasses
import json
import pathlib

import matplotlib.image
import numpy as np
import pytest

from tests.fakes import box_grid, write_records
from tests.small_runs import VoxelModel
from vae_gan3d import phases
from vae_gan3d.config import EvaluateConfig, ModelConfig
from vae_gan3d.data.record_set import find_records
from vae_gan3d.evaluation import classifier, shape_set
from vae_gan3d.evaluation import evaluate as module
from vae_gan3d.evaluation.evaluate import draw_neighbors, evaluate_model, reconstruction_quality
from vae_gan3d.evaluation.shape_set import ShapeSet
from vae_gan3d.models.model import Model
from vae_gan3d.networks.build import build_networks
from vae_gan3d.training.checkpoint_files import prior_file
from vae_gan3d.training.checkpoints import save_checkpoint
from vae_gan3d.training.run_folder import write_run_config
from vae_gan3d.training.state import TrainingState
from vae_gan3d.viewing import sheets
from vae_gan3d.viewing.render import DEFAULT_COLOR
from vae_gan3d.viewing.sheets import ORIGINAL_COLOR

CLASSES = ("chair", "table")
CONFIG = ModelConfig(16, 4, "default", 8, "group", "relu", CLASSES)
PAIRED = ("one_nna", "coverage", "mmd")
SAMPLE_NUMBERS = ("jsd", "occupancy_generated", "occupancy_real")
TRAINING_NUMBERS = (
    "nearest_train_distance",
    "nearest_train_distance_real",
    "svm_accuracy",
    "svm_accuracy_random_encoder",
    "svm_accuracy_discriminator",
    "svm_accuracy_random_discriminator",
)
PICTURES = ("reconstructions.png", "worst_reconstructions.png", "samples.png", "samples_and_neighbors.png")
# The untrained generator's probabilities lie around sigmoid(-3) = 0.047: about half of the voxels above this.
THRESHOLD = 0.047


class Prior:
    """N(0, I), of the model's classes in turn."""

    name = "normal"
    classes = CLASSES

    def sample(self, count, generator, classes=None):
        return generator.standard_normal((count, 4)).astype(np.float32), np.arange(count) % 2


def some_shapes(folder, count, start, split="train"):
    """Boxes of 3 a side called chairs, and of 7 called tables, in turn."""
    lows = (np.arange(count) // 2 + start) % 9
    grids = [box_grid(16, low, low + (3, 7)[item % 2]) for item, low in enumerate(lows)]
    write_records(folder, np.stack(grids), labels=[item % 2 for item in range(count)], classes=CLASSES, split=split)
    return ShapeSet(find_records(str(folder), split), 16)


RUN = pathlib.Path("RUN")
EVALUATE = EvaluateConfig(RUN, "R", "test", "", "train", RUN, 8, 4, "normal", 0, THRESHOLD, 0)


def make_model(config=CONFIG, networks=None, kind=Model):
    """An untrained model of a checkpoint, with the prior above."""
    model = kind(config, networks or build_networks(**config.network_arguments()), RUN / "model.ckpt-3")
    model.prior = Prior()
    return model


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory):
    """The arguments of `evaluate_model` but its configuration."""
    folder = tmp_path_factory.mktemp("records")
    return {
        "model": make_model(),
        "test": some_shapes(folder / "test", 12, 5),
        "training": some_shapes(folder / "train", 16, 0),
    }


def evaluate(evaluation, folder, **changed):
    """Runs the phase with another configuration; returns metrics.json, read strictly, and the table."""
    evaluate_model(dataclasses.replace(EVALUATE, output_dir=folder, **changed), **evaluation)
    text = (folder / "metrics.json").read_text()

    def refuse(word):
        raise AssertionError(word)

    return json.loads(text, parse_constant=refuse), (folder / "metrics.txt").read_text()


@pytest.fixture(autouse=True)
def quick(evaluation, outcome, monkeypatch):
    """After `outcome`, which does everything, neither pictures nor classifiers are made again."""
    for place in (module, sheets):
        monkeypatch.setattr(place, "save_sheet", lambda *_, **__: None)
    monkeypatch.setattr(classifier, "build_networks", lambda **_: evaluation["model"].networks)
    monkeypatch.setattr(classifier, "trunk_features", lambda _, grids: np.zeros((len(grids), 1)))
    monkeypatch.setattr(classifier, "linear_svm_accuracy", lambda *_: 0.5)


@pytest.fixture(scope="module")
def outcome(evaluation, tmp_path_factory):
    folder = tmp_path_factory.mktemp("outcome")
    return folder, *evaluate(evaluation, folder)


def test_every_measure_is_there(outcome):
    _, metrics, _ = outcome
    for name in ("iou", "precision", "recall", *SAMPLE_NUMBERS, *TRAINING_NUMBERS):
        assert isinstance(metrics[name], float), name
        assert 0 <= metrics[name] <= 1, name
    for place in (metrics, metrics["bound"]):
        assert all(0 <= place[name][kind] <= 1 for name in PAIRED for kind in ("voxel_iou", "chamfer"))
        assert 0 <= place["jsd"] <= np.log(2)
    assert set(metrics["iou_by_class"]) == set(CLASSES)
    assert np.mean(list(metrics["iou_by_class"].values())) == pytest.approx(metrics["iou"], abs=1e-5)
    expected = {"samples": 8, "prior": "normal", "seed": 0, "threshold": THRESHOLD, "empty_samples": 0}
    assert {name: metrics[name] for name in expected} == expected
    assert metrics["checkpoint"] == str(pathlib.Path("RUN/model.ckpt-3"))
    assert metrics["sizes"]["test_shapes"] == metrics["sizes"]["bound_shapes"] == 8
    assert metrics["sizes"]["chamfer_samples"] == metrics["sizes"]["chamfer_test_shapes"] == 4


def test_the_worst_are_named_worst_first(outcome, evaluation):
    _, metrics, _ = outcome
    worst = metrics["worst"]
    overlaps = [shape["iou"] for shape in worst]
    assert len(worst) == 10
    assert overlaps == sorted(overlaps)
    for shape in worst:
        assert shape["class"] == CLASSES[shape["index"] % 2]
        assert shape["source"] == f"{shape['class']}/30/train/{shape['index']}.mat"


def test_the_table_has_every_measure(outcome):
    _, metrics, table = outcome
    headline, rows = table.split("\n\n")[:2]
    assert headline == (
        f"{metrics['checkpoint']}, 16^3: 12 test shapes reconstructed; 8 samples of the normal prior against 8 test "
        "shapes; seed 0"
    )
    assert len(rows.splitlines()) == 2 + 17
    assert sum("-" in row.split() for row in rows.splitlines()) == 4  # the classifiers' bounds
    assert "note:" not in table


def test_pictures_and_nothing_temporary(outcome):
    folder, _, _ = outcome
    expected = sorted(["metrics.json", "metrics.txt", "report.html", *PICTURES])  # RUN is no run folder
    assert sorted(path.name for path in folder.iterdir()) == expected
    assert all(matplotlib.image.imread(folder / name).std() > 0.01 for name in PICTURES)


def test_the_seed_decides_everything(evaluation, outcome, tmp_path):
    _, metrics, _ = outcome
    classified = [name for name in metrics if name.startswith("svm")]
    again, _ = evaluate(evaluation, tmp_path)
    assert {**again, **{name: metrics[name] for name in classified}} == metrics
    other, _ = evaluate(evaluation, tmp_path, seed=1)
    assert other["iou"] == metrics["iou"]
    assert all(other[name] != metrics[name] for name in ("jsd", "mmd", "bound"))


def test_without_training_shapes(evaluation, tmp_path, capsys):
    (tmp_path / "samples_and_neighbors.png").touch()
    (tmp_path / "metrics.json").write_text("{}")
    metrics, table = evaluate(dict(evaluation, training=None), tmp_path)
    assert [metrics[name] for name in (*TRAINING_NUMBERS, "bound")] == [None] * 7
    assert all(metrics[name] is not None for name in ("iou", *SAMPLE_NUMBERS))
    note = table.splitlines()[-1]
    assert note.startswith("note: ")
    assert all(name in note for name in ("bound", "nearest_train_distance", "svm_accuracy", "--train_records"))
    assert note in capsys.readouterr().out
    # The picture of an earlier evaluation is not left to be taken for this one's, and not lost.
    assert not (tmp_path / "samples_and_neighbors.png").exists()
    kept = sorted(path.name for path in (tmp_path / "earlier-1").iterdir())
    assert kept == ["metrics.json", "samples_and_neighbors.png"]


def test_a_plain_gan_is_measured_by_its_samples(evaluation, tmp_path, monkeypatch):
    config = dataclasses.replace(CONFIG, kind="gan")
    networks = evaluation["model"].networks._replace(encoder=None)
    monkeypatch.setattr(classifier, "build_networks", lambda **_: networks)
    gan = dict(evaluation, model=make_model(config, networks))
    for name in ("reconstructions.png", "worst_reconstructions.png"):
        (tmp_path / name).touch()
    metrics, table = evaluate(gan, tmp_path, refinements=0)
    unknown = ("iou", "precision", "recall", "iou_by_class", "worst", "svm_accuracy", "svm_accuracy_random_encoder")
    assert {metrics[name] for name in unknown} == {None}
    assert all(
        metrics[name] is not None for name in (*SAMPLE_NUMBERS, "one_nna", "bound", "svm_accuracy_discriminator")
    )
    assert table.splitlines()[0].startswith(f"{metrics['checkpoint']}, 16^3: 8 samples of the normal prior against 8 ")
    assert table.splitlines()[-1].startswith("note: a plain GAN has no encoder")
    # The pictures of an earlier evaluation are not left to be taken for this one's.
    assert not list(tmp_path.glob("*reconstructions.png"))


def test_a_vaes_discriminator_is_not_measured(evaluation, tmp_path):
    vae = make_model(dataclasses.replace(CONFIG, kind="vae"), evaluation["model"].networks)
    metrics, table = evaluate(dict(evaluation, model=vae), tmp_path)
    assert (metrics["svm_accuracy"], metrics["svm_accuracy_discriminator"]) == (0.5, None)
    assert table.splitlines()[-1] == "note: a VAE's discriminator is not trained: svm_accuracy_discriminator is null"


def test_empty_samples_alone(evaluation, tmp_path):
    metrics, table = evaluate(evaluation, tmp_path, threshold=0.999)
    assert [metrics[name] for name in (*PAIRED, "jsd", "nearest_train_distance")] == [
        *[{"voxel_iou": None, "chamfer": None}] * 3,
        None,
        None,
    ]
    assert (metrics["empty_samples"], metrics["occupancy_generated"], metrics["iou"]) == (8, 0, 0)
    assert metrics["bound"]["mmd"]["chamfer"] is not None
    assert table.splitlines()[-1].startswith("note: every sample is empty at --threshold=0.999")


def test_some_empty_samples_and_no_chamfer_distance(evaluation, tmp_path):
    class QuarterEmpty(Model):
        def decode(self, latents, labels=None, *, threshold=None):
            shapes = super().decode(latents, labels, threshold=threshold)
            shapes[: len(shapes) // 4] = 0
            return shapes

    model = make_model(networks=evaluation["model"].networks, kind=QuarterEmpty)
    metrics, table = evaluate(dict(evaluation, model=model), tmp_path, chamfer_shapes=0)
    assert metrics["empty_samples"] == 2
    assert 0 <= metrics["one_nna"]["voxel_iou"] <= 1
    assert metrics["bound"]["mmd"]["chamfer"] is None
    assert table.splitlines()[-2:] == [
        f"note: 2 of 8 samples are empty at --threshold={THRESHOLD}: train longer",
        "note: --chamfer_shapes=0: the Chamfer distances are null",
    ]


def test_one_test_shape_and_few_training_shapes(evaluation, tmp_path):
    one = some_shapes(tmp_path / "one", 1, 0)
    metrics, table = evaluate(dict(evaluation, test=one), tmp_path)
    assert metrics["one_nna"] == {"voxel_iou": None, "chamfer": None}
    assert "one_nna, coverage and mmd are null; give more test shapes" in table
    few = some_shapes(tmp_path / "few", 6, 0)
    metrics, table = evaluate(dict(evaluation, training=few), tmp_path)
    assert metrics["sizes"]["bound_shapes"] == 6
    assert "6 training shapes for the bound" in table


def test_from_a_run_folder_and_a_folder_of_records(tmp_path, monkeypatch):
    monkeypatch.setattr(phases, "start_tensorflow", lambda **_: None)
    records, run = tmp_path / "records", tmp_path / "run"
    some_shapes(records, 16, 0)
    some_shapes(records, 12, 5, "test")
    state = TrainingState(CONFIG.network_arguments(), learning_rate=1e-3, d_learning_rate=1e-3, beta1=0.5, seed=5)
    prefix = save_checkpoint(state.checkpoint(), run, 3, keep=1)
    write_run_config(run, CONFIG, batch_size=4, record_count=16)
    config = EvaluateConfig(run, str(records), "test", "", "train", run / "evaluation", 8, 4, None, 1, THRESHOLD, 0)
    assert phases.run(config) == 0
    metrics = json.loads((run / "evaluation/metrics.json").read_text())
    assert (metrics["prior"], metrics["checkpoint"]) == ("mixture", str(prefix))
    assert metrics["bound"]["one_nna"]["chamfer"] is not None
    # The prior was fitted on the training shapes, and lies beside the checkpoint for the next time.
    assert prior_file(prefix).is_file()
    again = dataclasses.replace(config, records=str(records / "test.tfrecords"), chamfer_shapes=0)
    assert phases.run(again) == 0
    again_metrics = json.loads((run / "evaluation/metrics.json").read_text())
    assert (again_metrics["prior"], again_metrics["bound"]) == ("mixture", None)
    assert again_metrics["mmd"]["voxel_iou"] == metrics["mmd"]["voxel_iou"]
    assert phases.run(dataclasses.replace(again, prior="normal")) == 0
    assert json.loads((run / "evaluation/metrics.json").read_text())["prior"] == "normal"


BOXES = np.stack([box_grid(16, 4, high) for high in (8, 10, 12)])


class CutModel(VoxelModel):
    """Reconstructs a shape as itself with probability 0.8, but for the planes x >= `cut`."""

    def __init__(self, cut):
        super().__init__()
        self.cut = cut

    def decode(self, latents, labels=None, *, threshold=None):
        shapes = 0.8 * super().decode(latents)
        shapes[:, self.cut :] = 0
        return shapes if threshold is None else shapes > threshold


@pytest.fixture
def shapes(tmp_path):
    write_records(tmp_path, BOXES)
    return ShapeSet(find_records(str(tmp_path)), 16)


def test_perfect_reconstructions(shapes):
    quality = reconstruction_quality(CutModel(16), shapes, 0.5)
    for values in (quality.iou, quality.precision, quality.recall):
        np.testing.assert_array_equal(values, [1, 1, 1])
    np.testing.assert_array_equal(quality.worst(2), [0, 1])


def test_half_reconstructions_by_hand(shapes, monkeypatch):
    # One shape a block.
    monkeypatch.setattr(shape_set, "_BLOCK_BYTES", 1)
    quality = reconstruction_quality(CutModel(8), shapes, 0.5)
    # Of planes 4 to 8, 10 and 12, those below 8 stay: 4 of 4, 4 of 6, 4 of 8. Nothing is added.
    np.testing.assert_allclose(quality.iou, [1, 4 / 6, 4 / 8], rtol=1e-6)
    np.testing.assert_allclose(quality.recall, [1, 4 / 6, 4 / 8], rtol=1e-6)
    np.testing.assert_array_equal(quality.precision, [1, 1, 1])
    np.testing.assert_array_equal(quality.worst(10), [2, 1, 0])


def test_nothing_lies_above_a_high_threshold(shapes):
    quality = reconstruction_quality(CutModel(16), shapes, 0.9)
    for values in (quality.iou, quality.precision, quality.recall):
        np.testing.assert_array_equal(values, [0, 0, 0])
    assert not CutModel(16).reconstruct(BOXES, threshold=0.9).any()


PICTURED = np.stack([box_grid(16, low, low + 4) for low in range(7)])


@pytest.fixture
def sheet(monkeypatch):
    """What `save_sheet` is called with."""
    calls = []
    monkeypatch.setattr(sheets, "save_sheet", lambda path, grids, **options: calls.append((grids, options)))
    return calls


def test_reconstructions_lie_under_their_originals(sheet, tmp_path):
    sheets.save_pairs(
        tmp_path / "a.png",
        PICTURED,
        PICTURED[::-1].astype(bool),
        columns=5,
        titles=([f"chair {number}" for number in range(7)], [f"IoU 0.{number}00" for number in range(7)]),
        title="a sheet",
        labels=("test shape", "reconstruction"),
    )
    [(grids, options)] = sheet
    assert (options["columns"], len(grids), options["title"]) == (5, 20, "a sheet")
    # Two double rows: 0 to 4 over 6 to 2, then 5 and 6 over 1 and 0, and three empty places in each.
    for place, number in [(0, 0), (4, 4), (5, 6), (9, 2), (10, 5), (11, 6), (15, 1), (16, 0)]:
        np.testing.assert_array_equal(grids[place], PICTURED[number])
    assert [grids[place] for place in (12, 14, 17, 19)] == [None] * 4
    assert options["titles"][3:7] == ["chair 3", "chair 4", "IoU 0.000", "IoU 0.100"]
    assert options["row_labels"] == ("test shape", "reconstruction") * 2
    assert [options["colors"][place] for place in (0, 5)] == [ORIGINAL_COLOR, DEFAULT_COLOR]


def test_neighbors_tell_their_class_and_overlap(sheet, tmp_path):
    samples = np.concatenate([PICTURED[:1], PICTURED[:1]]).astype(bool)
    draw_neighbors(tmp_path / "a.png", samples, ["", ""], PICTURED[[0, 1]], ["chair", "table"])
    [(grids, options)] = sheet
    # 3^3 = 27 voxels in both, 2 * 64 - 27 in either.
    assert options["titles"] == ["", "", "chair, IoU 1.00", "table, IoU 0.27"]
    assert (options["columns"], len(grids)) == (2, 4)
    assert [options["colors"][place] for place in (0, 2)] == [DEFAULT_COLOR, ORIGINAL_COLOR]
