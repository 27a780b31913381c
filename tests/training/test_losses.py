"""Losses on inputs worked out by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from vae_gan3d.training import losses

LN2 = math.log(2)
INTERPOLATES = 400


def cubes(*values):
    """A 2^3 grid for each value, all voxels equal: [K, 2, 2, 2, 1]."""
    return tf.stack([tf.fill([2, 2, 2, 1], float(value)) for value in values])


def test_bce_is_summed_over_voxels_and_not_over_the_batch():
    # Logit 0 costs ln 2 whatever the voxel; a 2^3 grid has 8 of them.
    np.testing.assert_allclose(
        losses.reconstruction_loss(cubes(0, 0), cubes(0, 1), "bce"), [8 * LN2, 8 * LN2], rtol=1e-6
    )


def test_bce_of_perfect_and_opposite_answers():
    # Logit 100 for an occupied voxel costs e^-100, nothing; for an empty one it costs 100.
    np.testing.assert_allclose(losses.reconstruction_loss(cubes(100, 100), cubes(1, 0), "bce"), [0, 800], atol=1e-4)


def test_mse_by_hand():
    # Logit 0 is probability 0.5, 0.25 away squared; 8 voxels make 2. Logit -100 is right for empty
    # voxels and wrong by 1 for full ones.
    np.testing.assert_allclose(
        losses.reconstruction_loss(cubes(0, -100, -100), cubes(1, 0, 1), "mse"), [2, 0, 8], atol=1e-5
    )


def test_unknown_reconstruction_loss_is_refused():
    with pytest.raises(ValueError, match="'l1'"):
        losses.reconstruction_loss(cubes(0), cubes(0), "l1")


def test_kl_by_hand():
    # Mean 0, variance 1: nothing. Mean 2 in one of two dimensions: 2^2 / 2 = 2. Variance e^2 in both dimensions:
    # (e^2 - 1 - 2) / 2 each, e^2 - 3 together.
    mean = tf.constant([[0.0, 0.0], [2.0, 0.0], [0.0, 0.0]])
    log_variance = tf.constant([[0.0, 0.0], [0.0, 0.0], [2.0, 2.0]])
    np.testing.assert_allclose(losses.kl_divergence(mean, log_variance), [0, 2, math.e**2 - 3], rtol=1e-6, atol=1e-6)


def test_dice_by_hand():
    # 8 voxels each. Perfect answers: 2 * 8 / (8 + 8) = 1, nothing lost. No overlap: 2 * 0 / (8 + 0) = 0, all of it.
    # Probability 0.5 against a full grid: 2 * 4 / (8 * 0.25 + 8) = 0.8.
    # Against an empty one: 0 / 2. Empty and answered empty is perfect.
    logits, voxels = cubes(100, 100, 0, 0, -100), cubes(1, 0, 1, 0, 0)
    np.testing.assert_allclose(losses.dice_loss(logits, voxels), [0, 1, 0.2, 1, 0], atol=1e-5)


def test_dice_counts_each_sample_by_itself():
    # Half a grid found, exactly: 4 of 8 voxels at probability 1. 2 * 4 / (4 + 8) = 2/3, whatever the others are.
    logits = tf.concat([tf.fill([1, 1, 2, 2, 1], 100.0), tf.fill([1, 1, 2, 2, 1], -100.0)], axis=1)
    np.testing.assert_allclose(losses.dice_loss(tf.concat([logits, cubes(100)], 0), cubes(1, 1)), [1 / 3, 0], atol=1e-5)


def test_kl_weight_rises_linearly_and_stays():
    weights = [float(losses.kl_weight(tf.constant(step, tf.int64), 3.0, 4)) for step in range(7)]
    np.testing.assert_allclose(weights, [0, 0.75, 1.5, 2.25, 3, 3, 3])
    assert float(losses.kl_weight(tf.constant(0, tf.int64), 3.0, 0)) == 3


def test_bce_at_indifference_and_certainty():
    # Logit 0 is an answer of one half: ln 2 for everybody. A logit of 50 is certain: right costs 0, wrong 50.
    logits = tf.constant([[0.0], [50.0]])
    np.testing.assert_allclose(losses.generator_loss(logits, "bce"), [LN2, 0], atol=1e-6)
    np.testing.assert_allclose(losses.discriminator_loss(logits, "bce", real=True), [LN2, 0], atol=1e-6)
    np.testing.assert_allclose(losses.discriminator_loss(logits, "bce", real=False), [LN2, 50], atol=1e-5)


def test_hinge_by_hand():
    # Real shapes cost what they lack to a logit of 1, generated ones what they exceed -1 by; the generator wants a
    # high logit without end.
    logits = tf.constant([[-3.0], [0.25], [1.0], [2.0]])
    np.testing.assert_allclose(losses.discriminator_loss(logits, "hinge", real=True), [4, 0.75, 0, 0])
    np.testing.assert_allclose(losses.discriminator_loss(logits, "hinge", real=False), [0, 1.25, 2, 3])
    np.testing.assert_allclose(losses.generator_loss(logits, "hinge"), [3, -0.25, -1, -2])


def test_wasserstein_by_hand():
    logits = tf.constant([[-3.0], [2.0]])
    np.testing.assert_allclose(losses.discriminator_loss(logits, "wgan-gp", real=True), [3, -2])
    np.testing.assert_allclose(losses.discriminator_loss(logits, "wgan-gp", real=False), [-3, 2])
    np.testing.assert_allclose(losses.generator_loss(logits, "wgan-gp"), [3, -2])


def test_relativistic_by_hand():
    # Real shapes with logits 1 and 4, generated ones with 1 and 1: differences 0 and 3. Both sides of the
    # discriminator cost half of ln(1 + e^-d), ln 2 at 0 and 0.0486 at 3; the generator wants the difference turned.
    real, fake = tf.constant([[1.0], [4.0]]), tf.constant([[1.0], [1.0]])
    on_real = losses.relative_logits(real, fake, "relativistic")
    on_fake = losses.relative_logits(fake, real, "relativistic")
    np.testing.assert_allclose(on_real, [[0], [3]])
    halves = [LN2 / 2, 0.04858735 / 2]
    np.testing.assert_allclose(losses.discriminator_loss(on_real, "relativistic", real=True), halves, rtol=1e-5)
    np.testing.assert_allclose(losses.discriminator_loss(on_fake, "relativistic", real=False), halves, rtol=1e-5)
    np.testing.assert_allclose(losses.generator_loss(on_fake, "relativistic"), [LN2, 3.04858735], rtol=1e-5)


@pytest.mark.parametrize("kind", ["bce", "hinge", "wgan-gp"])
def test_other_losses_take_the_logits_as_they_are(kind):
    logits = tf.constant([[1.0], [4.0]])
    assert losses.relative_logits(logits, -logits, kind) is logits


def test_unknown_adversarial_losses_are_refused():
    with pytest.raises(ValueError, match="'lsgan' is not known: give bce, relativistic, hinge or wgan-gp"):
        losses.generator_loss(tf.zeros([1, 1]), "lsgan")
    with pytest.raises(ValueError, match="'lsgan'"):
        losses.discriminator_loss(tf.zeros([1, 1]), "lsgan", real=True)


@pytest.mark.parametrize("kind", ["relativistic", "hinge", "wgan-gp"])
def test_only_bce_has_labels_to_smooth(kind):
    with pytest.raises(ValueError, match=f"label_smoothing=0.1 .*{kind}.*: give 0, or bce"):
        losses.discriminator_loss(tf.zeros([1, 1]), kind, real=True, label_smoothing=0.1)


def test_label_smoothing_is_one_sided():
    # Target 0.9 at logit 50: 0.1 of the cost of answering wrong, 5. Generated shapes keep target 0.
    logits = tf.constant([[50.0]])
    smoothed = [losses.discriminator_loss(logits, "bce", real=real, label_smoothing=0.1) for real in (True, False)]
    np.testing.assert_allclose(smoothed, [[5], [50]], atol=1e-4)


def test_r1_of_a_linear_discriminator_is_half_its_squared_slope():
    # D(x) = 3 Σ x over 8 voxels: the gradient is 3 in each, Σ 9 = 72, half of it 36, wherever x lies.
    def discriminator(voxels):
        return 3 * tf.reduce_sum(voxels, axis=[1, 2, 3])

    np.testing.assert_allclose(losses.r1_penalty(discriminator, cubes(0, 1)), [36, 36])


def test_gradient_penalty_of_linear_discriminators():
    # D(x) = s Σ x over 8 voxels has a gradient of norm s sqrt 8 everywhere. s = 1 / sqrt 8 makes it 1, no penalty;
    # s = 3 / sqrt 8 makes it 3, penalty 4; s = 0 makes it 0, penalty 1.
    for slope, expected in ((1 / math.sqrt(8), 0), (3 / math.sqrt(8), 4), (0.0, 1)):
        penalty = losses.gradient_penalty(
            lambda voxels, s=slope: s * tf.reduce_sum(voxels, axis=[1, 2, 3]), cubes(0, 1)
        )
        np.testing.assert_allclose(penalty, [expected, expected], atol=3e-3)


def test_gradient_penalty_pulls_a_slope_towards_one_and_is_finite_at_none():
    # d/ds (s sqrt 8 - 1)² = 2 (s sqrt 8 - 1) sqrt 8; at s = 3 / sqrt 8 that is 4 sqrt 8. At s = 0 it is 0 by the
    # rounding of the root, and must not be NaN.
    for slope, expected in ((3 / math.sqrt(8), 4 * math.sqrt(8)), (0.0, 0)):
        weight = tf.Variable(slope)
        with tf.GradientTape() as tape:
            penalty = losses.gradient_penalty(lambda x, w=weight: w * tf.reduce_sum(x, axis=[1, 2, 3]), cubes(0.5))
        np.testing.assert_allclose(tape.gradient(penalty, weight), expected, rtol=1e-4, atol=1e-6)


def test_adaptive_weight_by_hand():
    # Norms 5 (3, 4) and 10: a share of 0.3 asks for a norm of 1.5, so the factor is 0.15.
    weight = losses.adaptive_weight(tf.constant([3.0, 4.0]), tf.constant([0.0, 10.0]), 0.3)
    np.testing.assert_allclose(weight, 0.15, rtol=1e-5)


def test_adaptive_weight_is_bounded_and_may_be_zero():
    gradient = tf.constant([3.0, 4.0])
    np.testing.assert_allclose(losses.adaptive_weight(gradient, tf.zeros(2), 0.3), 0.3e4)
    np.testing.assert_allclose(losses.adaptive_weight(tf.zeros(2), gradient, 0.3), 0)


def interpolate_positions(seed=1, step=3):
    """Real shapes are 0 and generated ones 1 to 2 INTERPOLATES: a point's value is (1 - share) times its partner."""
    real = tf.zeros([INTERPOLATES, 1, 1, 1, 1])
    fakes = tf.reshape(tf.range(1.0, 2 * INTERPOLATES + 1), [-1, 1, 1, 1, 1])
    points = losses.random_interpolates(real, fakes, seed=seed, step=tf.constant(step, tf.int64))
    assert points.shape == real.shape
    return points.numpy().ravel()


