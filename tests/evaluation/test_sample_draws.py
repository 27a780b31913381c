"""Shapes drawn from a prior."""

import types

import numpy as np
import pytest

from vae_gan3d.evaluation.sample_draws import draw_shapes


class Prior:
    """Latents 0, 1, 2 and so on, of classes 0 and 1 in turn."""

    classes = ("chair", "table")

    def sample(self, count, generator, classes=None):
        numbers = np.arange(count)
        return numbers[:, np.newaxis].astype(np.float32), numbers % 2


class Model:
    """Fills as many planes as the latent says with probability 0.7."""

    config = types.SimpleNamespace(resolution=16, conditional=False)

    def generate(self, latents, labels=None):
        planes = np.arange(16)[np.newaxis, :, np.newaxis, np.newaxis] < latents[:, :, np.newaxis, np.newaxis]
        return 0.7 * np.broadcast_to(planes, (len(latents), 16, 16, 16))

    def encode(self, voxels, labels=None):
        return voxels[:, :, 0, 0].sum(axis=1, keepdims=True) - np.float32(1)


@pytest.mark.parametrize("count", [1, 32, 45])
def test_samples_are_what_the_generator_makes_of_the_latents(count):
    drawn = draw_shapes(Model(), Prior(), count, np.random.default_rng(0), threshold=0.5, refinements=0)
    assert (drawn.grids.dtype, drawn.grids.shape) == (np.bool_, (count, 16, 16, 16))
    np.testing.assert_array_equal(drawn.grids.sum(axis=(1, 2, 3)), 256 * np.minimum(np.arange(count), 16))
    np.testing.assert_array_equal(drawn.labels, np.arange(count) % 2)
    stricter = draw_shapes(Model(), Prior(), count, np.random.default_rng(0), threshold=0.8, refinements=0)
    assert not stricter.grids.any()


def test_latents_are_refined_before_their_shapes_are_generated():
    drawn = draw_shapes(Model(), Prior(), 40, np.random.default_rng(0), threshold=0.5, refinements=2)
    # Of n planes the encoder makes n - 1, twice.
    expected = 256 * np.maximum(np.minimum(np.arange(40), 16) - 2, 0)
    np.testing.assert_array_equal(drawn.grids.sum(axis=(1, 2, 3)), expected)
