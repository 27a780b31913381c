"""Metrics, by hand."""

import math

import numpy as np
import pytest

from vae_gan3d.evaluation import metrics as module
from vae_gan3d.evaluation.metrics import (
    SetMetrics,
    chamfer_distances,
    coverage,
    flat_grids,
    jensen_shannon_divergence,
    minimum_matching_distance,
    nearest_distances,
    one_nearest_neighbor_accuracy,
    set_metrics,
    surface_points,
    voxel_distances,
)


def voxel_row(*occupied):
    """A 2^3 grid with these of its eight voxels occupied: [1, 2, 2, 2] uint8."""
    grid = np.zeros(8, np.uint8)
    grid[list(occupied)] = 1
    return grid.reshape(1, 2, 2, 2)


VOXELS_A, VOXELS_B, VOXELS_C, EMPTY = voxel_row(0, 1, 2), voxel_row(1, 2, 3, 4), voxel_row(5, 6), voxel_row()


def test_voxel_distances_by_hand():
    # A and B share voxels 1 2 of 0 1 2 3 4: 1 - 2/5. Against {0, 1}: A shares 0 1 of 0 1 2, 1 - 2/3; B shares 1 of
    # 0 1 2 3 4, 1 - 1/5. C shares nothing with either.
    distances = voxel_distances(
        np.concatenate([VOXELS_A, VOXELS_B, VOXELS_C]), np.concatenate([VOXELS_B, voxel_row(0, 1)])
    )
    assert distances.dtype == np.float32
    np.testing.assert_allclose(distances, [[3 / 5, 1 / 3], [0, 4 / 5], [1, 1]], rtol=1e-6)


def test_equal_grids_are_at_0_and_disjoint_ones_at_1():
    both = np.concatenate([VOXELS_A, VOXELS_C])
    np.testing.assert_array_equal(voxel_distances(both, both), [[0, 1], [1, 0]])


def test_two_empty_grids_are_at_0_and_an_empty_and_another_at_1():
    both = np.concatenate([EMPTY, VOXELS_A])
    np.testing.assert_array_equal(voxel_distances(EMPTY, both), [[0, 1]])


def test_booleans_and_strided_grids_give_the_same():
    grids = np.concatenate([VOXELS_A, VOXELS_B, VOXELS_C])
    expected = voxel_distances(grids, grids)
    np.testing.assert_array_equal(voxel_distances(grids.astype(bool), grids), expected)
    strided = np.repeat(grids, 2, axis=3)[..., ::2]
    np.testing.assert_array_equal(voxel_distances(strided, grids), expected)


@pytest.mark.parametrize("bytes_in_a_block", [1, 200])
def test_small_blocks_give_the_same(monkeypatch, bytes_in_a_block):
    random = np.random.default_rng(0)
    first, second = random.random((5, 4, 4, 4)) < 0.4, random.random((3, 4, 4, 4)) < 0.4
    # Straight from the definition, in place of products of matrices.
    expected = [[1 - (a & b).sum() / (a | b).sum() for b in second] for a in first]
    # 200 bytes: 6 of the 64 voxels at a time, and 4 at the end; 1 byte: one at a time.
    monkeypatch.setattr(module, "_BLOCK_BYTES", bytes_in_a_block)
    np.testing.assert_allclose(voxel_distances(first, second), expected, rtol=1e-6)


def test_equal_ratios_give_equal_floats():
    # 1/3 by one voxel of three, and by two of six.
    first = voxel_distances(voxel_row(0, 1), voxel_row(1, 2))
    second = voxel_distances(voxel_row(0, 1, 2, 3), voxel_row(2, 3, 4, 5))
    assert first.item() == second.item()


def test_flat_grids_are_rows_in_the_order_of_c():
    np.testing.assert_array_equal(flat_grids(voxel_row(0, 5)), [[1, 0, 0, 0, 0, 1, 0, 0]])


def test_voxel_distances_refuse():
    with pytest.raises(ValueError, match=r"\(2, 2, 2\)"):
        voxel_distances(VOXELS_A[0], VOXELS_A)
    with pytest.raises(ValueError, match=r"\(0, 2, 2, 2\)"):
        voxel_distances(VOXELS_A, VOXELS_A[:0])
    with pytest.raises(ValueError, match=r"\(1, 2, 2, 1\)"):
        voxel_distances(VOXELS_A, VOXELS_A[..., :1])
    with pytest.raises(ValueError, match="float32"):
        voxel_distances(VOXELS_A.astype(np.float32), VOXELS_A)
    with pytest.raises(ValueError, match="value 255"):
        voxel_distances(VOXELS_A, VOXELS_A * 255)
    with pytest.raises(ValueError, match="sides 2 and 4"):
        voxel_distances(VOXELS_A, np.ones((1, 4, 4, 4), bool))


