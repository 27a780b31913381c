"""Measures between two sets, on distances worked out by hand, with the perfect and the no-overlap case."""

import math

import numpy as np
import pytest

from vae_gan3d.evaluation.set_metrics import (
    SetMetrics,
    coverage,
    jensen_shannon_divergence,
    minimum_matching_distance,
    nearest_distances,
    one_nearest_neighbor_accuracy,
    set_metrics,
)


def on_a_line(samples, real):
    """The three matrices of distances between numbers: among samples, samples to real, among real."""
    samples, real = np.array(samples, float), np.array(real, float)
    pairs = ((samples, samples), (samples, real), (real, real))
    return tuple(np.abs(first[:, np.newaxis] - second) for first, second in pairs)


# Samples at 0, 1, 10 and real shapes at 3, 11, 20. Samples to real:
#        3  11  20
#   0    3  11  20
#   1    2  10  19
#   10   7   1  10
MIXED = on_a_line([0, 1, 10], [3, 11, 20])


def test_one_nna_by_hand():
    # Nearest others: 0 has 1 (own), 1 has 0 (own), 10 has 11 (other); 3 has 1 (other), 11 has 10 (other), 20 has 11
    # (own). Right: 3 of 6.
    assert one_nearest_neighbor_accuracy(*MIXED) == pytest.approx(3 / 6)


def test_one_nna_of_sets_that_lie_apart_is_1():
    assert one_nearest_neighbor_accuracy(*on_a_line([0, 1, 2], [100, 101, 102])) == 1


def test_one_nna_of_copies_is_0():
    # Each shape's nearest is its copy in the other set, at 0.
    assert one_nearest_neighbor_accuracy(*on_a_line([0, 10, 20], [0, 10, 20])) == 0


def test_one_nna_of_one_distribution_is_about_a_half():
    # In expectation (N - 1) / (2 N - 1) = 299/599 = 0.499 with a deviation of about 0.03, and so for any two sizes.
    random = np.random.default_rng(0)
    equal = one_nearest_neighbor_accuracy(*on_a_line(random.random(300), random.random(300)))
    unequal = one_nearest_neighbor_accuracy(*on_a_line(random.random(600), random.random(100)))
    np.testing.assert_allclose([equal, unequal], 0.5, atol=0.08)


def test_one_nna_ignores_the_diagonal():
    among_samples, across, among_real = MIXED
    changed = among_samples + np.diag([7.0, 8, 9])
    assert one_nearest_neighbor_accuracy(changed, across, among_real) == pytest.approx(3 / 6)
    np.testing.assert_array_equal(np.diag(among_samples), 0)


def test_one_nna_counts_ties_by_their_share():
    # Samples 0, 2 and real 1, 3. 0 has only 1 at distance 1: other, 0. 2 has 1 and 3 at 1: other, 0; likewise 1 has 0
    # and 2: 0, and 3 has 2: 0.
    assert one_nearest_neighbor_accuracy(*on_a_line([0, 2], [1, 3])) == 0
    # Samples 0, 0, 0 and real 0, 9: a sample has two samples and one real shape at 0, 2/3; the real 0 has three
    # samples: 0; the real 9 has at 9 three samples and the real 0: 1/4. (2/3 + (0 + 1/4) / 2) / 2 = 19/48.
    tied = on_a_line([0, 0, 0], [0, 9])
    assert one_nearest_neighbor_accuracy(*tied) == pytest.approx(19 / 48)
    reordered = on_a_line([0, 0, 0], [9, 0])
    assert one_nearest_neighbor_accuracy(*reordered) == pytest.approx(19 / 48)


def test_one_nna_weighs_sets_of_different_sizes_alike():
    # Samples 0, 1, 2, 6 and real 5, 20. Samples: 0, 1, 2 have their own (2: own at 1, other at 3), 6 has 5, other: 3/4.
    # Real: 5 has 6, other; 20 has 6, other, at 14 (5 is at 15): 0. (3/4 + 0) / 2.
    assert one_nearest_neighbor_accuracy(*on_a_line([0, 1, 2, 6], [5, 20])) == pytest.approx(3 / 8)


def test_coverage_by_hand():
    # 0 and 1 are nearest to 3, 10 to 11; 20 is nobody's: 2 of 3.
    assert coverage(MIXED[1]) == pytest.approx(2 / 3)


def test_coverage_at_the_ends():
    assert coverage(on_a_line([0, 10, 20], [0, 10, 20])[1]) == 1
    # All samples alike cover one of four.
    assert coverage(on_a_line([5, 5, 5], [0, 10, 20, 30])[1]) == 1 / 4


def test_coverage_gives_a_tie_to_the_first():
    # 5 is as near to 0 as to 10, and 10 is 10's: with 0 first both are covered, with 10 first only it.
    assert coverage(on_a_line([5, 10], [0, 10])[1]) == 1
    assert coverage(on_a_line([5, 10], [10, 0])[1]) == 1 / 2


