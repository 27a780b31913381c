"""Models for tests: an untrained one, and two whose results can be computed by hand."""

import numpy as np

from vae_gan3d.config import ModelConfig
from vae_gan3d.models.model import Model
from vae_gan3d.networks.build import build_networks

SMALL = ModelConfig(16, 4, "default", 8, "group", "relu")
# The probabilities of an untrained generator lie around sigmoid(-3): about half of the voxels above this.
UNTRAINED_THRESHOLD = 0.047


def untrained_model(config=SMALL):
    """A model with its first weights."""
    return Model(config, build_networks(**config.network_arguments()))


class VoxelModel(Model):
    """Encodes `[N, 16, 16, 16]` as its 4,096 voxels in a row, and decodes them."""

    def __init__(self, config=ModelConfig(16, 4096, "default", 8, "group", "relu"), prefix=None):  # noqa: B008 (frozen)
        super().__init__(config, None, prefix)

    def posterior(self, shapes, labels=None):
        latents = np.asarray(shapes).reshape(len(shapes), -1).astype(np.float32)
        return latents, np.zeros_like(latents)

    def decode(self, latents, labels=None, *, threshold=None):
        shapes = np.asarray(latents).reshape(-1, 16, 16, 16)
        return shapes if threshold is None else shapes > threshold


class PlaneModel(Model):
    """Fills as many planes as the latent says with a probability, and encodes a shape as its planes less one."""

    def __init__(self, probability=0.7):
        super().__init__(ModelConfig(16, 1, "default", 8, "group", "relu", ("chair", "table")), None)
        self.probability = probability

    def posterior(self, shapes, labels=None):
        latents = shapes[:, :, 0, 0].sum(axis=1, keepdims=True) - np.float32(1)
        return latents, np.zeros_like(latents)

    def decode(self, latents, labels=None, *, threshold=None):
        planes = np.arange(16)[np.newaxis, :, np.newaxis, np.newaxis] < latents[:, :, np.newaxis, np.newaxis]
        shapes = self.probability * np.broadcast_to(planes, (len(latents), 16, 16, 16))
        return shapes if threshold is None else shapes > threshold
