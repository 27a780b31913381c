"""A study as a user runs it: Ctrl-C in its first trial, and a second command that goes on with it and makes another."""

import csv
import dataclasses
import signal
import subprocess
import time

import pytest
from absl import flags as absl_flags

from flags.phases import define_script_flags, phase_config
from tests.fakes import random_grids, write_records
from tests.no_network import cut_network
from tests.test_end_to_end import last_step, start
from tests.tuning_studies import tune_config
from vae_gan3d.errors import UserError
from vae_gan3d.training.run_folder import checkpoint_epochs
from vae_gan3d.tuning import tune_phase
from vae_gan3d.tuning.tune_phase import tune

FLAGS = absl_flags.FLAGS
define_script_flags("train")
SECONDS = 300  # three processes one after the other, each of which starts another with TensorFlow
SMALL = ("--resolution=16", "--base_width=8", "--latent_size=64", "--log_every=1", "--batch_size=2", "--model=vae")
STUDY = ("--search=learning_rate,activation", "--trial_epochs=4", "--trial_minutes=5")


def finish(process):
    """What a process leaves; it is killed where it takes too long."""
    with process:
        try:
            out, error = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, out, error)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    with cut_network(tmp_path_factory.mktemp("network")) as network:
        yield network


@pytest.fixture(scope="module")
def story(tmp_path_factory, network):
    """The study's folder, and what became of the two processes."""
    folder = tmp_path_factory.mktemp("tuning")
    for number, split in enumerate(("train", "test")):
        write_records(folder / "records", random_grids(6, 16, number), split=split)
    places = (f"--records={folder / 'records'}", f"--output_dir={folder / 'study'}")
    command = ["train.py", "--phase=tune", *places, *SMALL, *STUDY]
    endless = start(network, [*command, "--trials=1000"])
    deadline = time.monotonic() + SECONDS
    metrics = folder / "study/trial-0000/metrics.csv"
    while not (metrics.is_file() and last_step(metrics)) and endless.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    endless.send_signal(signal.SIGINT)
    return folder / "study", finish(endless), finish(start(network, [*command, "--trials=2"]))


def rows(study):
    """The table of trials."""
    with open(study / "trials.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_ctrl_c_saves_the_trial(story):
    _, stopped, _ = story
    assert (stopped.returncode, "Traceback" in stopped.stderr) == (130, False), stopped.stderr
    assert "stopped: the same command goes on from there" in stopped.stderr
    assert "trial 0: stopped, and waits to go on (learning_rate " in stopped.stdout


def test_the_same_command_goes_on_in_the_trial_and_makes_another(story):
    study, _, second = story
    assert (second.returncode, second.stderr.count("error: ")) == (0, 0), second.stderr
    assert "on from 2 trials in" in second.stdout
    table = rows(study)
    assert [row["state"] for row in table] == ["failed", "complete", "complete"]
    assert [row["folder"] for row in table] == ["trial-0000", "trial-0000", "trial-0002"]
    assert (table[0]["learning_rate"], table[0]["activation"]) == (table[1]["learning_rate"], table[1]["activation"])
    assert "on from model.ckpt-" in (study / "trial-0000/trial.log").read_text()
    for name in ("trial-0000", "trial-0002"):
        assert checkpoint_epochs(study / name) == [4]
    assert all(0 <= float(row["iou"]) <= 1 for row in table[1:])


def test_the_best_flags_are_a_file_that_training_takes(story):
    study, _, second = story
    assert f"next: python train.py --flagfile={study / 'best.flags'} --save_path=RUN" in second.stdout
    best = max(rows(study)[1:], key=lambda row: float(row["iou"]))
    try:
        FLAGS.unparse_flags()
        FLAGS(["train.py", f"--flagfile={study / 'best.flags'}"])
        run = phase_config("train")
    finally:
        FLAGS.unparse_flags()
    assert (run.model.activation, run.optimizer.learning_rate) == (best["activation"], float(best["learning_rate"]))
    assert (run.model.resolution, run.model.base_width, run.model.kind, run.batch_size) == (16, 8, "vae", 2)
    assert run.records == str(study.parent / "records")


def test_no_process_sought_a_network(story, network):
    study, *_ = story
    assert (study / "trial-0002/trial.log").exists()
    assert network.attempts() == []


def small_study(folder, **changes):
    """A study of records in a folder."""
    config = tune_config(folder / "study", held_out_records="", **changes)
    return dataclasses.replace(
        config, training=dataclasses.replace(config.training, records=str(folder / "records"), split_name="train")
    )


def test_the_training_shapes_are_no_held_out_shapes(tmp_path):
    write_records(tmp_path / "records", random_grids(3, 16))
    with pytest.raises(UserError, match=r"train\.tfrecords holds the training shapes.*--held_out_records"):
        tune(small_study(tmp_path))
    assert not (tmp_path / "study/study.db").exists()


@pytest.fixture
def failing(monkeypatch):
    """Trials that all fail, without a process."""

    class FailingObjective:
        def __init__(self, config, *, stopping):
            self.number = None

        def __call__(self, trial):
            self.number = trial.number
            trial.set_user_attr("reason", "training diverged")
            raise tune_phase.TrialFailed

    monkeypatch.setattr(tune_phase, "Objective", FailingObjective)


def test_a_study_without_a_complete_trial_ends_in_an_error(tmp_path, failing, capsys):
    for number, split in enumerate(("train", "test")):
        write_records(tmp_path / "records", random_grids(3, 16, number), split=split)
    with pytest.raises(UserError, match=r"^no trial was completed: see trials\.csv and the logs in "):
        tune(small_study(tmp_path, trials=2))
    out = capsys.readouterr().out
    assert "a new study in" in out and "trial 1: training diverged" in out


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"search": ("kl_weight",)}, "note: --objective=iou measures reconstructions alone"),
        ({"search": ("kl_weight",), "objective": "mmd"}, ""),
        (
            {"search": ("d_learning_rate",)},
            "note: 2 steps of 32 end before --adversarial_warmup=2000, so d_learning_rate",
        ),
        ({"search": ("d_learning_rate",), "trial_epochs": 40_000}, ""),
    ],
)
def test_what_may_change_nothing_is_noted(tmp_path, failing, capsys, changes, note):
    for number, split in enumerate(("train", "test")):
        write_records(tmp_path / "records", random_grids(3, 16, number), split=split)
    with pytest.raises(UserError, match="no trial"):
        tune(small_study(tmp_path, **changes))
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note")]
    assert [line[: len(note)] for line in notes] == ([note] if note else [])
