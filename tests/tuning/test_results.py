"""The table, the flags and the picture of a study."""

import csv

import matplotlib.image

import vae_gan3d
from tests.tuning.conftest import FakeRun, by_learning_rate, make_trials, parameters, tune_config
from vae_gan3d.tuning.results import best_flags, describe_trial, write_results
from vae_gan3d.tuning.worker import TrialFailed


def test_what_a_study_leaves(tmp_path):
    config = tune_config(tmp_path)
    study = make_trials(config, 3, FakeRun(by_learning_rate))
    study = make_trials(config, 1, FakeRun(outcome=TrialFailed("training diverged")))
    write_results(study, config)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.flags", "study.db", "trials.csv", "trials.png"]
    with open(tmp_path / "trials.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["trial", "state", "iou", "learning_rate", "depth", "epoch", "seconds", "folder", "reason"]
    assert [row["state"] for row in rows] == ["complete"] * 3 + ["failed"]
    assert [(row["folder"], row["epoch"]) for row in rows] == [(f"trial-{number:04d}", "20") for number in range(4)]
    assert [float(row["learning_rate"]) for row in rows] == [drawn["learning_rate"] for drawn in parameters(study)]
    assert (rows[3]["iou"], rows[3]["reason"]) == ("", "training diverged")
    assert max(float(row["iou"]) for row in rows[:3]) == round(study.best_value, 6)
    picture = matplotlib.image.imread(tmp_path / "trials.png")
    assert picture.shape[0] > 200 and picture[..., :3].std() > 0.01


def test_the_best_flags_are_those_of_the_study_and_of_the_trial(tmp_path):
    config = tune_config(tmp_path)
    study = make_trials(config, 2, FakeRun(by_learning_rate))
    best = study.best_trial
    comment, *lines = best_flags(config, best).splitlines()
    assert comment.startswith(
        f"# vae_gan3d {vae_gan3d.__version__}: iou {best.value:.4f} after 20 epochs at most, of trial {best.number}: "
    )
    # --depth=1 of the study gives way to what was drawn.
    assert lines == [
        "--records=R",
        "--kl_weight=3.0",
        f"--learning_rate={best.params['learning_rate']!r}",
        f"--depth={best.params['depth']}",
    ]


def test_without_a_complete_trial_there_is_only_the_table(tmp_path):
    config = tune_config(tmp_path)
    write_results(make_trials(config, 1, FakeRun(outcome=TrialFailed("no"))), config)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study.db", "trials.csv"]


def test_a_trial_in_one_line(tmp_path):
    config = tune_config(tmp_path, search=("depth",))
    study = make_trials(config, 1, FakeRun(lambda epoch, task: 0.25))
    study = make_trials(config, 1, FakeRun(outcome=TrialFailed("training diverged")))
    depths = [drawn["depth"] for drawn in parameters(study)]
    seconds = [f"{trial.user_attrs['seconds']:.0f} s" for trial in study.trials]
    assert [describe_trial(trial, "iou") for trial in study.trials] == [
        f"trial 0: iou 0.2500 (depth {depths[0]}; {seconds[0]})",
        f"trial 1: training diverged (depth {depths[1]}; {seconds[1]})",
    ]
