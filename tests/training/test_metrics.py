"""Metrics on inputs worked out by hand, with the perfect and the no-overlap case."""

import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.training import metrics


def row(*values):
    """Eight voxel values as a 2^3 grid: [1, 2, 2, 2, 1]."""
    return tf.reshape(tf.constant(values, tf.float32), [1, 2, 2, 2, 1])


REAL = row(1, 1, 1, 0, 0, 0, 0, 0)


def test_iou_by_hand():
    # Voxels 0 1 2 are real, 1 2 3 4 are generated: 2 in both, 5 in either.
    generated = row(0.1, 0.9, 0.8, 0.7, 0.6, 0.2, 0, 0.5)
    np.testing.assert_allclose(metrics.intersection_over_union(generated, REAL), [2 / 5])


def test_iou_perfect_no_overlap_and_both_empty():
    empty = tf.zeros_like(REAL)
    np.testing.assert_allclose(metrics.intersection_over_union(REAL, REAL), [1])
    np.testing.assert_allclose(metrics.intersection_over_union(1 - REAL, REAL), [0])
    np.testing.assert_allclose(metrics.intersection_over_union(empty, empty), [1])


def test_iou_follows_the_threshold():
    # At 0.8 only voxel 1 is left of the generated ones: 1 in both, 3 in either.
    generated = row(0.1, 0.9, 0.8, 0.7, 0.6, 0.2, 0, 0.5)
    np.testing.assert_allclose(metrics.intersection_over_union(generated, REAL, 0.8), [1 / 3])


def test_precision_and_recall_by_hand():
    # Voxels 0 1 2 are real, 1 2 3 4 are predicted, 1 2 are both: 2 of 4 predicted and 2 of 3 real ones.
    predicted = row(0.1, 0.9, 0.8, 0.7, 0.6, 0.2, 0, 0.5)
    np.testing.assert_allclose(metrics.precision(predicted, REAL), [2 / 4])
    np.testing.assert_allclose(metrics.recall(predicted, REAL), [2 / 3])
    # At 0.8 only voxel 1 is left: it is real, and one of three.
    np.testing.assert_allclose(metrics.precision(predicted, REAL, 0.8), [1])
    np.testing.assert_allclose(metrics.recall(predicted, REAL, 0.8), [1 / 3])


@pytest.mark.parametrize("measure", [metrics.precision, metrics.recall])
def test_precision_and_recall_perfect_and_no_overlap(measure):
    batch = tf.concat([REAL, 1 - REAL], 0)
    np.testing.assert_allclose(measure(batch, tf.concat([REAL, REAL], 0)), [1, 0])


@pytest.mark.parametrize("measure", [metrics.precision, metrics.recall])
def test_precision_and_recall_of_empty_shapes(measure):
    # Nothing predicted of something, something of nothing, nothing of nothing: only the last is right.
    empty = tf.zeros_like(REAL)
    predicted, real = tf.concat([empty, REAL, empty], 0), tf.concat([REAL, empty, empty], 0)
    np.testing.assert_allclose(measure(predicted, real), [0, 0, 1])


def test_occupancy_by_hand():
    np.testing.assert_allclose(metrics.occupancy(tf.concat([REAL, 1 - REAL, 0 * REAL], 0)), [3 / 8, 5 / 8, 0])


def test_discriminator_accuracy_by_hand():
    # Two of three real shapes and one of two generated ones are told: (2/3 + 1/2) / 2 = 7/12.
    real, fake = tf.constant([[1.0], [2.0], [-1.0]]), tf.constant([[-3.0], [4.0]])
    np.testing.assert_allclose(metrics.discriminator_accuracy(real, fake), 7 / 12, rtol=1e-6)


def test_discriminator_accuracy_at_the_ends():
    ones = tf.ones([4, 1])
    np.testing.assert_allclose(metrics.discriminator_accuracy(ones, -ones), 1)
    np.testing.assert_allclose(metrics.discriminator_accuracy(-ones, ones), 0)