def grid_of(side, *voxels):
    grid = np.zeros((side, side, side), np.uint8)
    for voxel in voxels:
        grid[voxel] = 1
    return grid


def faces_of(points, side):
    """For each point the axis its face is normal to, the face's plane and its voxel in that plane: [count, 4] int."""
    scaled = points.astype(np.float64) * side
    on_planes = scaled == np.round(scaled)
    assert (on_planes.sum(axis=1) == 1).all()
    axes = on_planes.argmax(axis=1)
    return np.column_stack([axes, np.floor(scaled).astype(int)])


def test_one_voxel_has_six_faces():
    # Voxel (1, 2, 0) of 4³ fills [1/4, 2/4] x [2/4, 3/4] x [0, 1/4]; its faces lie on those six planes, one of them on
    # the grid's border.
    points = surface_points(grid_of(4, (1, 2, 0)), 600, np.random.default_rng(0))
    assert points.shape == (600, 3) and points.dtype == np.float32
    assert (points >= [0.25, 0.5, 0]).all() and (points <= [0.5, 0.75, 0.25]).all()
    found = {tuple(face) for face in faces_of(points, 4)}
    low_and_high = {(0, 1, 2, 0), (0, 2, 2, 0), (1, 1, 2, 0), (1, 1, 3, 0), (2, 1, 2, 0), (2, 1, 2, 1)}
    assert found == low_and_high


def test_a_face_between_two_occupied_voxels_is_not_exposed():
    # Two voxels side by side along x have 12 faces, of which they share the one on plane x = 1 twice: 10 are left.
    points = surface_points(grid_of(2, (0, 0, 0), (1, 0, 0)), 1000, np.random.default_rng(0))
    faces = {tuple(face) for face in faces_of(points, 2)}
    assert len(faces) == 10
    assert (0, 1, 0, 0) not in faces


def test_a_full_grid_shows_its_border_alone():
    # 6 sides of 3 x 3 faces.
    points = surface_points(np.ones((3, 3, 3), bool), 3000, np.random.default_rng(0))
    assert (((points == 0) | (points == 1)).sum(axis=1) == 1).all()
    ends = np.unique(np.floor(np.minimum(points * 3, 2.99)).astype(int), axis=0)
    # All of the 27 voxels but the middle one show.
    assert len(ends) == 26


def test_the_faces_of_a_hollow_count():
    # A 3³ block without its middle: 54 outer faces and 6 inner ones, a tenth of all.
    grid = np.ones((3, 3, 3), np.uint8)
    grid[1, 1, 1] = 0
    points = surface_points(grid, 20000, np.random.default_rng(0))
    inside = ((points > 0) & (points < 1)).all(axis=1)
    # The share of 20,000 draws of probability 0.1 has deviation 0.0021.
    np.testing.assert_allclose(inside.mean(), 0.1, atol=4 * 0.0021)


def test_faces_are_drawn_equally_often_and_evenly():
    # A bar of 3 voxels has 14 faces: 2 at its ends and 12 along it. 28,000 draws leave 2,000 a face, deviation 43.
    points = surface_points(grid_of(4, (0, 1, 1), (1, 1, 1), (2, 1, 1)), 28000, np.random.default_rng(1))
    faces, counts = np.unique(faces_of(points, 4), axis=0, return_counts=True)
    assert len(faces) == 14
    np.testing.assert_allclose(counts, 2000, atol=4.5 * 43)
    # On the faces across y the place along x is even over [0, 3/4]: mean 3/8, a quarter of the points in each quarter.
    along = points[faces_of(points, 4)[:, 0] == 1][:, 0]
    shares = np.histogram(along, bins=4, range=(0, 0.75))[0] / len(along)
    np.testing.assert_allclose(shares, 0.25, atol=0.02)


def test_the_axes_are_those_of_the_grid():
    points = surface_points(grid_of(8, (6, 3, 1)), 200, np.random.default_rng(0))
    np.testing.assert_allclose((points.min(axis=0) + points.max(axis=0)) / 2, [6.5 / 8, 3.5 / 8, 1.5 / 8], atol=1e-6)