def test_shares_of_interpolates_are_uniform():
    # With all generated shapes 1, a point is 1 - share. The mean of 400 uniform numbers deviates by 0.0144, and the
    # share below a quarter by 0.022: the bounds are four times that.
    points = losses.random_interpolates(
        tf.zeros([INTERPOLATES, 1, 1, 1, 1]), tf.ones([3, 1, 1, 1, 1]), seed=0, step=tf.constant(0, tf.int64)
    ).numpy()
    assert points.min() >= 0
    assert points.max() <= 1
    assert abs(points.mean() - 0.5) < 0.06
    assert abs((points < 0.25).mean() - 0.25) < 0.09


def test_partners_of_interpolates_come_from_all_generated_shapes():
    # Real shapes are 0, generated ones 0 in one half and 1 in the other: a point is 0 where its partner is, and above
    # 0 elsewhere.
    fakes = tf.concat([tf.zeros([50, 1, 1, 1, 1]), tf.ones([50, 1, 1, 1, 1])], axis=0)
    points = losses.random_interpolates(
        tf.zeros([INTERPOLATES, 1, 1, 1, 1]), fakes, seed=0, step=tf.constant(0, tf.int64)
    ).numpy()
    # A fair coin's share of 400 throws deviates by 0.025; the bound is four times that.
    assert abs((points == 0).mean() - 0.5) < 0.1


