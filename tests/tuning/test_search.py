"""What becomes of a trial: a value, an early end, a failure, or a pause."""

import csv
import dataclasses
import math
import signal

import pytest
from absl import flags as absl_flags

from tests.fakes import random_grids, write_records
from tests.processes import finish_script, start_script, wait_until
from tests.test_end_to_end import last_step
from tests.tuning.conftest import FakeRun, by_learning_rate, make_trials, parameters, states, tune_config
from vae_gan3d.errors import UserError
from vae_gan3d.flags.phases import define_script_flags, phase_config
from vae_gan3d.training.checkpoint_files import checkpoint_epochs
from vae_gan3d.tuning import search
from vae_gan3d.tuning.search import trial_run, tune
from vae_gan3d.tuning.worker import TrialFailed, TrialStopped


def test_a_trial_is_a_run_in_a_folder_of_its_own(tmp_path):
    config = tune_config(tmp_path)
    run = FakeRun(by_learning_rate)
    study = make_trials(config, 2, run)
    for number, (task, drawn) in enumerate(zip(run.tasks, parameters(study), strict=True)):
        folder = tmp_path / f"trial-{number:04d}"
        assert (task.training.save_path, task.training.logdir) == (folder, folder)
        assert (task.training.epochs, task.training.checkpoint_every) == (20, 2)
        assert task.training.optimizer.learning_rate == drawn["learning_rate"]
        assert task.training.model.depth == drawn["depth"]
        assert task.training.loss == config.training.loss
        assert (task.held_out_records, task.held_out_split_name, task.objective) == ("H", "test", "iou")
    assert states(study) == ["COMPLETE", "COMPLETE"]
    assert study.trials[1].value == by_learning_rate(20, run.tasks[1])
    assert study.best_value == max(trial.value for trial in study.trials)


@pytest.mark.parametrize(("epochs", "every"), [(1, 1), (9, 1), (20, 2), (100, 10)])
def test_a_trial_is_looked_at_about_ten_times(tmp_path, epochs, every):
    assert trial_run(tune_config(tmp_path, trial_epochs=epochs), {}, "trial-0000").checkpoint_every == every


@pytest.mark.parametrize("objective", ["iou", "mmd"])
def test_a_trial_that_is_worse_than_most_is_pruned(tmp_path, objective):
    """Four trials reach an IoU of 0.8; one with 0.1 ends early, and one with 0.9 does not, whatever the objective."""
    config = tune_config(tmp_path, objective=objective)
    make_trials(config, 4, FakeRun(lambda epoch, task: 0.8))
    make_trials(config, 1, FakeRun(lambda epoch, task: 0.1))
    study = make_trials(config, 1, FakeRun(lambda epoch, task: 0.9))
    assert states(study) == ["COMPLETE"] * 4 + ["PRUNED", "COMPLETE"]
    # Nothing is pruned in the first fifth of 20 epochs.
    assert sorted(study.trials[4].intermediate_values) == [2, 4]
    assert study.trials[4].intermediate_values[2] == pytest.approx(0.1 if objective == "iou" else 0.9)


def test_a_failure_is_told_and_is_not_the_end(tmp_path):
    config = tune_config(tmp_path)
    make_trials(config, 1, FakeRun(outcome=TrialFailed("training diverged")))
    study = make_trials(config, 1, FakeRun())
    assert states(study) == ["FAIL", "COMPLETE"]
    assert study.trials[0].user_attrs["reason"] == "training diverged"


@pytest.mark.parametrize("outcome", [TrialStopped(), KeyboardInterrupt()])
def test_a_stopped_trial_goes_on_in_its_folder(tmp_path, outcome):
    config = tune_config(tmp_path, trial_minutes=2.0)
    stopped, on = FakeRun(last=8, outcome=outcome, seconds=0.05), FakeRun()
    study = make_trials(config, 1, stopped)
    assert states(study) == ["FAIL", "WAITING"]
    assert study.trials[0].user_attrs["reason"].startswith("stopped")
    study = make_trials(config, 2, on)
    assert states(study) == ["FAIL", "COMPLETE", "COMPLETE"]
    assert parameters(study)[1] == parameters(study)[0] != parameters(study)[2]
    assert [task.training.save_path.name for task in on.tasks] == ["trial-0000", "trial-0002"]
    assert sorted(study.trials[1].intermediate_values) == list(range(2, 21, 2))
    # What was used of the two minutes is not given again.
    assert stopped.limits == [120]
    assert 120 - study.trials[0].user_attrs["seconds"] <= on.limits[0] < 119.951
    assert on.limits[1] == 120
    assert study.trials[1].user_attrs["seconds"] > 0.049


