"""When the discriminator enters, and what the user is told about it."""

import dataclasses

import pytest

from tests.conftest import TRAINING
from vae_gan3d.training.loop import adversarial_active, entry_note, has_warmup, step_costs

WITHOUT_GAME = dataclasses.replace(TRAINING, loss=dataclasses.replace(TRAINING.loss, adversarial_weight=0.0))
GAN = dataclasses.replace(TRAINING, model=dataclasses.replace(TRAINING.model, kind="gan"))


def test_steps_become_dearer_where_the_discriminator_enters():
    assert has_warmup(TRAINING)
    assert step_costs(TRAINING) == [(0, 1.0), (2000, 2.3)]


@pytest.mark.parametrize("config", [WITHOUT_GAME, GAN])
def test_without_an_entry_all_steps_cost_the_same(config):
    assert not has_warmup(config)
    assert step_costs(config) == [(0, 1.0)]
    assert entry_note(config, step=0, total_steps=5000) is None


@pytest.mark.parametrize(
    ("step", "total_steps", "expected"),
    [(0, 5000, "2000"), (1999, 2001, "2000"), (0, 2000, "--adversarial_warmup=2000")],
)
def test_an_entry_to_come_is_told(step, total_steps, expected):
    assert expected in entry_note(TRAINING, step=step, total_steps=total_steps)


def test_after_the_entry_there_is_nothing_to_tell():
    assert entry_note(TRAINING, step=2000, total_steps=5000) is None


def test_the_discriminator_takes_part_from_its_entry_on():
    assert [adversarial_active(TRAINING, step) for step in (0, 1999, 2000, 2001)] == [False, False, True, True]
    assert not adversarial_active(WITHOUT_GAME, 5000)
    assert adversarial_active(GAN, 0)
