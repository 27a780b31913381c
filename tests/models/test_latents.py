"""Paths between latents, and projection, with generators whose answers are known by hand."""

import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.models.latents import interpolate, path_alphas, path_through, project_latents, slerp

FIRST, SECOND = np.array([10.0, 0.0], np.float32), np.array([0.0, 4.0], np.float32)


def test_one_alpha_by_hand():
    # 0.3 (10, 0) + 0.7 (0, 4) = (3, 2.8)
    np.testing.assert_allclose(interpolate(FIRST, SECOND, 0.3), [3, 2.8], rtol=1e-6)


def test_alpha_is_the_share_of_the_first_shape():
    np.testing.assert_array_equal(interpolate(FIRST, SECOND, 1.0), FIRST)
    np.testing.assert_array_equal(interpolate(FIRST, SECOND, 0.0), SECOND)


def test_a_path_by_hand():
    np.testing.assert_allclose(path_alphas(3), [0, 0.5, 1])
    np.testing.assert_allclose(interpolate(FIRST, SECOND, path_alphas(3)), [[0, 4], [5, 2], [10, 0]])


def test_outside_the_ends_it_extrapolates():
    # 1.5 (10, 0) - 0.5 (0, 4) = (15, -2)
    np.testing.assert_allclose(interpolate(FIRST, SECOND, 1.5), [15, -2])


def test_halfway_between_orthogonal_unit_vectors_on_the_sphere():
    # ω = π/2 and sin(π/4) / sin(π/2) = 1/√2: (1/√2, 1/√2), of length 1; the straight path has (1/2, 1/2) there.
    mixed = slerp(np.array([1.0, 0.0]), np.array([0.0, 1.0]), 0.5)
    np.testing.assert_allclose(mixed, [0.5**0.5, 0.5**0.5], rtol=1e-6)
    assert mixed.dtype == np.float32


def test_a_path_on_the_sphere_by_hand():
    # A third of the right angle from v1 = (0, 4): sin 30° (10, 0) + sin 60° (0, 4) = (5, 3.4641). Past v0, at α = 4/3,
    # sin 120° (10, 0) + sin(-30°) (0, 4) = (8.6603, -2).
    path = slerp(FIRST, SECOND, np.array([1 / 3, 4 / 3], np.float32))
    np.testing.assert_allclose(path, [[5, 3.4641], [8.6603, -2]], rtol=1e-4)


def test_the_sphere_keeps_the_length_and_the_ends():
    generator = np.random.default_rng(0)
    first, second = (vector / np.linalg.norm(vector) * 11 for vector in generator.normal(size=(2, 128)))
    path = slerp(first.astype(np.float32), second.astype(np.float32), path_alphas(7))
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), np.full(7, 11), rtol=1e-5)
    np.testing.assert_array_equal(path[0], second.astype(np.float32))
    np.testing.assert_array_equal(path[-1], first.astype(np.float32))


@pytest.mark.parametrize("second", [FIRST, 3 * FIRST, -FIRST, 0 * FIRST, FIRST + np.float32([0, 1e-6])])
def test_without_a_great_circle_the_path_is_straight(second):
    for pair in ((FIRST, second), (second, FIRST)):
        np.testing.assert_array_equal(slerp(*pair, path_alphas(4)), interpolate(*pair, path_alphas(4)))


def test_near_the_fallback_the_sphere_is_still_accurate():
    # An angle of 1e-4: the arc and the chord differ by less than a part in 10^8.
    second = FIRST + np.float32([0, 1e-3])
    np.testing.assert_allclose(
        slerp(FIRST, second, path_alphas(5)), interpolate(FIRST, second, path_alphas(5)), rtol=1e-6
    )


def test_interpolation_refuses():
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        interpolate(FIRST, np.zeros(3), 0.5)
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        slerp(FIRST, np.zeros(3), 0.5)
    with pytest.raises(ValueError, match="steps=1"):
        path_alphas(1)
    with pytest.raises(ValueError, match=r"\(1, 3\)"):
        path_through(np.zeros((1, 3)), 2)


def test_a_path_through_three_points_by_hand():
    points = np.float32([[0, 0], [2, 0], [2, 4]])
    np.testing.assert_allclose(path_through(points, 3), [[0, 0], [1, 0], [2, 0], [2, 2], [2, 4]])
    np.testing.assert_array_equal(path_through(points, 2), points)


def test_a_path_on_the_sphere_bends_between_its_points():
    # Halfway from (1, 0) to (0, 1), and from there to (-1, 0): (1/√2, 1/√2) and (-1/√2, 1/√2).
    path = path_through(np.float32([[1, 0], [0, 1], [-1, 0]]), 3, slerp)
    np.testing.assert_allclose(path[[1, 3]], [[0.5**0.5, 0.5**0.5], [-(0.5**0.5), 0.5**0.5]], rtol=1e-6)
    np.testing.assert_allclose(path[[0, 2, 4]], [[1, 0], [0, 1], [-1, 0]], atol=1e-7)


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
def test_projection_refuses(count, options, words):
    with pytest.raises(ValueError, match=words):
        project_latents(halves, np.zeros((count, 2), np.float32), LOWER[np.newaxis], **options)
