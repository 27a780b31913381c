"""Refinement of drawn latents."""

import numpy as np
import pytest

from vae_gan3d.evaluation.refinement import refined_latents


class Model:
    """Fills voxels by the latent, and encodes a grid as half the number of its voxels."""

    def generate(self, latents, labels=None):
        voxels = np.zeros((len(latents), 16, 1, 1), np.float32)
        for grid, latent in zip(voxels, latents, strict=True):
            grid[: int(latent[0])] = 0.9
            grid[int(latent[0])] = 0.41  # counts
            grid[int(latent[0]) + 1] = 0.39  # does not
        return voxels

    def encode(self, voxels, labels=None):
        return voxels.sum(axis=(1, 2, 3), keepdims=True)[:, :, 0, 0].astype(np.float32) / 2


# 9 voxels are filled, the tenth counts: 10 / 2 = 5. Then (5 + 1) / 2 = 3, and (3 + 1) / 2 = 2.
@pytest.mark.parametrize(("passages", "expected"), [(0, 9), (1, 5), (2, 3), (3, 2)])
def test_latents_pass_through_generator_and_encoder(passages, expected):
    np.testing.assert_array_equal(refined_latents(Model(), np.array([[9.0]], np.float32), passages), [[expected]])
