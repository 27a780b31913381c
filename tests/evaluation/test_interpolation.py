"""v = α v0 + (1 - α) v1, by hand."""

import numpy as np
import pytest

from vae_gan3d.evaluation.interpolation import interpolate, path_alphas

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


def test_refusals():
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        interpolate(FIRST, np.zeros(3), 0.5)
    with pytest.raises(ValueError, match="steps=1"):
        path_alphas(1)
