"""What the phases refuse, say and ask before TensorFlow starts."""

import dataclasses
import io
import types

import pytest

from tests.conftest import (
    ARITHMETIC,
    EXPLORE,
    EXPORT,
    EXPORT_MODEL,
    INTERPOLATE,
    MAP,
    MODEL,
    NEIGHBORS,
    RUN,
    SAMPLE,
    TRAINING,
)
from tests.fakes import box_mesh, random_grids, write_mat, write_off, write_records
from tests.models.test_priors import PRIOR
from vae_gan3d import phases, train_phase
from vae_gan3d.config import EvaluateConfig, ExportConfig, ShapeFilesConfig
from vae_gan3d.config.shapes import ReadOptions
from vae_gan3d.errors import UserError
from vae_gan3d.files import folder_lock
from vae_gan3d.training import checkpoint_files, run_folder
from vae_gan3d.training.checkpoint_files import Progress, write_digest


class Started(Exception):
    """TensorFlow would start now."""


@pytest.fixture(autouse=True)
def no_tensorflow(monkeypatch):
    def start(*, verbose):
        raise Started

    for module in (phases, train_phase):
        monkeypatch.setattr(module, "start_tensorflow", start)


@pytest.fixture
def training(tmp_path):
    """A run of a 16^3 network on three records, in a run folder with one checkpoint."""
    write_records(tmp_path / "records", random_grids(3, 16))
    run = tmp_path / "run"
    run.mkdir()
    model = dataclasses.replace(MODEL, resolution=16)
    run_folder.write_run_config(run, model, batch_size=32, record_count=3)
    checkpoint_files.index_file(run, 1).touch()
    checkpoint_files.data_file(run, 1).touch()
    return dataclasses.replace(
        TRAINING, model=model, records=str(tmp_path / "records"), save_path=run, logdir=tmp_path / "logs"
    )


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_count_that_disagrees_is_noted_and_ignored(training, capsys):
    with pytest.raises(Started):
        phases.run(dataclasses.replace(training, expected_count=10668, train_steps=2000))
    assert capsys.readouterr().err == "note: --len_data=10668 is ignored: the records hold 3 shapes\n"


def test_a_count_that_agrees_is_not_mentioned(training, capsys):
    with pytest.raises(Started):
        phases.run(dataclasses.replace(training, expected_count=3, train_steps=2000))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("changed", "steps"), [({"epochs": 600}, 57), ({"train_steps": 1999}, 1999)])
def test_a_run_of_few_steps_is_warned_of_before_it_starts(training, capsys, changed, steps):
    # 600 epochs of 3 shapes by 32: 56.25 steps.
    with pytest.raises(Started):
        phases.run(dataclasses.replace(training, **changed))
    said = capsys.readouterr().err
    assert said.startswith(f"warning: this run ends at step {steps}, ")
    assert "--train_steps=3000" in said
    assert ("--epochs" in said) == ("epochs" in changed)


def test_a_finished_run_of_few_steps_is_not_warned_of(training, capsys):
    write_step(training.save_path, 1, 1999)
    with pytest.raises(Started):
        phases.run(dataclasses.replace(training, train_steps=1999))
    assert capsys.readouterr().err == ""


def write_step(folder, epoch, step, **of_run):
    """Says beside a checkpoint of no bytes at which step it is."""
    prefix = checkpoint_files.checkpoint_prefix(folder, epoch)
    write_digest(prefix, run_folder.read_model_config(folder), progress=Progress(step, 0, 0, 3), **of_run)


@pytest.mark.parametrize(
    "phase",
    ["sample", "evaluate", "test", "export", "export_model", "arithmetic", "neighbors", "map", "explore"],
)
@pytest.mark.parametrize("networks", ["like", "other"])
def test_a_checkpoint_under_the_configuration_of_another_run_is_named_and_not_its_prior(
    training, tmp_path, phase, networks
):
    """The files of two runs lie in one folder: the newest checkpoint came from the other one, without its prior."""
    folder, other = training.save_path, tmp_path / "other"
    other.mkdir()
    latent_size = training.model.latent_size if networks == "like" else 9
    model = dataclasses.replace(training.model, latent_size=latent_size)
    run_folder.write_run_config(other, model, batch_size=32, record_count=5)
    for part in (checkpoint_files.index_file, checkpoint_files.data_file):
        part(other, 1).write_bytes(b"of the other run")
    write_step(other, 1, 30, run=run_folder.run_id(other))
    for path in other.glob("model.ckpt-1*"):
        path.replace(folder / path.name)
    prior = dataclasses.replace(PRIOR, checkpoint="0" * 64)
    prior.save(checkpoint_files.prior_file(folder / "model.ckpt-1"))
    places = {"checkpoint": folder, "output_dir": tmp_path / "results"}
    config = {
        "sample": SAMPLE,
        "evaluate": EvaluateConfig(RUN, "R", "test", "", "train", RUN, 8, 4, None, 1, 0.5, 0),
        "test": INTERPOLATE,
        "export": EXPORT,
        "export_model": EXPORT_MODEL,
        "arithmetic": ARITHMETIC,
        "neighbors": NEIGHBORS,
        "map": MAP,
        "explore": EXPLORE,
    }[phase]
    if phase == "explore":
        del places["output_dir"]
    expected = r"model\.ckpt-1 is of another (run|model \(.*) than .*config\.json.*: put the files of one run together$"
    with pytest.raises(UserError, match=expected):
        phases.run(dataclasses.replace(config, **places))