def test_one_seed_gives_one_result():
    grid = grid_of(4, (1, 2, 0), (3, 3, 3))
    first, again = (surface_points(grid, 50, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(surface_points(grid.astype(bool), 50, np.random.default_rng(7)), first)
    assert (surface_points(grid, 50, np.random.default_rng(8)) != first).any()


def test_surface_points_refuse():
    random = np.random.default_rng(0)
    with pytest.raises(ValueError, match="no occupied voxel"):
        surface_points(grid_of(4), 10, random)
    with pytest.raises(ValueError, match=r"\(2, 2\)"):
        surface_points(np.ones((2, 2)), 10, random)
    with pytest.raises(ValueError, match=r"\(2, 2, 3\)"):
        surface_points(np.ones((2, 2, 3)), 10, random)
    with pytest.raises(ValueError, match="count=0"):
        surface_points(grid_of(4, (0, 0, 0)), 0, random)


# Two points each, on the x axis but for the last.
CLOUD_A = [[0, 0, 0], [2, 0, 0]]
CLOUD_B = [[0, 0, 0], [1, 0, 0]]
CLOUD_C = [[5, 0, 0], [0, 3, 0]]


def clouds(*points):
    return np.array(points, np.float32)


def brute(first, second):
    """The definition, pair by pair."""
    squares = ((first[:, np.newaxis] - second[np.newaxis]) ** 2).sum(axis=2)
    return squares.min(axis=1).mean() + squares.min(axis=0).mean()


def test_chamfer_distances_by_hand():
    # A to B: 0 is at 0, 2 is 1 from 1: (0 + 1) / 2. B to A: 0 is at 0, 1 is 1 from either: (0 + 1) / 2. Sum 1.
    # A to C: (0,0) is 3 from (0,3), squared 9; (2,0) is 3 from (5,0), 9 (13 from (0,3)): 9.
    # C to A: (5,0) is 3 from (2,0), 9; (0,3) is 3 from (0,0), 9: 9. Sum 18.
    # B to C: (0,0) is 9 from (0,3); (1,0) is 1 + 9 = 10 from it and 16 from (5,0): 9.5.
    # C to B: (5,0) is 16 from (1,0); (0,3) is 9 from (0,0): 12.5. Sum 22.
    np.testing.assert_allclose(chamfer_distances(clouds(CLOUD_A, CLOUD_C), clouds(CLOUD_B)), [[1], [22]], rtol=1e-12)
    np.testing.assert_allclose(chamfer_distances(clouds(CLOUD_A), clouds(CLOUD_B, CLOUD_C)), [[1, 18]], rtol=1e-12)


def test_the_two_directions_are_added_not_mixed():
    # One point against two: from it 0, back (0 + 4²) / 2 = 8.
    np.testing.assert_allclose(chamfer_distances(clouds([[0, 0, 0]]), clouds([[0, 0, 0], [4, 0, 0]])), [[8]])


def test_equal_clouds_are_at_0_in_any_order_of_their_points():
    np.testing.assert_array_equal(chamfer_distances(clouds(CLOUD_A), clouds(CLOUD_A[::-1])), [[0]])


def test_within_one_set_by_hand():
    distances = chamfer_distances(clouds(CLOUD_A, CLOUD_B, CLOUD_C))
    np.testing.assert_allclose(distances, [[0, 1, 18], [1, 0, 22], [18, 22, 0]], rtol=1e-12)
    np.testing.assert_array_equal(distances, distances.T)
    np.testing.assert_array_equal(np.diag(distances), 0)


def test_many_points_agree_with_the_definition():
    random = np.random.default_rng(0)
    first, second = random.random((4, 60, 3)), random.random((3, 40, 3))
    expected = [[brute(a, b) for b in second] for a in first]
    np.testing.assert_allclose(chamfer_distances(first, second), expected, rtol=1e-12)
    np.testing.assert_allclose(
        chamfer_distances(first), [[brute(a, b) for b in first] for a in first], rtol=1e-12, atol=1e-15
    )


def test_threads_change_nothing():
    random = np.random.default_rng(0)
    first, second = random.random((3, 50, 3)), random.random((3, 50, 3))
    np.testing.assert_array_equal(
        chamfer_distances(first, second, workers=1), chamfer_distances(first, second, workers=3)
    )


def test_progress_counts_every_cloud():
    done = []
    chamfer_distances(clouds(CLOUD_A, CLOUD_B, CLOUD_C), clouds(CLOUD_A, CLOUD_B), progress=done.append)
    assert done == [1] * 5
    done.clear()
    chamfer_distances(clouds(CLOUD_A, CLOUD_B, CLOUD_C), progress=done.append)
    assert done == [1] * 3


def test_chamfer_distances_refuse():
    with pytest.raises(ValueError, match=r"\(2, 3\)"):
        chamfer_distances(np.array(CLOUD_A, float))
    with pytest.raises(ValueError, match=r"\(1, 2, 2\)"):
        chamfer_distances(clouds(CLOUD_A), clouds(CLOUD_A)[..., :2])
    with pytest.raises(ValueError, match=r"\(1, 0, 3\)"):
        chamfer_distances(clouds(CLOUD_A), clouds(CLOUD_A)[:, :0])
    with pytest.raises(ValueError, match="not finite"):
        chamfer_distances(clouds(CLOUD_A), clouds(CLOUD_B) + np.inf)


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
