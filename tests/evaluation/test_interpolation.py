"""v = α v0 + (1 - α) v1 and its like on a sphere, by hand."""

import numpy as np
import pytest

from vae_gan3d.evaluation.interpolation import interpolate, interpolate_on_sphere, path_alphas, path_through

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
    mixed = interpolate_on_sphere(np.array([1.0, 0.0]), np.array([0.0, 1.0]), 0.5)
    np.testing.assert_allclose(mixed, [0.5**0.5, 0.5**0.5], rtol=1e-6)
    assert mixed.dtype == np.float32


def test_a_path_on_the_sphere_by_hand():
    # A third of the right angle from v1 = (0, 4): sin 30° (10, 0) + sin 60° (0, 4) = (5, 3.4641). Past v0, at α = 4/3,
    # sin 120° (10, 0) + sin(-30°) (0, 4) = (8.6603, -2).
    path = interpolate_on_sphere(FIRST, SECOND, np.array([1 / 3, 4 / 3], np.float32))
    np.testing.assert_allclose(path, [[5, 3.4641], [8.6603, -2]], rtol=1e-4)


def test_the_sphere_keeps_the_length_and_the_ends():
    generator = np.random.default_rng(0)
    first, second = (vector / np.linalg.norm(vector) * 11 for vector in generator.normal(size=(2, 128)))
    path = interpolate_on_sphere(first.astype(np.float32), second.astype(np.float32), path_alphas(7))
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), np.full(7, 11), rtol=1e-5)
    np.testing.assert_array_equal(path[0], second.astype(np.float32))
    np.testing.assert_array_equal(path[-1], first.astype(np.float32))


@pytest.mark.parametrize("second", [FIRST, 3 * FIRST, -FIRST, 0 * FIRST, FIRST + np.float32([0, 1e-6])])
def test_without_a_great_circle_the_path_is_straight(second):
    for pair in ((FIRST, second), (second, FIRST)):
        np.testing.assert_array_equal(interpolate_on_sphere(*pair, path_alphas(4)), interpolate(*pair, path_alphas(4)))


def test_near_the_fallback_the_sphere_is_still_accurate():
    # An angle of 1e-4: the arc and the chord differ by less than a part in 10^8.
    second = FIRST + np.float32([0, 1e-3])
    np.testing.assert_allclose(
        interpolate_on_sphere(FIRST, second, path_alphas(5)), interpolate(FIRST, second, path_alphas(5)), rtol=1e-6
    )


def test_refusals():
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        interpolate(FIRST, np.zeros(3), 0.5)
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        interpolate_on_sphere(FIRST, np.zeros(3), 0.5)
    with pytest.raises(ValueError, match="steps=1"):
        path_alphas(1)
    with pytest.raises(ValueError, match=r"\(1, 3\) make no path"):
        path_through(np.zeros((1, 3)), 2)


def test_a_path_through_three_points_by_hand():
    points = np.float32([[0, 0], [2, 0], [2, 4]])
    np.testing.assert_allclose(path_through(points, 3), [[0, 0], [1, 0], [2, 0], [2, 2], [2, 4]])
    np.testing.assert_array_equal(path_through(points, 2), points)


def test_a_path_on_the_sphere_bends_between_its_points():
    # Halfway from (1, 0) to (0, 1), and from there to (-1, 0): (1/√2, 1/√2) and (-1/√2, 1/√2).
    path = path_through(np.float32([[1, 0], [0, 1], [-1, 0]]), 3, interpolate_on_sphere)
    np.testing.assert_allclose(path[[1, 3]], [[0.5**0.5, 0.5**0.5], [-(0.5**0.5), 0.5**0.5]], rtol=1e-6)
    np.testing.assert_allclose(path[[0, 2, 4]], [[1, 0], [0, 1], [-1, 0]], atol=1e-7)
