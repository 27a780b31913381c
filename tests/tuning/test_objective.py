"""What becomes of a trial: a value, an early end, a failure, or a pause."""

import math

import pytest

from tests.tuning_studies import FakeRun, by_learning_rate, make_trials, parameters, states, tune_config
from vae_gan3d.tuning.objective import trial_run
from vae_gan3d.tuning.trial_runner import TrialFailed, TrialStopped


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
    assert study.trials[0].user_attrs["reason"] == "stopped, and waits to go on"
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
