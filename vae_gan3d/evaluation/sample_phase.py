"""`--phase=sample`: shapes from the prior."""

import math
import sys

import numpy as np

from vae_gan3d.config import SampleConfig
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.files import atomic_path
from vae_gan3d.viewing.sheets import save_sheet


def sample_shapes(config: SampleConfig, model: TrainedModel) -> None:
    """Draws latents from N(0, I) and writes what the generator makes of them.

    Into `config.output_dir` go `samples.npy` (`[K, R, R, R]` float32 probabilities) and `samples.png`.

    Args:
        config: the phase's configuration.
        model: the trained model.

    Raises:
        UserError: a file cannot be written.
    """
    draws = np.random.default_rng(config.seed).standard_normal((config.count, model.config.latent_size))
    samples = model.generate(draws.astype(np.float32))
    with atomic_path(config.output_dir / "samples.npy") as path:
        np.save(path, samples)
    columns = min(8, 2 * math.ceil(math.sqrt(config.count / 2)))
    save_sheet(config.output_dir / "samples.png", samples, columns=columns, size=240, threshold=config.threshold)
    empty = int((samples <= config.threshold).all(axis=(1, 2, 3)).sum())
    if empty:
        print(
            f"warning: {empty} of {config.count} shapes are empty at --threshold={config.threshold}: train longer",
            file=sys.stderr,
        )
    print(f"wrote {config.count} shapes to {config.output_dir}, drawn in samples.png")
