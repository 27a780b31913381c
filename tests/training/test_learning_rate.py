"""The factor of the learning rates by hand."""

import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.training.learning_rate import learning_rate_scale


def scales(kind, total_steps=8, warmup=0, steps=range(9)):
    return [float(learning_rate_scale(tf.constant(step, tf.int64), total_steps, warmup, kind)) for step in steps]


def test_without_decay_and_warm_up_nothing_changes():
    assert scales("none") == [1] * 9


def test_linear_decay_ends_at_zero():
    np.testing.assert_allclose(scales("linear"), 1 - np.arange(9) / 8, atol=1e-7)


def test_cosine_decay_by_hand():
    # Half a period over 8 steps: 1 at first, cos 45° = 0.7071 after a quarter, 0 in the middle, and so down to -1;
    # the factor is half of 1 more than that.
    root = np.sqrt(0.5)
    np.testing.assert_allclose(
        scales("cosine", steps=(0, 2, 4, 6, 8)), [1, (1 + root) / 2, 0.5, (1 - root) / 2, 0], atol=1e-6
    )


@pytest.mark.parametrize("kind", ["none", "linear", "cosine"])
def test_warm_up_rises_to_the_full_rate_and_decay_begins_after_it(kind):
    found = scales(kind, total_steps=12, warmup=4)
    np.testing.assert_allclose(found[:5], [0.25, 0.5, 0.75, 1, 1])
    np.testing.assert_allclose(found[4:], scales(kind)[:5], atol=1e-6)


def test_past_the_end_nothing_is_left_and_a_warm_up_longer_than_the_run_only_rises():
    assert scales("linear", steps=(9, 100)) == [0, 0]
    np.testing.assert_allclose(scales("cosine", total_steps=3, warmup=10, steps=(0, 1, 2)), [0.1, 0.2, 0.3], rtol=1e-6)


def test_other_decays_are_refused():
    with pytest.raises(ValueError, match="'step' is not known: give none, linear or cosine"):
        scales("step")
