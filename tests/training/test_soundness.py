"""A NaN or an infinity anywhere in a step moves nothing but the step itself."""

import numpy as np
import pytest
import tensorflow as tf

from tests.training import test_gan_step as gan
from tests.training import test_train_step as vae
from vae_gan3d.replicas import Replica, acting_as
from vae_gan3d.training import gan_step as gan_module
from vae_gan3d.training import judging, penalties
from vae_gan3d.training import train_step as vae_module
from vae_gan3d.training.gan_step import gan_step
from vae_gan3d.training.soundness import is_sound
from vae_gan3d.training.train_step import train_step

NAN, INFINITY = float("nan"), float("inf")
# One step of it moves the statistics of BatchNorm in every network.
PUBLISHED = {"architecture": "3dgan", "normalization": "batch", "base_width": 4}


def everything(state):
    """All that a step may move but its number, by paths; learning rates are set by the step's number."""
    networks = [*state.networks.by_name().values(), *state.average.by_name().values()]
    holders = [*networks, state.optimizer, state.d_optimizer]
    return {
        f"{number} {variable.path}": variable.numpy()
        for number, holder in enumerate(holders)
        for variable in holder.variables
        if not variable.path.endswith("learning_rate")
    }


def moved(before, state):
    after = everything(state)
    return [path for path in before if not np.array_equal(before[path], after[path])]


def broken(function, change):
    return lambda *arguments, **options: change(function(*arguments, **options))


@tf.custom_gradient
def with_bad_gradient(loss):
    return tf.identity(loss), lambda upstream: upstream * NAN


@pytest.mark.parametrize(
    ("numbers", "penalty", "sound"),
    [
        ([1.0, 0.0], [NAN, NAN], True),
        ([1.0, 0.0], [2.0, NAN], True),
        ([1.0, NAN], [2.0, NAN], False),
        ([-INFINITY, 0.0], [2.0, NAN], False),
        ([1.0, 0.0], [NAN, INFINITY], False),
    ],
)
def test_a_penalty_may_be_unknown_and_no_other_number(numbers, penalty, sound):
    assert bool(is_sound([tf.constant(numbers), tf.constant(3.0)], tf.constant(penalty))) == sound


@pytest.mark.parametrize(
    ("where", "name", "change"),
    [
        ("voxels", None, None),
        (judging, "discriminator_loss", lambda loss: loss * NAN),
        (judging, "generator_loss", lambda loss: loss + INFINITY),  # whose gradient is finite
        (penalties, "r1_penalty", lambda penalty: penalty * NAN),
        (penalties, "r1_penalty", lambda penalty: penalty + INFINITY),
    ],
    ids=["shapes", "discriminator", "generator", "penalty", "infinite penalty"],
)
def test_a_bad_step_of_a_vae_gan_moves_nothing_and_counts(monkeypatch, where, name, change):
    state = vae.make_state(**PUBLISHED, spectral_normalization=where is penalties)
    before, voxels = everything(state), vae.voxels()
    if where == "voxels":
        voxels = tf.concat([voxels[:3], voxels[3:] * NAN], axis=0)
    else:
        monkeypatch.setattr(where, name, broken(getattr(where, name), change))
    options = vae.OPTIONS._replace(adversarial_loss="hinge")
    assert np.isnan(train_step(state, options, voxels)).all()
    assert moved(before, state) == []
    assert int(state.step) == 1


@pytest.mark.parametrize(
    ("where", "name", "weight", "place"),
    [(vae_module, "reconstruction_loss", 0.0, 3), (judging, "discriminator_loss", 0.3, -1)],
    ids=["model", "discriminator"],
)
def test_a_bad_gradient_of_finite_losses_moves_nothing_and_counts(monkeypatch, where, name, weight, place):
    state, judged = vae.make_state(**PUBLISHED), []
    before = everything(state)

    def noted(numbers, penalties):
        judged.extend(number for part in numbers for number in part.numpy().ravel())
        return is_sound(numbers, penalties)

    monkeypatch.setattr(where, name, broken(getattr(where, name), with_bad_gradient))
    monkeypatch.setattr(vae_module, "is_sound", noted)
    assert np.isnan(train_step(state, vae.OPTIONS._replace(adversarial_weight=weight), vae.voxels())).all()
    # After reconstruction loss, KL and IoU the norm of the model's gradient, at the end that of the discriminator's.
    assert np.isnan(judged.pop(place))
    assert np.isfinite(judged).all()
    assert moved(before, state) == []
    assert int(state.step) == 1


def test_a_compiled_step_goes_on_after_a_bad_one():
    state = vae.make_state(**PUBLISHED)
    step = vae.compiled(state, vae.OPTIONS._replace(adversarial_weight=0.0))
    before = everything(state)
    assert np.isnan(step(vae.voxels() * NAN)).all()
    assert moved(before, state) == []
    assert np.isfinite(step(vae.voxels())[:4]).all()
    statistics = [path for path in before if path.startswith(("0 ", "1 ")) and "moving_" in path]
    assert statistics
    assert set(statistics) < set(moved(before, state))
    assert step.experimental_get_tracing_count() == 1


def test_what_is_bad_on_another_replica_moves_nothing_on_this_one():
    """Of two replicas this one's own numbers are finite, and the sums are not."""
    state = vae.make_state(**PUBLISHED, spectral_normalization=True)
    before = everything(state)
    with acting_as(Replica(0, 2, lambda values: values + tf.one_hot(0, values.shape[0], on_value=NAN))):
        metrics = train_step(state, vae.OPTIONS._replace(adversarial_loss="hinge", global_batch=8), vae.voxels())
    assert np.isnan(metrics).all()
    assert moved(before, state) == []
    assert int(state.step) == 1


@pytest.mark.parametrize("change", [lambda loss: loss * NAN, with_bad_gradient], ids=["loss", "gradient"])
@pytest.mark.parametrize(("side", "other"), [("discriminator", "generator"), ("generator", "discriminator")])
def test_a_bad_turn_of_a_gan_is_skipped_by_itself_and_the_averages_rest(monkeypatch, side, other, change):
    state = gan.published_state()
    before = {name: gan.values(state, name) for name in (side, other)}
    averaged = [variable.numpy() for variable in state.average.generator.variables]
    name = f"{side}_loss"
    monkeypatch.setattr(gan_module, name, broken(getattr(gan_module, name), change))
    assert np.isnan(gan_step(state, gan.OPTIONS, gan.voxels())).all()
    same = {
        name: all(np.array_equal(old, new) for old, new in zip(before[name], gan.values(state, name), strict=True))
        for name in before
    }
    assert same == {side: True, other: False}
    for old, new in zip(averaged, state.average.generator.variables, strict=True):
        np.testing.assert_array_equal(old, new)
    assert int(state.step) == 1