def test_without_a_limit_a_trial_has_all_the_time(tmp_path):
    run = FakeRun()
    make_trials(tune_config(tmp_path), 1, run)
    assert run.limits == [math.inf]


FLAGS = absl_flags.FLAGS
define_script_flags("train")
SMALL = ("--resolution=16", "--base_width=8", "--latent_size=64", "--log_every=1", "--batch_size=2", "--model=vae")
STUDY = ("--search=learning_rate,activation", "--trial_epochs=4", "--trial_minutes=5")


@pytest.fixture(scope="module")
def story(tmp_path_factory, network):
    """The study's folder, and what became of the two processes."""
    folder = tmp_path_factory.mktemp("tuning")
    for number, split in enumerate(("train", "test")):
        write_records(folder / "records", random_grids(6, 16, number), split=split)
    places = (f"--records={folder / 'records'}", f"--output_dir={folder / 'study'}")
    command = ["train.py", "--phase=tune", *places, *SMALL, *STUDY]
    endless = start_script(network, [*command, "--trials=1000"])
    metrics = folder / "study/trial-0000/metrics.csv"
    wait_until(lambda: last_step(metrics) or endless.poll() is not None)
    endless.send_signal(signal.SIGINT)
    stopped = finish_script(endless)
    return folder / "study", stopped, finish_script(start_script(network, [*command, "--trials=1"]))


def rows(study):
    """The table of trials."""
    with open(study / "trials.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_ctrl_c_saves_the_trial(story):
    _, stopped, _ = story
    assert (stopped.returncode, "Traceback" in stopped.stderr) == (130, False), stopped.stderr
    assert "stopped: the same command" in stopped.stderr
    assert "trial 0: stopped" in stopped.stdout


def test_the_same_command_goes_on_in_the_trial(story):
    study, _, second = story
    assert (second.returncode, second.stderr.count("error: ")) == (0, 0), second.stderr
    assert " 2 trials in " in second.stdout
    failed, complete = rows(study)
    assert (failed["state"], complete["state"]) == ("failed", "complete")
    assert [row["folder"] for row in (failed, complete)] == ["trial-0000", "trial-0000"]
    assert [complete[name] for name in ("learning_rate", "activation")] == [
        failed[name] for name in ("learning_rate", "activation")
    ]
    assert "on from model.ckpt-" in (study / "trial-0000/trial.log").read_text()
    assert checkpoint_epochs(study / "trial-0000") == [4]
    assert 0 <= float(complete["iou"]) <= 1


def test_the_best_flags_are_a_file_that_training_takes(story):
    study, _, second = story
    assert f"next: python train.py --flagfile={study / 'best.flags'} --save_path=RUN" in second.stdout
    best = rows(study)[1]
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
    assert (study / "trial-0000/trial.log").exists()
    assert network.attempts() == []


def small_study(folder, **changes):
    """A study of records in a folder."""
    config = tune_config(folder / "study", held_out_records="", **changes)
    return dataclasses.replace(
        config, training=dataclasses.replace(config.training, records=str(folder / "records"), split_name="train")
    )


def test_the_training_shapes_are_no_held_out_shapes(tmp_path):
    write_records(tmp_path / "records", random_grids(3, 16))
    with pytest.raises(UserError, match=r"train\.tfrecords .*--held_out_records"):
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
            raise search.TrialFailed

    monkeypatch.setattr(search, "Objective", FailingObjective)


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
        ({"search": ("kl_weight",)}, "note: --objective=iou "),
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