def test_minimum_matching_distance_by_hand():
    # 3 has 1 at 2, 11 has 10 at 1, 20 has 10 at 10: 13 / 3.
    assert minimum_matching_distance(MIXED[1]) == pytest.approx(13 / 3)


def test_minimum_matching_distance_at_the_ends():
    assert minimum_matching_distance(on_a_line([20, 0, 10], [0, 10, 20])[1]) == 0
    # One sample at 0 for real shapes at 100 and 102: 101.
    assert minimum_matching_distance(on_a_line([0], [100, 102])[1]) == 101


def test_nearest_distances_by_hand():
    # 0 has 3 at 3, 1 has 3 at 2, 10 has 11 at 1.
    np.testing.assert_array_equal(nearest_distances(MIXED[1]), [3, 2, 1])
    np.testing.assert_array_equal(nearest_distances(on_a_line([4, 7], [7, 4])[1]), [0, 0])


def test_all_at_once():
    assert set_metrics(*MIXED) == SetMetrics(
        one_nna=pytest.approx(3 / 6), coverage=pytest.approx(2 / 3), mmd=pytest.approx(13 / 3)
    )


def test_float32_distances_give_plain_numbers():
    measures = set_metrics(*(matrix.astype(np.float32) for matrix in MIXED))
    assert [type(value) for value in (measures.one_nna, measures.coverage, measures.mmd)] == [float] * 3
    assert measures.mmd == pytest.approx(13 / 3)


def row(*occupied):
    """A 2^3 grid with these of its eight voxels occupied: [1, 2, 2, 2] bool."""
    return np.isin(np.arange(8), occupied).reshape(1, 2, 2, 2)


def test_divergence_by_hand():
    # The first set occupies voxel 0 twice and voxel 1 twice: p = (1/2, 1/2, 0). The second has voxels 1 and 2 once:
    # q = (0, 1/2, 1/2). m = (1/4, 1/2, 1/4). KL(p|m) = 1/2 ln 2 + 1/2 ln 1, KL(q|m) likewise: their mean is ln 2 / 2.
    first, second = np.concatenate([row(0, 1), row(0, 1)]), row(1, 2)
    assert jensen_shannon_divergence(first, second) == pytest.approx(math.log(2) / 2)


def test_divergence_counts_shapes_and_normalises():
    # p = (3/4, 1/4) from grids {0}, {0}, {0, 1}; q = (1/4, 3/4) from {1}, {1}, {0, 1}; m = (1/2, 1/2).
    # KL(p|m) = 3/4 ln(3/2) + 1/4 ln(1/2), and by symmetry KL(q|m) is the same.
    first = np.concatenate([row(0), row(0), row(0, 1)])
    second = np.concatenate([row(1), row(1), row(0, 1)])
    expected = 3 / 4 * math.log(3 / 2) + 1 / 4 * math.log(1 / 2)
    assert jensen_shannon_divergence(first, second) == pytest.approx(expected)


def test_divergence_of_equal_and_of_disjoint_sets():
    first = np.concatenate([row(0, 1, 2), row(3)])
    assert jensen_shannon_divergence(first, np.concatenate([first, first])) == 0
    assert jensen_shannon_divergence(first, row(4, 5).astype(np.uint8)) == pytest.approx(math.log(2), rel=1e-12)


def test_divergence_ignores_empty_shapes_beside_others():
    assert jensen_shannon_divergence(np.concatenate([row(0), row()]), row(0)) == 0


def test_more_than_255_shapes_are_counted():
    # 256 shapes at voxel 0 and one at voxel 1 would be (0, 1) in bytes: no overlap with voxel 0.
    many = np.concatenate([np.repeat(row(0), 256, axis=0), row(1)])
    assert jensen_shannon_divergence(many, row(0)) < 0.01


def test_refusals_of_distances():
    among_samples, across, among_real = MIXED
    with pytest.raises(ValueError, match=r"\(0, 3\)"):
        coverage(across[:0])
    with pytest.raises(ValueError, match=r"\(3,\)"):
        nearest_distances(across[0])
    with pytest.raises(ValueError, match="not finite"):
        minimum_matching_distance(across * np.nan)
    with pytest.raises(ValueError, match="set of 3 shapes"):
        one_nearest_neighbor_accuracy(among_samples, across, among_real[:2, :2])
    with pytest.raises(ValueError, match="one shape"):
        one_nearest_neighbor_accuracy(*on_a_line([1], [2, 3]))


def test_refusals_of_grids():
    with pytest.raises(ValueError, match="none of the 1 grids"):
        jensen_shannon_divergence(row(0), row())
    with pytest.raises(ValueError, match="sides 2 and 4"):
        jensen_shannon_divergence(row(0), np.ones((1, 4, 4, 4), bool))
