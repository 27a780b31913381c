"""What moves at the end of a step, and what is put back."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.config import OPTIMIZERS
from vae_gan3d.replicas import Replica, acting_as
from vae_gan3d.training.optimizers import make_optimizer
from vae_gan3d.training.updates import apply_gradients, apply_where, statistics_kept


def moved(kind, replica):
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
    for shared, alone in zip(moved(kind, replica), moved(kind, Replica()), strict=True):
        np.testing.assert_allclose(shared, alone, rtol=1e-6)


@pytest.mark.parametrize("moves", [True, False])
def test_weights_and_slots_move_only_where_the_condition_holds(moves):
    weight = keras.Variable([1.0, 2.0], name="weight")
    optimizer = keras.optimizers.Adam(0.5)
    optimizer.build([weight])
    changing = [weight, *optimizer.variables]
    before = [variable.numpy() for variable in changing]

    @tf.function(autograph=False)
    def update(condition):
        apply_where(condition, optimizer, [tf.constant([3.0, -3.0])], [weight])

    update(tf.constant(moves))
    same = [np.array_equal(old, variable.numpy()) for old, variable in zip(before, changing, strict=True)]
    assert same[0] != moves
    assert all(same) != moves
    if moves:
        # Adam's first step is the learning rate against the gradient's sign.
        np.testing.assert_allclose(weight, [0.5, 2.5], rtol=1e-5)


def test_moving_statistics_are_put_back_and_batch_statistics_are_used():
    network = keras.Sequential([keras.Input([2]), keras.layers.BatchNormalization(center=False, scale=False)])
    batch = tf.constant([[0.0, 10.0], [4.0, 30.0]])

    @tf.function(autograph=False)
    def look():
        with statistics_kept(network):
            return network(batch, training=True)

    # Means 2 and 20, deviations 2 and 10.
    np.testing.assert_allclose(look(), [[-1, -1], [1, 1]], atol=1e-3)
    np.testing.assert_array_equal(network.layers[0].moving_mean, [0, 0])
    network(batch, training=True)
    assert np.all(network.layers[0].moving_mean.numpy() > 0)
