"""Parts of a batch, one after the other."""

import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.training.micro_batches import joined_over_parts, summed_over_parts

VALUES = tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])


@pytest.mark.parametrize("wrap", [lambda function: function, tf.function(autograph=False)], ids=["eager", "graph"])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_sums_by_hand(wrap, count):
    seen = []

    @wrap
    def run():
        def compute(values, nothing):
            assert nothing is None
            seen.append(values.shape)
            return [tf.reduce_sum(values), tf.reduce_sum(values, axis=0)]

        return summed_over_parts(count, compute, (VALUES, None))

    total, columns = run()
    assert float(total) == 36
    np.testing.assert_array_equal(columns, [16, 20])
    assert set(map(tuple, seen)) == {(4 // count, 2)}


@pytest.mark.parametrize("count", [1, 2, 4])
def test_joined_in_the_order_of_the_batch(count):
    @tf.function(autograph=False)
    def run():
        joined = joined_over_parts(count, lambda values, more: values[:, :1] + more, (VALUES, VALUES))
        assert joined.shape == (4, 2)
        return joined

    np.testing.assert_array_equal(run(), [[2, 3], [6, 7], [10, 11], [14, 15]])
