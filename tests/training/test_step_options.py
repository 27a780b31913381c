"""The constants of a step."""

import tensorflow as tf

from vae_gan3d.replicas import Replica, acting_as
from vae_gan3d.training.step_options import StepOptions


def test_a_replica_divides_by_the_global_batch():
    # Samples 1 and 5 of this replica, of 4 over all replicas: 6 / 4.
    options = StepOptions(1.0, "bce", 0.3, 0, 0.0, 1.0, 1.0, 8, seed=0, global_batch=4, ema_decay=0.999)
    assert float(options.batch_mean(tf.constant([1.0, 5.0]))) == 1.5


def test_a_part_adds_its_share_of_a_mean():
    # Half of a replica's samples, of one of two replicas: a quarter of the batch.
    options = StepOptions(1.0, "bce", 0.3, 0, 0.0, 1.0, 1.0, 8, seed=0, global_batch=8, ema_decay=0.999)
    value = tf.constant(1.0)
    assert options.share_of_mean(value) is value
    with acting_as(Replica(1, 2, tf.identity)):
        assert float(options._replace(accumulate=2).share_of_mean(value)) == 0.25
