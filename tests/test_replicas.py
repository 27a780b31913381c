"""One of two replicas by hand: what the other one would send is written out."""

import threading

import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.replicas import Replica, acting_as, this_replica


def beside(others, index=0):
    """A replica whose only peer sends these numbers."""
    return Replica(index, 2, lambda values: values + tf.constant(others, tf.float32))


def test_the_only_replica_changes_nothing():
    values = tf.constant([[1.0], [2.0]])
    alone = Replica()
    assert alone.all_reduce([values])[0] is values
    assert alone.whole_batch(values) is values
    assert alone.local_rows(values) is values
    assert alone.all_gather(values).shape == (1, 2, 1)


def test_values_are_added_in_one_operation_and_keep_their_shapes():
    scalar, matrix = beside([10, 20, 30]).all_reduce([tf.constant(1.0), tf.constant([[2.0, 3.0]])])
    assert float(scalar) == 11
    np.testing.assert_array_equal(matrix, [[22, 33]])


def test_gradients_of_a_sum_are_felt_by_every_replica():
    # y = x + 5, of which this replica's loss is y^2 and the other one's has the slope 7: 2 * (1 + 5) + 7.
    sent = iter([[5.0], [7.0]])
    replica = Replica(0, 2, lambda values: values + tf.constant(next(sent)))
    x = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.square(replica.all_reduce([x])[0])
    assert float(tape.gradient(loss, x)) == 19


@pytest.mark.parametrize(
    ("index", "others", "order"), [(0, [0, 0, 3, 4], [1, 2, 3, 4]), (1, [3, 4, 0, 0], [3, 4, 1, 2])]
)
def test_the_batch_is_in_the_order_of_the_replicas(index, others, order):
    replica = beside(others, index)
    values = tf.constant([1.0, 2.0])
    np.testing.assert_array_equal(tf.reshape(replica.all_gather(values), [-1]), order)
    np.testing.assert_array_equal(replica.whole_batch(values), order)
    np.testing.assert_array_equal(replica.local_rows(tf.constant(order)), [1, 2])


def test_values_that_come_twice_keep_the_order_of_each_time():
    # This replica's two samples, as a and b and again as c and d; the other one's are 5, 6 and 7, 8.
    whole = beside([0, 0, 0, 0, 5, 6, 7, 8]).whole_batch(tf.constant([1.0, 2.0, 3.0, 4.0]), groups=2)
    np.testing.assert_array_equal(whole, [1, 2, 5, 6, 3, 4, 7, 8])


def test_a_replica_is_that_of_its_thread_alone():
    found = []
    with acting_as(beside([0])):
        assert this_replica().count == 2
        thread = threading.Thread(target=lambda: found.append(this_replica().count))
        thread.start()
        thread.join()
    assert (found, this_replica().count) == ([1], 1)


def test_refusals():
    with pytest.raises(ValueError, match="index=2"):
        Replica(2, 2, tf.identity)
    with pytest.raises(ValueError, match="need reduce"):
        Replica(0, 2)
