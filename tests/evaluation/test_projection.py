"""Latents by optimisation, with generators whose answers can be told by hand."""

import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.evaluation.projection import project_latents

LOWER = np.zeros((2, 2, 2), np.uint8)
LOWER[0] = 1


def halves(latents):
    """Logits `[B, 2, 2, 2, 1]`: the first latent for the four voxels of the first slice, the second for the others."""
    return tf.reshape(tf.repeat(latents, 4, axis=1), [-1, 2, 2, 2, 1])


def same_everywhere(latents):
    """One logit for all eight voxels."""
    return tf.reshape(tf.repeat(latents, 8, axis=1), [-1, 2, 2, 2, 1])


def test_a_wrong_latent_is_led_to_the_shape_and_a_right_one_is_kept():
    # Adam's steps are about the learning rate: from -1 and 1 the signs turn after about ten steps of 0.1.
    starts = np.float32([[-1, 1], [2, -2]])
    found = project_latents(halves, starts, np.stack([LOWER, LOWER]), steps=20)
    np.testing.assert_array_equal(found.iou_before, [0, 1])
    np.testing.assert_array_equal(found.iou_after, [1, 1])
    assert found.latents[0, 0] > 0 > found.latents[0, 1]
    np.testing.assert_array_equal(found.latents[1], starts[1])


def test_latents_that_the_loss_makes_worse_are_not_taken():
    # One voxel of eight: the loss falls towards a probability of 1/8 for all, where nothing is occupied any more.
    voxels = np.zeros((1, 2, 2, 2), np.uint8)
    voxels[0, 0, 0, 0] = 1
    found = project_latents(same_everywhere, np.float32([[0.3]]), voxels, steps=30)
    np.testing.assert_allclose([*found.iou_before, *found.iou_after], [1 / 8, 1 / 8])
    np.testing.assert_array_equal(found.latents, np.float32([[0.3]]))


def test_the_threshold_is_that_of_the_iou():
    # A probability of sigmoid(1) = 0.73 counts as occupied at 0.7, not at 0.8.
    start, voxels = np.float32([[1, -5]]), LOWER[np.newaxis]
    befores = [project_latents(halves, start, voxels, steps=1, threshold=level).iou_before for level in (0.7, 0.8)]
    np.testing.assert_array_equal(befores, [[1], [0]])


def test_shapes_of_several_batches_keep_their_order():
    # Odd shapes are the other half; each ends where its own voxels ask.
    voxels = np.stack([LOWER if number % 2 == 0 else 1 - LOWER for number in range(11)])
    found = project_latents(halves, np.zeros((11, 2), np.float32), voxels, steps=2)
    np.testing.assert_array_equal(found.iou_after, np.ones(11))
    np.testing.assert_array_equal(found.latents[:, 0] > 0, np.arange(11) % 2 == 0)
    assert (found.latents.shape, found.latents.dtype) == ((11, 2), np.float32)


@pytest.mark.parametrize(
    ("count", "options", "words"),
    [
        (0, {"steps": 1}, "one latent for each"),
        (2, {"steps": 1}, "one latent for each"),
        (1, {"steps": 0}, "steps=0"),
        (1, {"steps": 1, "learning_rate": 0.0}, "learning_rate=0.0"),
    ],
)
def test_refusals(count, options, words):
    with pytest.raises(ValueError, match=words):
        project_latents(halves, np.zeros((count, 2), np.float32), LOWER[np.newaxis], **options)