def test_interpolates_are_a_function_of_seed_and_step():
    np.testing.assert_array_equal(interpolate_positions(), interpolate_positions())
    for other in (interpolate_positions(seed=2), interpolate_positions(step=4)):
        assert abs(np.corrcoef(interpolate_positions(), other)[0, 1]) < 0.2  # 1 / sqrt 400 = 0.05, four times over


def test_a_shape_is_mixed_as_a_whole():
    real, fakes = tf.zeros([5, 4, 4, 4, 1]), tf.ones([5, 4, 4, 4, 1])
    points = losses.random_interpolates(real, fakes, seed=0, step=tf.constant(0, tf.int64)).numpy().reshape(5, -1)
    assert (points == points[:, :1]).all()
    assert len(np.unique(points[:, 0])) == 5


def row(*values):
    """Eight voxel values as a 2^3 grid: [1, 2, 2, 2, 1]."""
    return tf.reshape(tf.constant(values, tf.float32), [1, 2, 2, 2, 1])


REAL = row(1, 1, 1, 0, 0, 0, 0, 0)


def test_iou_by_hand():
    # Voxels 0 1 2 are real, 1 2 3 4 are generated: 2 in both, 5 in either.
    generated = row(0.1, 0.9, 0.8, 0.7, 0.6, 0.2, 0, 0.5)
    np.testing.assert_allclose(losses.intersection_over_union(generated, REAL), [2 / 5])


