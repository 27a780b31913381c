"""Chamfer distances on clouds worked out by hand."""

import numpy as np
import pytest

from vae_gan3d.evaluation.chamfer_distances import chamfer_distances

# Two points each, on the x axis but for the last.
A = [[0, 0, 0], [2, 0, 0]]
B = [[0, 0, 0], [1, 0, 0]]
C = [[5, 0, 0], [0, 3, 0]]


def clouds(*points):
    return np.array(points, np.float32)


def brute(first, second):
    """The definition, pair by pair."""
    squares = ((first[:, np.newaxis] - second[np.newaxis]) ** 2).sum(axis=2)
    return squares.min(axis=1).mean() + squares.min(axis=0).mean()


def test_distances_by_hand():
    # A to B: 0 is at 0, 2 is 1 from 1: (0 + 1) / 2. B to A: 0 is at 0, 1 is 1 from either: (0 + 1) / 2. Sum 1.
    # A to C: (0,0) is 3 from (0,3), squared 9; (2,0) is 3 from (5,0), 9 (13 from (0,3)): 9.
    # C to A: (5,0) is 3 from (2,0), 9; (0,3) is 3 from (0,0), 9: 9. Sum 18.
    # B to C: (0,0) is 9 from (0,3); (1,0) is 1 + 9 = 10 from it and 16 from (5,0): 9.5.
    # C to B: (5,0) is 16 from (1,0); (0,3) is 9 from (0,0): 12.5. Sum 22.
    np.testing.assert_allclose(chamfer_distances(clouds(A, C), clouds(B)), [[1], [22]], rtol=1e-12)
    np.testing.assert_allclose(chamfer_distances(clouds(A), clouds(B, C)), [[1, 18]], rtol=1e-12)


def test_the_two_directions_are_added_not_mixed():
    # One point against two: from it 0, back (0 + 4²) / 2 = 8.
    np.testing.assert_allclose(chamfer_distances(clouds([[0, 0, 0]]), clouds([[0, 0, 0], [4, 0, 0]])), [[8]])


def test_equal_clouds_are_at_0_in_any_order_of_their_points():
    np.testing.assert_array_equal(chamfer_distances(clouds(A), clouds(A[::-1])), [[0]])


def test_within_one_set_by_hand():
    distances = chamfer_distances(clouds(A, B, C))
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
    chamfer_distances(clouds(A, B, C), clouds(A, B), progress=done.append)
    assert done == [1] * 5
    done.clear()
    chamfer_distances(clouds(A, B, C), progress=done.append)
    assert done == [1] * 3


def test_refusals():
    with pytest.raises(ValueError, match=r"\(2, 3\)"):
        chamfer_distances(np.array(A, float))
    with pytest.raises(ValueError, match=r"\(1, 2, 2\)"):
        chamfer_distances(clouds(A), clouds(A)[..., :2])
    with pytest.raises(ValueError, match=r"\(1, 0, 3\)"):
        chamfer_distances(clouds(A), clouds(A)[:, :0])
    with pytest.raises(ValueError, match="not finite"):
        chamfer_distances(clouds(A), clouds(B) + np.inf)
