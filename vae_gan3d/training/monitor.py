"""What is looked at while training: reconstructions, shapes between shapes, and their pictures.

Not samples of N(0, I): nothing is drawn from there by default, and where the posterior does not meet it they are nearly
blank in a model whose samples of the fitted prior are sound.
"""

import pathlib

import numpy as np
import tensorflow as tf

from vae_gan3d.files import make_folder
from vae_gan3d.networks.factory import Networks
from vae_gan3d.training.metrics import occupancy
from vae_gan3d.training.noise import interpolated
from vae_gan3d.training.run_folder import PICTURES_NAME
from vae_gan3d.viewing.sheets import save_pairs, save_sheet

_PICTURED = 8
_SAMPLED = 32


class Monitor:
    """Reconstructs the same shapes and goes the same way between them at each look, so that looks can be compared."""

    def __init__(self, networks: Networks, voxels: np.ndarray, seed: int) -> None:
        """Fixes what is looked at.

        Args:
            networks: the averaged ones.
            voxels: `[B, R, R, R, 1]` float32 in {0, 1}, real shapes, the more the better.
            seed: of the places between shapes.
        """
        pictured = np.linspace(0, len(voxels) - 1, min(_PICTURED, len(voxels))).astype(int)
        self._real = tf.constant(voxels[pictured])
        self._real_occupancy = float(tf.reduce_mean(occupancy(voxels)))
        ends = np.linspace(0, len(voxels) - 1, min(_SAMPLED, len(voxels))).astype(int)
        self._ends = tf.constant(voxels[ends])
        self._shares = tf.random.stateless_uniform((len(ends), 1), seed=(seed, 2))
        self._sample = tf.function(lambda latents: tf.sigmoid(networks.generator(latents)), autograph=False)
        self._encode = tf.function(lambda real: networks.encoder(real)[0], autograph=False)

    def occupancy_ratio(self) -> float:
        """Mean occupancy of 32 shapes between real shapes over that of the real shapes."""
        return float(tf.reduce_mean(occupancy(self._sample(self._latents())))) / max(self._real_occupancy, 1e-9)

    def save_pictures(self, save_path: pathlib.Path, epoch: int, step: int) -> dict[str, pathlib.Path]:
        """Draws shapes between shapes, and originals over their reconstructions.

        Args:
            save_path: the run folder.
            epoch: epochs completed.
            step: steps taken.

        Returns:
            The pictures' paths under `SAVE_PATH/output_ims/epoch-E_sample-S/`, by name.

        Raises:
            UserError: they cannot be written.
        """
        folder = make_folder(save_path / PICTURES_NAME / f"epoch-{epoch}_sample-{step}")
        samples = self._sample(self._latents()).numpy()[..., 0]
        reconstructions = self._sample(self._encode(self._real)).numpy()[..., 0]
        pictures = {"samples": folder / "samples.png", "reconstructions": folder / "reconstructions.png"}
        save_sheet(pictures["samples"], samples, columns=8, title=f"between shapes, step {step}")
        save_pairs(
            pictures["reconstructions"],
            self._real.numpy()[..., 0],
            reconstructions,
            title=f"reconstructions, step {step}",
        )
        return pictures

    def _latents(self) -> tf.Tensor:
        """Points on the lines from each shape's latent to the next one's, `[<= 32, L]`."""
        means = self._encode(self._ends)
        return interpolated(means, tf.roll(means, 1, axis=0), self._shares)
