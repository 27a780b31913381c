"""How run folders are held, what is left of those of refused runs, and which priors are fitted again."""

import dataclasses
import json
import types

import numpy as np
import pytest

from tests.conftest import MODEL, TRAINING, run_script
from tests.fakes import random_grids, write_records
from tests.models.test_priors import PRIOR
from vae_gan3d import phases, train_phase
from vae_gan3d.config import ProgressiveConfig
from vae_gan3d.errors import UserError
from vae_gan3d.files import LOCK_NAME, folder_lock
from vae_gan3d.models.priors import PRIOR_FORMAT, PRIOR_SCHEMA
from vae_gan3d.train_phase import fit_prior_once, run_folders_held
from vae_gan3d.training import checkpoint_files, run_folder
from vae_gan3d.training.checkpoint_files import Progress, index_sha256, write_digest


def test_a_worker_beside_the_chief_is_not_refused(tmp_path):
    with run_folders_held([tmp_path], writes=True), run_folders_held([tmp_path], writes=False):
        assert [path.name for path in tmp_path.iterdir()] == [LOCK_NAME]


def test_a_refused_run_leaves_no_new_folder(tmp_path):
    new, old, written = (tmp_path / name for name in ("new", "old", "written"))
    old.mkdir()
    for folder in (new, old, written):
        with pytest.raises(UserError, match="refused"), run_folders_held([folder], writes=True):
            if folder == written:
                (folder / "config.json").touch()
            raise UserError("refused")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old", "written"]


def write_prior(prefix, there):
    """A prior of the checkpoint itself, of another checkpoint, or a file that is none."""
    path = checkpoint_files.prior_file(prefix)
    if there == "damaged":
        path.touch()
    elif there:
        checkpoint = index_sha256(prefix) if there == "its own" else "0" * 64
        dataclasses.replace(PRIOR, checkpoint=checkpoint).save(path)


def write_checkpoint(folder, number, step, run):
    """A checkpoint without weights that says of which run it is."""
    for part in (checkpoint_files.index_file, checkpoint_files.data_file):
        part(folder, number).write_bytes(b"saved")
    prefix = checkpoint_files.checkpoint_prefix(folder, number)
    write_digest(prefix, run_in(folder).model, run=run, progress=Progress(step, 0, 0, 5))


@pytest.fixture
def fitted(tmp_path, monkeypatch):
    """The prefixes that priors are fitted for, of the run folder `tmp_path` with one checkpoint."""
    found = []
    run_folder.write_run_config(tmp_path, run_in(tmp_path).model, batch_size=32, record_count=5)
    write_checkpoint(tmp_path, 1, 10, run_folder.run_id(tmp_path))
    monkeypatch.setattr("vae_gan3d.models.model.load_model", lambda *arguments: types.SimpleNamespace())
    monkeypatch.setattr(
        "vae_gan3d.models.prior_fitting.fit_and_store_prior", lambda path, *rest, seed: found.append(path)
    )
    return found


def run_in(folder):
    return dataclasses.replace(
        TRAINING, save_path=folder, model=dataclasses.replace(MODEL, latent_size=3), report=False
    )


@pytest.mark.parametrize(
    ("there", "is_fitted", "reason"),
    [
        (None, True, None),
        ("its own", False, None),
        ("another's", True, "was fitted to the latents of another checkpoint than model.ckpt-1"),
        ("damaged", True, "is damaged, or not a prior (File is not a zip file)"),
    ],
)
def test_a_prior_is_fitted_unless_its_checkpoint_has_its_own(tmp_path, fitted, capsys, there, is_fitted, reason):
    prefix = tmp_path / "model.ckpt-1"
    write_prior(prefix, there)
    fit_prior_once(run_in(tmp_path), None)
    assert fitted == ([prefix] if is_fitted else [])
    note = f"note: {prefix}.prior.npz {reason}: it is fitted again\n"
    assert capsys.readouterr().err == (note if reason else "")


def test_a_checkpoint_of_another_run_in_the_folder_gets_no_prior(tmp_path, fitted):
    write_checkpoint(tmp_path, 9, 99, "of another run")
    fit_prior_once(run_in(tmp_path), records=None)
    assert fitted == [checkpoint_files.checkpoint_prefix(tmp_path, 1)]


def test_a_prior_of_a_newer_version_is_not_written_over(tmp_path, fitted):
    path = checkpoint_files.prior_file(tmp_path / "model.ckpt-1")
    np.savez(path, format=PRIOR_FORMAT, schema=PRIOR_SCHEMA + 1, version="99")
    with pytest.raises(UserError, match=r"written by a newer version 99 of vae_gan3d .*: update this program"):
        fit_prior_once(run_in(tmp_path), None)
    assert fitted == []


class Started(Exception):
    """TensorFlow would start now."""


@pytest.fixture(autouse=True)
def no_tensorflow(monkeypatch):
    def start(*, verbose):
        raise Started

    monkeypatch.setattr(train_phase, "start_tensorflow", start)


@pytest.fixture
def config(tmp_path):
    """Two stages on three records, the first one with a checkpoint."""
    write_records(tmp_path / "records", random_grids(3, 16))
    run = tmp_path / "run"
    model = dataclasses.replace(MODEL, resolution=32, base_width=8)
    training = dataclasses.replace(TRAINING, model=model, records=str(tmp_path / "records"), save_path=run, logdir=run)
    touch_run(run / "stage-16", dataclasses.replace(model, resolution=16, base_width=16, classes=("chair",)))
    return ProgressiveConfig(training, (16, 32), (1, 1))


