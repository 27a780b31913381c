"""Shapes drawn from a model's prior."""

import dataclasses

import numpy as np

from vae_gan3d.evaluation.model_labels import model_labels
from vae_gan3d.evaluation.prior import LatentPrior
from vae_gan3d.evaluation.refinement import refined_latents
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.progress import progress_bar

_BLOCK = 32


@dataclasses.dataclass(frozen=True, eq=False)
class DrawnShapes:
    """Samples of a model.

    Attributes:
        grids: `[M, R, R, R]` bool.
        labels: `[M]` integer, the classes that they were drawn of, positions in the prior's; None without classes.
    """

    grids: np.ndarray
    labels: np.ndarray | None


def draw_shapes(
    model: TrainedModel,
    prior: LatentPrior,
    count: int,
    generator: np.random.Generator,
    *,
    threshold: float,
    refinements: int,
) -> DrawnShapes:
    """Draws latents from a prior and generates shapes of them.

    Args:
        model: the trained model.
        prior: of the model's latents.
        count: how many shapes, M.
        generator: the source of chance.
        threshold: voxels above this probability count as occupied.
        refinements: passages of each latent through generator and encoder, see `refined_latents`.

    Returns:
        The shapes.
    """
    latents, labels = prior.sample(count, generator)
    given = model_labels(model.config, prior.classes, labels)
    grids = np.empty((count, *[model.config.resolution] * 3), bool)
    with progress_bar(total=count, desc="drawing samples", unit="shape") as bar:
        for start in range(0, count, _BLOCK):
            of_block = None if given is None else given[start : start + _BLOCK]
            chosen = refined_latents(model, latents[start : start + _BLOCK], refinements, of_block)
            block = model.generate(chosen, of_block) > threshold
            grids[start : start + len(block)] = block
            bar.update(len(block))
    return DrawnShapes(grids, labels)
