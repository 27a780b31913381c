"""A stand-in for a trained model whose latents are the voxels themselves, so that results can be told by hand."""

import numpy as np

from vae_gan3d.config import ModelConfig


class VoxelModel:
    """Encodes `[K, 16, 16, 16]` as its 4,096 voxels in a row, and generates them from it."""

    config = ModelConfig(16, 4096, "default", 8, "group", "relu", (), latent_layout="vector")

    def encode(self, voxels, labels=None, *, noise_seed=None):
        return voxels.reshape(len(voxels), -1).astype(np.float32)

    def generate(self, latents, labels=None):
        return latents.reshape(-1, 16, 16, 16)
