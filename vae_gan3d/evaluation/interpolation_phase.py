"""`--phase=test`: two shapes, their reconstructions, and the shapes between them."""

import numpy as np
import tensorflow as tf

from vae_gan3d.config import TestConfig
from vae_gan3d.evaluation.interpolation import interpolate, interpolate_on_sphere, path_alphas
from vae_gan3d.evaluation.text_slices import write_text_slices
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.files import atomic_path
from vae_gan3d.training.metrics import intersection_over_union
from vae_gan3d.viewing.render import DEFAULT_COLOR
from vae_gan3d.viewing.sheets import ORIGINAL_COLOR, save_strip

_PIXELS_A_SHAPE = 240


def interpolate_shapes(config: TestConfig, model: TrainedModel, shapes: list[np.ndarray]) -> None:
    """Encodes two shapes, mixes their latents and writes what the generator makes of them.

    Into `config.output_dir` go `interpolation.npy` (`[K, R, R, R]` float32 probabilities, one for each α),
    `reconstructions.npy` (`[2, R, R, R]`, of the first and the second shape), `interpolation.png`, and with
    `text_slices` one `interpolation-ALPHA.txt` for each α.

    Args:
        config: the phase's configuration.
        model: the trained model.
        shapes: the first and the second shape, `[R, R, R]` uint8 in {0, 1} each.

    Raises:
        UserError: a file cannot be written.
    """
    voxels = np.stack(shapes)
    first, second = model.encode(voxels, noise_seed=config.seed if config.sample_posterior else None)
    alphas = path_alphas(config.steps) if config.steps else np.array([config.alpha], np.float32)
    reconstructions = model.generate(np.stack([first, second]))
    mix = interpolate_on_sphere if config.interpolation == "slerp" else interpolate
    results = model.generate(mix(first, second, alphas))

    overlaps = intersection_over_union(
        tf.constant(reconstructions[..., np.newaxis]),
        tf.constant(voxels[..., np.newaxis], tf.float32),
        config.threshold,
    ).numpy()
    for name, overlap in zip((config.shape1, config.shape2), overlaps, strict=True):
        print(f"reconstruction of {name}: IoU {overlap:.3f}")
    _write_results(config, alphas, results, reconstructions)
    _draw(config, alphas, results, reconstructions, voxels)
    print(f"wrote {len(alphas)} shape{'s' if len(alphas) > 1 else ''} to {config.output_dir}")


def _write_results(config: TestConfig, alphas: np.ndarray, results: np.ndarray, reconstructions: np.ndarray) -> None:
    for name, grids in (("interpolation", results), ("reconstructions", reconstructions)):
        with atomic_path(config.output_dir / f"{name}.npy") as path:
            np.save(path, grids)
    if config.text_slices:
        for alpha, grid in zip(alphas, results, strict=True):
            write_text_slices(config.output_dir / f"interpolation-{alpha:.3f}.txt", grid > config.threshold)


def _draw(
    config: TestConfig, alphas: np.ndarray, results: np.ndarray, reconstructions: np.ndarray, voxels: np.ndarray
) -> None:
    """The strip: from the second shape (α = 0) over what lies between to the first (α = 1)."""
    pictures, titles = list(results), [f"α = {alpha:.2f}" for alpha in alphas]
    if not config.steps:  # a path holds both reconstructions already, as α = 0 and α = 1
        pictures = [reconstructions[1], *pictures, reconstructions[0]]
        titles = ["α = 0.00", *titles, "α = 1.00"]
    pictures, titles = [voxels[1], *pictures, voxels[0]], ["shape 2", *titles, "shape 1"]
    colors = [ORIGINAL_COLOR, *[DEFAULT_COLOR] * (len(pictures) - 2), ORIGINAL_COLOR]
    save_strip(
        config.output_dir / "interpolation.png",
        np.stack(pictures),
        titles,
        size=_PIXELS_A_SHAPE,
        threshold=config.threshold,
        colors=colors,
    )
