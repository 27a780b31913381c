"""Optimizers and learning rates by hand, accumulation over micro-batches, and updates that are skipped."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.config import OPTIMIZERS
from vae_gan3d.replicas import Replica, acting_as
from vae_gan3d.training.optimizers import (
    accumulate_concat,
    accumulate_sum,
    apply_gradients,
    apply_if,
    is_finite,
    learning_rate_scale,
    make_optimizer,
    restore,
    snapshot,
    update_average,
)

NAN, INFINITY = float("nan"), float("inf")
VALUES = tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])


def moved(kind, name="kernel", steps=1):
    """Where a weight of 1 is after steps with a gradient of 2 and a learning rate of 0.1."""
    variable = keras.Variable(np.ones(1, np.float32), name=name)
    optimizer = make_optimizer(kind, 0.1, beta1=0.5, name=kind)
    optimizer.build([variable])
    for _ in range(steps):
        optimizer.apply([keras.ops.full((1,), 2.0)], [variable])
    return float(variable.numpy()[0])


def test_adam_moves_by_the_learning_rate_at_first():
    assert moved("adam") == pytest.approx(1 - 0.1, abs=1e-5)


def test_adamw_also_takes_a_share_of_a_kernel():
    # 0.1 * 0.01 of 1 is 0.001.
    assert moved("adamw") == pytest.approx(1 - 0.1 - 0.001, abs=1e-5)


@pytest.mark.parametrize("name", ["bias", "scale", "offset", "gamma", "beta"])
def test_adamw_leaves_other_weights_whole(name):
    assert moved("adamw", name) == pytest.approx(1 - 0.1, abs=1e-5)


@pytest.mark.parametrize("kind", ["adam", "adamw"])
def test_one_operation_moves_weights_and_moments_as_keras_does(kind):
    random = np.random.default_rng(0)
    gradients = random.normal(size=(5, 3, 4)).astype(np.float32)
    made = {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW}[kind](0.01, beta_1=0.5, beta_2=0.99)
    if kind == "adamw":
        made.weight_decay = 0.01
    found = []
    for optimizer in (make_optimizer(kind, 0.01, beta1=0.5, name=kind), made):
        variable = keras.Variable(np.ones((3, 4), np.float32), name="kernel")
        optimizer.build([variable])
        for gradient in gradients:
            optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        assert int(optimizer.iterations) == len(gradients)
        moments = [moment for moment in optimizer.variables if moment.shape == variable.shape]
        assert len(moments) == 2
        found.append([tensor.numpy() for tensor in (variable, *moments)])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5, atol=1e-7)


def test_sgd_keeps_nine_tenths_of_its_speed():
    # First by 0.1 * 2 = 0.2, then by 0.9 * 0.2 + 0.2 = 0.38.
    assert moved("sgd", steps=2) == pytest.approx(1 - 0.2 - 0.38, abs=1e-5)


def test_rmsprop_divides_by_the_root_of_a_slow_mean():
    # The mean of squares is 0.01 * 4 = 0.04: the step is 0.1 * 2 / 0.2.
    assert moved("rmsprop") == pytest.approx(1 - 1, abs=1e-4)


def test_adadelta_begins_with_tiny_steps():
    # 0.1 * sqrt(1e-7) / sqrt(0.05 * 4) * 2 = 1.414e-4.
    assert moved("adadelta") == pytest.approx(1 - 1.414e-4, abs=1e-6)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_variables_carry_the_given_name(kind):
    optimizer = make_optimizer(kind, 0.1, beta1=0.5, name=f"d_{kind}")
    optimizer.build([keras.Variable(np.ones(1, np.float32), name="kernel")])
    assert all(variable.path.startswith(f"d_{kind}/") for variable in optimizer.variables)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match=r"optimizer='lion' is not known: give adam, adamw, sgd, rmsprop or adadelta"):
        make_optimizer("lion", 0.1, beta1=0.5, name="lion")


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


def moved_by_replica(kind, replica):
    """Weights, of which the second is not decayed, and slots after three steps of a replica."""
    weights = [keras.Variable([1.0, 2.0], name="kernel"), keras.Variable([3.0], name="bias")]
    optimizer = make_optimizer(kind, 0.1, beta1=0.5, name=kind)
    optimizer.build(weights)

    @tf.function(autograph=False)
    def update(first, second):
        with acting_as(replica):
            apply_gradients(optimizer, [first, second], weights)

    for step in range(3):
        update(tf.constant([0.5, -step]), tf.constant([1.0]))
    return [variable.numpy() for variable in [*weights, *optimizer.variables]]


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_replica_moves_its_weights_as_keras_does(kind):
    replica = Replica(0, 2, lambda values: 2 * values)
    for shared, alone in zip(moved_by_replica(kind, replica), moved_by_replica(kind, Replica()), strict=True):
        np.testing.assert_allclose(shared, alone, rtol=1e-6)


@pytest.mark.parametrize("replica", [Replica(), Replica(0, 2, tf.identity)], ids=["alone", "one of two"])
@pytest.mark.parametrize("moves", [True, False])
def test_weights_and_slots_move_only_if_the_condition_holds(moves, replica):
    weight = keras.Variable([1.0, 2.0], name="weight")
    optimizer = keras.optimizers.Adam(0.5)
    optimizer.build([weight])
    changing = [weight, *optimizer.variables]
    before = [variable.numpy() for variable in changing]

    @tf.function(autograph=False)
    def update(condition):
        with acting_as(replica):
            apply_if(condition, lambda: apply_gradients(optimizer, [tf.constant([3.0, -3.0])], [weight]), changing)

    update(tf.constant(moves))
    same = [np.array_equal(old, variable.numpy()) for old, variable in zip(before, changing, strict=True)]
    assert same[0] != moves
    assert all(same) != moves
    if moves:
        # Adam's first step is the learning rate against the gradient's sign.
        np.testing.assert_allclose(weight, [0.5, 2.5], rtol=1e-5)


def test_a_skipped_update_also_restores_what_has_changed_before():
    statistics, weight = keras.Variable([1.0]), keras.Variable([2.0])

    def apply():
        weight.assign([3.0])

    @tf.function(autograph=False)
    def update(condition):
        before = snapshot([statistics])
        statistics.assign([5.0])
        apply_if(condition, apply, [weight], before)

    update(tf.constant(False))
    assert (float(statistics.numpy()[0]), float(weight.numpy()[0])) == (1.0, 2.0)
    update(tf.constant(True))
    assert (float(statistics.numpy()[0]), float(weight.numpy()[0])) == (5.0, 3.0)


def test_a_snapshot_keeps_the_old_values():
    variable = keras.Variable([1.0, 2.0])
    before = snapshot([variable])
    variable.assign([3.0, 4.0])
    restore(before)
    np.testing.assert_array_equal(variable.numpy(), [1, 2])


def test_the_moving_average_by_hand():
    # At step 0 the decay is 1/10: 0.1 * 1 + 0.9 * 2 = 1.9. At step 90 it would be 91/100, above the asked 0.5:
    # 0.5 * 1.9 + 0.5 * 4 = 2.95.
    averaged, trained = keras.Variable([1.0]), keras.Variable([2.0])
    update_average([(averaged, trained)], tf.constant(0, tf.int64), 0.5)
    np.testing.assert_allclose(averaged.numpy(), [1.9], rtol=1e-6)
    trained.assign([4.0])
    update_average([(averaged, trained)], tf.constant(90, tf.int64), 0.5)
    np.testing.assert_allclose(averaged.numpy(), [2.95], rtol=1e-6)


@pytest.mark.parametrize(
    ("numbers", "penalties", "finite"),
    [
        ([1.0, 0.0], [NAN, NAN], True),
        ([1.0, 0.0], [2.0, NAN], True),
        ([1.0, NAN], [2.0, NAN], False),
        ([-INFINITY, 0.0], [2.0, NAN], False),
        ([1.0, 0.0], [NAN, INFINITY], False),
    ],
)
def test_only_a_penalty_may_be_unknown(numbers, penalties, finite):
    assert bool(is_finite([tf.constant(numbers), tf.constant(3.0)], tf.constant(penalties))) == finite


@pytest.mark.parametrize("wrap", [lambda function: function, tf.function(autograph=False)], ids=["eager", "graph"])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_accumulated_sums_by_hand(wrap, count):
    seen = []

    @wrap
    def run():
        def compute(values, nothing):
            assert nothing is None
            seen.append(values.shape)
            return [tf.reduce_sum(values), tf.reduce_sum(values, axis=0)]

        return accumulate_sum(count, compute, (VALUES, None))

    total, columns = run()
    assert float(total) == 36
    np.testing.assert_array_equal(columns, [16, 20])
    assert set(map(tuple, seen)) == {(4 // count, 2)}


@pytest.mark.parametrize("count", [1, 2, 4])
def test_micro_batches_are_joined_in_the_order_of_the_batch(count):
    @tf.function(autograph=False)
    def run():
        joined = accumulate_concat(count, lambda values, more: values[:, :1] + more, (VALUES, VALUES))
        assert joined.shape == (4, 2)
        return joined

    np.testing.assert_array_equal(run(), [[2, 3], [6, 7], [10, 11], [14, 15]])