def touch_run(folder, model):
    """A run folder with one checkpoint."""
    folder.mkdir(parents=True)
    run_folder.write_run_config(folder, model, batch_size=TRAINING.batch_size, record_count=3)
    checkpoint_files.index_file(folder, 1).touch()
    checkpoint_files.data_file(folder, 1).touch()


def changed(config, **values):
    return dataclasses.replace(config, training=dataclasses.replace(config.training, **values))


def test_the_same_command_goes_on(config, capsys):
    with pytest.raises(Started):
        phases.run(changed(config, expected_count=9, train_steps=1000))  # in each of two stages
    assert capsys.readouterr().err == "note: --len_data=9 is ignored: the records hold 3 shapes\n"
    assert [path.name for path in config.training.save_path.iterdir()] == ["stage-16"]  # the other was left empty


def test_stages_of_other_networks_are_refused(config):
    wider = dataclasses.replace(config.training.model, base_width=16)
    with pytest.raises(UserError, match=r"stage-16 holds a run of another model \(.*width 16.* asked for \(.*width 32"):
        phases.run(changed(config, model=wider))
    larger = dataclasses.replace(config.training.model, resolution=64)
    training = dataclasses.replace(config.training, model=larger)
    other = dataclasses.replace(config, training=training, resolutions=(32, 64))
    with pytest.raises(UserError, match=r"run holds a stage of 16\^3, which is none of --progressive=32,64"):
        phases.run(other)


def test_a_run_without_stages_and_one_with_stages_do_not_share_a_folder(config, tmp_path):
    with pytest.raises(UserError, match="run is a run with --progressive: give --progressive, or another --save_path"):
        phases.run(config.training)
    plain = tmp_path / "plain"
    touch_run(plain, config.training.model)
    with pytest.raises(UserError, match="plain holds a run without stages"):
        phases.run(changed(config, save_path=plain))


@pytest.mark.parametrize("place", [".", "stage-16"])
def test_a_second_run_in_the_folder_or_in_a_stage_is_refused(config, place):
    folder = config.training.save_path
    with (
        folder_lock(folder / place, "--save_path"),
        pytest.raises(UserError, match=r"is in use by process \d+ on "),
    ):
        phases.run(changed(config, restart=True, assume_yes=True))
    assert run_folder.trained_stages(folder) == [16]


def test_restart_clears_every_stage(config):
    folder = config.training.save_path
    touch_run(folder / "stage-32", config.training.model)
    with pytest.raises(UserError, match=r"--restart would remove the run in .*run \(6 files\): add --yes"):
        phases.run(changed(config, restart=True))
    assert run_folder.trained_stages(folder) == [32, 16]
    with pytest.raises(Started):
        phases.run(changed(config, restart=True, assume_yes=True))
    assert run_folder.trained_stages(folder) == []


CLASSES = ("chair", "table")


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """Two stages of one epoch each, what a second call says, and samples of one class."""
    folder = tmp_path_factory.mktemp("story")
    write_records(folder / "records", random_grids(8, 32), [0, 1] * 4, CLASSES)
    train = (
        "train.py",
        f"--records={folder / 'records'}",
        f"--save_path={folder / 'run'}",
        "--progressive=16,32",
        "--stage_epochs=1,2",
        "--model=vae",
        "--conditional",
        "--latent_size=64",
        "--base_width=2",
        "--normalization=none",
        "--batch_size=4",
        "--log_every=1",
        "--precision=float32",
    )
    sample = ("test.py", "--phase=sample", f"--checkpoint={folder / 'run'}", "--samples=4", "--classes=table")
    outcomes = {"train": run_script(*train), "again": run_script(*train), "sample": run_script(*sample)}
    return folder, outcomes


@pytest.mark.parametrize("name", ["train", "again", "sample"])
def test_the_commands_end_well(story, name):
    outcome = story[1][name]
    assert outcome.status == 0, outcome.stderr
    assert "error" not in outcome.stderr


def test_the_stages_follow_one_another(story):
    folder, outcomes = story
    text = outcomes["train"].stdout
    assert f"stage 1 of 2: 16^3 in {folder / 'run' / 'stage-16'}" in text
    assert f"grown out of {folder / 'run' / 'stage-16' / 'model.ckpt-1'}" in text
    assert text.count("fitted the prior on 8 shapes: 2 classes") == 2
    model = json.loads((folder / "run/stage-32/config.json").read_text())["model"]
    assert (model["resolution"], model["base_width"], model["fade_samples"]) == (32, 2, 8)
    for stage in ("stage-16", "stage-32"):
        names = {path.name for path in (folder / "run" / stage).iterdir()}
        assert {"config.json", "metrics.csv", "output_ims", "plots", "generator.weights.h5"} <= names
        assert {path.name for path in (folder / "run" / stage / "plots").iterdir()} == {"accuracy.png", "losses.png"}


def test_a_second_call_trains_nothing_again(story):
    folder, outcomes = story
    assert "stage 1 of 2" not in outcomes["again"].stdout
    assert f"{folder / 'run' / 'stage-32'} holds model.ckpt-2 already" in outcomes["again"].stdout
    assert "step/s" not in outcomes["again"].stderr


def test_samples_are_of_the_last_stage_and_of_the_class_that_is_asked_for(story):
    folder, outcomes = story
    assert (
        f"note: {folder / 'run'} is a run with --progressive: using {folder / 'run' / 'stage-32' / 'model.ckpt-2'}"
        in (outcomes["sample"].stderr)
    )
    assert "wrote 4 shapes (4 table)" in outcomes["sample"].stdout
    assert np.load(folder / "run/samples/samples.npy").shape == (4, 32, 32, 32)
