"""What is drawn, and what it changes in a run."""

import dataclasses

import optuna
import pytest

from tests.configs import TRAINING
from vae_gan3d.config import OPTIMIZERS, SEARCHABLE
from vae_gan3d.tuning.search_space import draw_parameters, parameter_flags, with_parameters

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
