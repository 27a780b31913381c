"""What is drawn, and what it changes in a run."""

import dataclasses
import datetime
import multiprocessing
import sqlite3

import optuna
import pytest

from tests.conftest import TRAINING
from tests.tuning.conftest import (
    FakeRun,
    by_learning_rate,
    make_slow_trials,
    make_trials,
    parameters,
    states,
    tune_config,
)
from vae_gan3d.config import OPTIMIZERS, SEARCHABLE
from vae_gan3d.errors import UserError
from vae_gan3d.tuning.study import draw_parameters, open_study, parameter_flags, require_optuna, with_parameters

VALUES = {
    "optimizer": "sgd",
    "learning_rate": 0.25,
    "d_learning_rate": 0.125,
    "batch_size": 7,
    "epochs": 3,
    "activation": "elu",
    "base_width": 24,
    "depth": 2,
    "kl_weight": 0.5,
    "adversarial_weight": 0.75,
}


def draw(search, fixed, base=TRAINING, trial_epochs=20):
    """What is drawn where a trial holds fixed values, and the trial."""
    trial = optuna.trial.FixedTrial(fixed)
    return draw_parameters(trial, search, base, trial_epochs), trial


def test_everything_searchable_is_drawn_in_its_order():
    fixed = {**VALUES, "batch_size": 16, "base_width": 32, "learning_rate": 1e-5, "d_learning_rate": 1e-5, "epochs": 5}
    drawn, _ = draw(tuple(reversed(SEARCHABLE)), fixed)
    assert drawn == fixed
    assert tuple(drawn) == SEARCHABLE


def test_nothing_else_is_drawn():
    drawn, _ = draw(("depth", "kl_weight"), {"depth": 1, "kl_weight": 2.0, "epochs": 9})
    assert drawn == {"depth": 1, "kl_weight": 2.0}


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_the_range_of_learning_rates_is_the_optimizers(kind):
    base = dataclasses.replace(TRAINING, optimizer=dataclasses.replace(TRAINING.optimizer, kind=kind))
    drawn_kind, trial = draw(("optimizer", "learning_rate"), {"optimizer": kind, "learning_rate": 1.0})
    _, of_base = draw(("learning_rate",), {"learning_rate": 1.0}, base)
    assert drawn_kind["optimizer"] == kind
    assert trial.distributions["learning_rate"] == of_base.distributions["learning_rate"]
    assert (trial.distributions["learning_rate"].high > 1) == (kind == "adadelta")
    assert (trial.distributions["learning_rate"].high < 1e-3) == (kind == "sgd")


@pytest.mark.parametrize(("most", "least"), [(1, 1), (2, 1), (20, 5), (21, 6)])
def test_a_quarter_of_the_epochs_is_the_least(most, least):
    _, trial = draw(("epochs",), {"epochs": most}, trial_epochs=most)
    assert (trial.distributions["epochs"].low, trial.distributions["epochs"].high) == (least, most)


def test_each_parameter_finds_its_place():
    run = with_parameters(TRAINING, VALUES)
    assert (run.optimizer.kind, run.optimizer.learning_rate, run.optimizer.d_learning_rate) == ("sgd", 0.25, 0.125)
    assert (run.batch_size, run.epochs) == (7, 3)
    assert (run.model.activation, run.model.base_width, run.model.depth) == ("elu", 24, 2)
    assert (run.loss.kl_weight, run.loss.adversarial_weight) == (0.5, 0.75)
    assert tuple(VALUES) == SEARCHABLE


def test_what_is_not_drawn_stays():
    run = with_parameters(TRAINING, {"learning_rate": 0.25})
    assert run == dataclasses.replace(TRAINING, optimizer=dataclasses.replace(TRAINING.optimizer, learning_rate=0.25))


def test_flags_hold_every_digit():
    assert parameter_flags({"learning_rate": 0.1 + 0.2, "activation": "elu", "depth": 1}) == [
        "--learning_rate=0.30000000000000004",
        "--activation=elu",
        "--depth=1",
    ]


def test_a_study_goes_on_as_if_it_had_not_been_stopped(tmp_path):
    once = make_trials(tune_config(tmp_path / "once"), 12, FakeRun(by_learning_rate))
    for _ in range(2):
        twice = make_trials(tune_config(tmp_path / "twice"), 6, FakeRun(by_learning_rate))
    assert len(parameters(once)) == 12
    assert parameters(once) == parameters(twice)
    assert len({str(drawn) for drawn in parameters(once)}) == 12


def test_two_processes_share_a_study(tmp_path):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=make_slow_trials, args=(tmp_path, 3)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    study = open_study(tune_config(tmp_path))
    assert [trial.number for trial in study.trials] == list(range(6))
    assert {trial.user_attrs["folder"] for trial in study.trials} == {f"trial-{number:04d}" for number in range(6)}
    assert len({str(drawn) for drawn in parameters(study)}) == 6


def test_a_trial_whose_process_was_killed_is_made_again_in_its_folder(tmp_path):
    config = tune_config(tmp_path)
    study = open_study(config)
    killed = study.ask()
    killed.set_user_attr("folder", "trial-0000")
    killed.suggest_float("learning_rate", 1e-4, 1e-2, log=True)
    with sqlite3.connect(tmp_path / "study.db") as base:
        long_ago = datetime.datetime(2020, 1, 1).isoformat(" ")
        base.execute("INSERT INTO trial_heartbeats (trial_id, heartbeat) VALUES (?, ?)", (killed._trial_id, long_ago))
    run = FakeRun(by_learning_rate)
    study = make_trials(config, 1, run)
    assert states(study) == ["FAIL", "COMPLETE"]
    assert run.tasks[0].training.save_path == tmp_path / "trial-0000"
    assert parameters(study)[1]["learning_rate"] == parameters(study)[0]["learning_rate"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": "coverage"}, "--objective=iou.*with --objective=coverage"),
        ({"objective": "mmd"}, "--objective=iou.*with --objective=mmd"),
        ({"trial_epochs": 30}, "--trial_epochs=20.*with --trial_epochs=30"),
        ({"trial_minutes": 1.5}, "--trial_minutes=0.*with --trial_minutes=1.5"),
        ({"base_flags": ("--records=R", "--kl_weight=3.0")}, "--depth=1.*with no --depth"),
    ],
)
def test_other_conditions_are_refused(tmp_path, changes, message):
    open_study(tune_config(tmp_path))
    with pytest.raises(
        UserError, match=rf"study\.db is a study with {message}: give the same flag, or another --output_dir"
    ):
        open_study(tune_config(tmp_path, **changes))


def test_other_things_to_search_and_more_trials_are_not_another_study(tmp_path):
    open_study(tune_config(tmp_path))
    assert open_study(tune_config(tmp_path, search=("optimizer",), trials=5)).trials == []


def test_a_damaged_file_is_refused_in_one_line(tmp_path):
    config = tune_config(tmp_path)
    (tmp_path / "study.db").write_bytes(b"no database " * 100)
    with pytest.raises(UserError, match=r"study\.db cannot be used \(.*\): give another --output_dir$"):
        open_study(config)


def test_optuna_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"^--phase=tune needs optuna: pip install optuna$"):
        require_optuna()
