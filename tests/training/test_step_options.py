"""The constants of a step."""

import tensorflow as tf

from vae_gan3d.training.step_options import StepOptions


def test_a_replica_divides_by_the_global_batch():
    # Samples 1 and 5 of this replica, of 4 over all replicas: 6 / 4.
    options = StepOptions(1.0, "bce", 0.3, 0, 0.0, 1.0, 1.0, 8, seed=0, global_batch=4, ema_decay=0.999)
    assert float(options.batch_mean(tf.constant([1.0, 5.0]))) == 1.5
