"""Latents in two dimensions."""

import numpy as np
import pytest

from vae_gan3d.errors import UserError
from vae_gan3d.evaluation import latent_map as module
from vae_gan3d.evaluation.latent_map import pca_map, tsne_map


def test_points_on_a_line_by_hand():
    # Along (3, 4) / 5, of which 4 / 5 is the largest entry: -5, 0 and 5 around the middle, and nothing beside the line.
    points, shares = pca_map(np.float32([[0, 0], [3, 4], [6, 8]]))
    np.testing.assert_allclose(points, [[-5, 0], [0, 0], [5, 0]], atol=1e-6)
    np.testing.assert_allclose(shares, [1, 0], atol=1e-12)


def test_two_directions_by_hand():
    # Variance 2 * 2^2 = 8 along the second axis and 2 * 1^2 = 2 along the third: shares of 0.8 and 0.2.
    points, shares = pca_map(np.float32([[5, 2, 0], [5, -2, 0], [5, 0, 1], [5, 0, -1]]))
    np.testing.assert_allclose(points, [[2, 0], [-2, 0], [0, 1], [0, -1]], atol=1e-6)
    np.testing.assert_allclose(shares, [0.8, 0.2])


def test_latents_of_one_dimension_lie_on_the_first_axis():
    points, shares = pca_map(np.float32([[1], [3]]))
    np.testing.assert_allclose(points, [[-1, 0], [1, 0]])
    np.testing.assert_allclose(shares, [1, 0])


@pytest.mark.parametrize("latents", [np.zeros((1, 3)), np.zeros(3), np.ones((4, 3)), np.full((4, 3), np.nan)])
def test_what_has_no_map_is_refused(latents):
    with pytest.raises(ValueError, match=r"have no map|are equal"):
        pca_map(latents)


def test_tsne_keeps_groups_together():
    pytest.importorskip("sklearn")
    generator = np.random.default_rng(0)
    latents = generator.normal(size=(24, 6)).astype(np.float32)
    latents[12:] += 20
    points = tsne_map(latents, seed=3)
    apart = np.linalg.norm(points[:, np.newaxis] - points, axis=-1) + 1e9 * np.eye(24)
    np.testing.assert_array_equal(apart.argmin(axis=1) < 12, np.arange(24) < 12)
    np.testing.assert_array_equal(points, tsne_map(latents, seed=3))
    assert points.shape == (24, 2)


def test_tsne_of_the_fewest_shapes():
    pytest.importorskip("sklearn")
    assert np.isfinite(tsne_map(np.float32([[0, 0], [1, 0], [0, 5]]), seed=0)).all()
    with pytest.raises(ValueError, match="too few"):
        tsne_map(np.float32([[0, 0], [1, 0]]), seed=0)


def test_tsne_without_scikit_learn_is_refused(monkeypatch):
    monkeypatch.setattr(module, "scikit_learn_available", lambda: False)
    with pytest.raises(UserError, match=r"--map=tsne needs scikit-learn: .*--map=pca"):
        tsne_map(np.eye(4), seed=0)
