"""What training in stages refuses and clears before TensorFlow starts."""

import dataclasses

import pytest

from tests.configs import MODEL, TRAINING
from tests.fakes import random_grids, write_records
from vae_gan3d import phases, progressive_phase
from vae_gan3d.config import ProgressiveConfig
from vae_gan3d.errors import UserError
from vae_gan3d.folder_lock import folder_lock
from vae_gan3d.training import run_folder


class Started(Exception):
    """TensorFlow would start now."""


@pytest.fixture(autouse=True)
def no_tensorflow(monkeypatch):
    def start(*, verbose):
        raise Started

    monkeypatch.setattr(phases, "start_tensorflow", start)
    monkeypatch.setattr(progressive_phase, "start_tensorflow", start)


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
    run_folder.index_file(folder, 1).touch()
    run_folder.data_file(folder, 1).touch()


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
    with pytest.raises(UserError, match="run holds stages that grew: give --progressive, or another --save_path"):
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