def test_other_networks_in_the_run_folder_are_refused(training):
    changed = dataclasses.replace(training.model, latent_size=9)
    with pytest.raises(UserError, match=r"vector of 128.* than asked for .*vector of 9.*another --save_path"):
        phases.run(dataclasses.replace(training, model=changed))


def test_a_file_in_the_way_of_the_logs_is_refused(training):
    training.logdir.touch()
    with pytest.raises(UserError, match=r"cannot make the folder .*logs"):
        phases.run(training)


def test_restart_without_a_terminal_needs_yes(training, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(UserError, match=r"would remove the run in .* \(3 files\): add --yes"):
        phases.run(dataclasses.replace(training, restart=True))
    assert checkpoint_files.checkpoint_epochs(training.save_path) == [1]


@pytest.mark.parametrize("restart", [False, True])
def test_a_second_run_in_one_folder_is_refused_before_it_changes_anything(training, restart):
    changed = dataclasses.replace(training, restart=restart, assume_yes=True)
    with (
        folder_lock(training.save_path, "--save_path"),
        pytest.raises(UserError, match=r"run is in use by process \d+ on .* or give another --save_path"),
    ):
        phases.run(changed)
    assert checkpoint_files.checkpoint_epochs(training.save_path) == [1]
    with pytest.raises(Started):
        phases.run(changed)


def test_restart_with_yes_removes_the_run(training):
    with pytest.raises(Started):
        phases.run(dataclasses.replace(training, restart=True, assume_yes=True))
    assert names(training.save_path) == []


class Terminal(io.StringIO):
    """Standard input that is a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize("answer", ["y\n", "YES\n"])
def test_restart_on_a_terminal_asks_and_takes_a_yes(training, monkeypatch, answer):
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    with pytest.raises(Started):
        phases.run(dataclasses.replace(training, restart=True))
    assert names(training.save_path) == []


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_restart_on_a_terminal_removes_nothing_without_a_yes(training, monkeypatch, answer):
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    with pytest.raises(UserError, match="nothing was removed from"):
        phases.run(dataclasses.replace(training, restart=True))
    assert checkpoint_files.checkpoint_epochs(training.save_path) == [1]


def test_restart_in_an_empty_folder_asks_nothing(training, tmp_path):
    with pytest.raises(Started):
        phases.run(dataclasses.replace(training, restart=True, save_path=tmp_path / "new"))


@pytest.mark.parametrize("alpha", [-0.5, 1.5])
def test_an_alpha_outside_the_ends_warns_and_runs_on(training, tmp_path, capsys, alpha):
    write_mat(tmp_path / "a.mat", random_grids(1, 16)[0])
    config = dataclasses.replace(
        INTERPOLATE,
        checkpoint=training.save_path,
        shape1=str(tmp_path / "a.mat"),
        shape2="2",
        records=training.records,
        output_dir=tmp_path / "results",
        alpha=alpha,
    )
    with pytest.raises(Started):
        phases.run(config)
    error = capsys.readouterr().err
    assert error == f"warning: --alpha={alpha} lies outside [0, 1]: this extrapolates past a shape\n"


def test_samples_need_a_checkpoint(training, tmp_path):
    with pytest.raises(UserError, match="holds no checkpoint"):
        phases.run(dataclasses.replace(SAMPLE, checkpoint=tmp_path, output_dir=tmp_path / "results"))
    assert not (tmp_path / "results").exists()
    with pytest.raises(Started):
        phases.run(
            dataclasses.replace(SAMPLE, checkpoint=training.save_path / "model.ckpt-1", output_dir=tmp_path / "results")
        )


def test_samples_of_what_no_prior_knows_are_refused(training, tmp_path):
    config = dataclasses.replace(SAMPLE, checkpoint=training.save_path, output_dir=tmp_path / "results")
    with pytest.raises(UserError, match=r"model\.ckpt-1\.prior\.npz is missing: give --records"):
        phases.run(dataclasses.replace(config, prior="mixture"))
    with pytest.raises(UserError, match="--classes=sofa: the records hold chair"):
        phases.run(dataclasses.replace(config, records=training.records, classes=("sofa",)))
    checkpoint_files.prior_file(training.save_path / "model.ckpt-1").touch()
    with pytest.raises(UserError, match=r"model\.ckpt-1\.prior\.npz is damaged, or not a prior"):
        phases.run(config)
    assert not (tmp_path / "results").exists()
    with pytest.raises(Started):
        phases.run(dataclasses.replace(config, prior="normal"))


@pytest.fixture
def gan(training):
    """The same run, of a plain GAN."""
    model = dataclasses.replace(training.model, kind="gan", latent_deviation=0.5)
    run_folder.write_run_config(training.save_path, model, batch_size=32, record_count=3)
    return dataclasses.replace(training, model=model)


def test_a_plain_gan_cannot_interpolate(gan, tmp_path):
    config = dataclasses.replace(INTERPOLATE, checkpoint=gan.save_path, output_dir=tmp_path / "results")
    message = r"model\.ckpt-1 is of a plain GAN, which has no encoder: .*--phase=sample, or give a checkpoint"
    with pytest.raises(UserError, match=message):
        phases.run(config)
    assert not (tmp_path / "results").exists()


def test_a_plain_gan_is_drawn_from_without_a_mixture(gan, tmp_path):
    config = dataclasses.replace(SAMPLE, checkpoint=gan.save_path, output_dir=tmp_path / "results")
    with pytest.raises(UserError, match="--prior=mixture needs a mixture"):
        phases.run(dataclasses.replace(config, prior="mixture", records=gan.records))
    with pytest.raises(Started):
        phases.run(dataclasses.replace(config, records=gan.records))


def test_training_a_plain_gan_fits_no_prior(gan, monkeypatch):
    monkeypatch.setattr(train_phase, "start_tensorflow", lambda *, verbose: None)
    monkeypatch.setattr("vae_gan3d.training.loop.train", lambda config, records, distribution: 0)
    monkeypatch.setattr(train_phase, "fit_prior_once", None)
    assert phases.run(gan) == 0


@pytest.mark.parametrize(("status", "fitted"), [(0, ["model.ckpt-1", "report.html"]), (130, [])])
def test_training_ends_with_a_prior_unless_it_was_stopped(training, monkeypatch, status, fitted):
    found = []
    monkeypatch.setattr(train_phase, "start_tensorflow", lambda *, verbose: None)
    monkeypatch.setattr("vae_gan3d.training.loop.train", lambda config, records, distribution: status)
    monkeypatch.setattr("vae_gan3d.models.model.load_model", lambda *arguments: types.SimpleNamespace())
    monkeypatch.setattr(
        "vae_gan3d.models.prior_fitting.fit_and_store_prior",
        lambda prefix, model, records, *, seed: found.append(prefix.name),
    )
    monkeypatch.setattr(
        "vae_gan3d.evaluation.report.write_fitted_report", lambda *arguments: found.append("report.html")
    )
    assert phases.run(training) == status
    assert found == fitted


def export(training, **changed):
    """Of two of the records."""
    return ExportConfig(
        **{
            "checkpoint": training.save_path,
            "shapes": ("0", "2"),
            "given_classes": ("", ""),
            "records": training.records,
            "split_name": "train",
            "output_dir": training.save_path / "export",
            "project": 0,
            "threshold": 0.5,
            "files": ShapeFilesConfig(("npy",)),
            **changed,
        }
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"shapes": ("0", "3")}, "there is no record 3"),
        ({"records": ""}, "give the records with --records"),
        ({"shapes": ("a.mat",), "given_classes": ("chair",)}, "there is no such file"),
    ],
)
def test_an_export_refuses_shapes_that_are_not_there(training, changed, message):
    with pytest.raises(UserError, match=message):
        phases.run(export(training, **changed))
    assert not (training.save_path / "export").exists()
    with pytest.raises(Started):
        phases.run(export(training))


def test_how_a_mesh_is_turned_is_said_once(training, tmp_path, capsys):
    mesh = str(write_off(tmp_path / "box.off", box_mesh()))
    changed = {"checkpoint": training.save_path, "output_dir": tmp_path / "results", "shape1": mesh, "shape2": mesh}
    for config, axis in (
        (dataclasses.replace(INTERPOLATE, **changed), "z"),
        (export(training, shapes=(mesh, "0"), reading=ReadOptions(up_axis="x")), "x"),
    ):
        with pytest.raises(Started):
            phases.run(config)
        assert capsys.readouterr().out == f"meshes are read with {axis} up (--up_axis)\n"


def test_an_export_of_a_plain_gan_has_samples_alone(gan):
    with pytest.raises(UserError, match="plain GAN"):
        phases.run(export(gan))


def test_onnx_without_its_packages_is_refused_at_once(training, monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    config = dataclasses.replace(EXPORT_MODEL, checkpoint=training.save_path, output_dir=tmp_path / "results")
    expected = r"^--formats=onnx needs tf2onnx and onnx and onnxruntime: pip install tf2onnx onnx onnxruntime$"
    with pytest.raises(UserError, match=expected):
        phases.run(config)
    with pytest.raises(Started):
        phases.run(dataclasses.replace(config, formats=("keras", "savedmodel", "litert")))
