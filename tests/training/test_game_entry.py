"""When the discriminator enters, and what a user is told to expect of it."""

import dataclasses

import pytest

from tests.configs import TRAINING
from vae_gan3d.training.game_entry import PLAYING_STEP_COST, entry_note, game_begins, step_costs

WITHOUT_GAME = dataclasses.replace(TRAINING, loss=dataclasses.replace(TRAINING.loss, adversarial_weight=0.0))
GAN = dataclasses.replace(TRAINING, model=dataclasses.replace(TRAINING.model, kind="gan"))


def test_steps_become_dearer_where_the_discriminator_enters():
    assert game_begins(TRAINING)
    assert step_costs(TRAINING) == [(0, 1.0), (2000, PLAYING_STEP_COST)]


@pytest.mark.parametrize("config", [WITHOUT_GAME, GAN])
def test_without_an_entry_all_steps_cost_the_same(config):
    assert not game_begins(config)
    assert step_costs(config) == [(0, 1.0)]
    assert entry_note(config, step=0, total_steps=5000) is None


@pytest.mark.parametrize(
    ("step", "total_steps", "expected"),
    [
        (0, 5000, "note: from step 2000 on the discriminator plays, and a step takes longer: the time left reckons"),
        (1999, 2001, "note: from step 2000 on"),
        (0, 2000, "note: these steps end before --adversarial_warmup=2000: the discriminator never enters"),
    ],
)
def test_an_entry_to_come_is_told(step, total_steps, expected):
    assert entry_note(TRAINING, step=step, total_steps=total_steps).startswith(expected)


def test_after_the_entry_there_is_nothing_to_tell():
    assert entry_note(TRAINING, step=2000, total_steps=5000) is None