def test_iou_perfect_no_overlap_and_both_empty():
    empty = tf.zeros_like(REAL)
    np.testing.assert_allclose(losses.intersection_over_union(REAL, REAL), [1])
    np.testing.assert_allclose(losses.intersection_over_union(1 - REAL, REAL), [0])
    np.testing.assert_allclose(losses.intersection_over_union(empty, empty), [1])


def test_iou_follows_the_threshold():
    # At 0.8 only voxel 1 is left of the generated ones: 1 in both, 3 in either.
    generated = row(0.1, 0.9, 0.8, 0.7, 0.6, 0.2, 0, 0.5)
    np.testing.assert_allclose(losses.intersection_over_union(generated, REAL, 0.8), [1 / 3])


def test_precision_and_recall_by_hand():
    # Voxels 0 1 2 are real, 1 2 3 4 are predicted, 1 2 are both: 2 of 4 predicted and 2 of 3 real ones.
    predicted = row(0.1, 0.9, 0.8, 0.7, 0.6, 0.2, 0, 0.5)
    np.testing.assert_allclose(losses.precision(predicted, REAL), [2 / 4])
    np.testing.assert_allclose(losses.recall(predicted, REAL), [2 / 3])
    # At 0.8 only voxel 1 is left: it is real, and one of three.
    np.testing.assert_allclose(losses.precision(predicted, REAL, 0.8), [1])
    np.testing.assert_allclose(losses.recall(predicted, REAL, 0.8), [1 / 3])


@pytest.mark.parametrize("measure", [losses.precision, losses.recall])
def test_precision_and_recall_perfect_and_no_overlap(measure):
    batch = tf.concat([REAL, 1 - REAL], 0)
    np.testing.assert_allclose(measure(batch, tf.concat([REAL, REAL], 0)), [1, 0])


@pytest.mark.parametrize("measure", [losses.precision, losses.recall])
def test_precision_and_recall_of_empty_shapes(measure):
    # Nothing predicted of something, something of nothing, nothing of nothing: only the last is right.
    empty = tf.zeros_like(REAL)
    predicted, real = tf.concat([empty, REAL, empty], 0), tf.concat([REAL, empty, empty], 0)
    np.testing.assert_allclose(measure(predicted, real), [0, 0, 1])


def test_occupancy_by_hand():
    np.testing.assert_allclose(losses.occupancy(tf.concat([REAL, 1 - REAL, 0 * REAL], 0)), [3 / 8, 5 / 8, 0])


def test_discriminator_accuracy_by_hand():
    # Two of three real shapes and one of two generated ones are right: (2/3 + 1/2) / 2 = 7/12.
    real, fake = tf.constant([[1.0], [2.0], [-1.0]]), tf.constant([[-3.0], [4.0]])
    np.testing.assert_allclose(losses.discriminator_accuracy(real, fake), 7 / 12, rtol=1e-6)


def test_discriminator_accuracy_at_the_ends():
    ones = tf.ones([4, 1])
    np.testing.assert_allclose(losses.discriminator_accuracy(ones, -ones), 1)
    np.testing.assert_allclose(losses.discriminator_accuracy(-ones, ones), 0)
