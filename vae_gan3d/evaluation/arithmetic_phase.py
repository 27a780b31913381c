"""`--phase=arithmetic`: v = A - B + C with the latents of shapes or of whole classes."""

import sys

import numpy as np

from vae_gan3d.config import ArithmeticConfig
from vae_gan3d.evaluation.latent_encoding import class_means
from vae_gan3d.evaluation.latent_terms import LatentTerm
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.files import atomic_path
from vae_gan3d.records.record_set import RecordSet
from vae_gan3d.viewing.latent_sheets import save_arithmetic


def combine_shapes(
    config: ArithmeticConfig,
    model: TrainedModel,
    terms: tuple[LatentTerm, LatentTerm, LatentTerm],
    records: RecordSet | None,
) -> None:
    """Encodes A, B and C and writes what the generator makes of A - B + C.

    As Wu et al. 2016, section 4.3, whose latents were drawn; here they are the encoder's means. Into
    `config.output_dir` go `arithmetic.npy` (`[R, R, R]` float32 probabilities), `terms.npy` (`[3, R, R, R]`, what the
    generator makes of A, B and C) and `arithmetic.png`.

    Args:
        config: the phase's configuration.
        model: the trained model.
        terms: A, B and C.
        records: of the terms' classes; None where they name none.

    Raises:
        UserError: a record cannot be read, a class has no records, or a file cannot be written.
    """
    resolution = model.config.resolution
    originals = [[shape.load(resolution) for shape in term.shapes] for term in terms]
    means = class_means(model, records, {name for term in terms for name in term.classes}) if records else {}
    first, second, third = (
        np.mean([*(model.encode(np.stack(grids)) if grids else ()), *(means[name] for name in term.classes)], axis=0)
        for term, grids in zip(terms, originals, strict=True)
    )
    decoded = model.generate(np.stack([first, second, third, first - second + third]))
    for name, grids in (("arithmetic", decoded[3]), ("terms", decoded[:3])):
        with atomic_path(config.output_dir / f"{name}.npy") as path:
            np.save(path, grids)
    save_arithmetic(
        config.output_dir / "arithmetic.png",
        decoded,
        [grids[0] if term.is_one_shape else None for term, grids in zip(terms, originals, strict=True)],
        [term.name for term in terms],
        threshold=config.threshold,
    )
    share = float((decoded[3] > config.threshold).mean())
    if not share:
        print(f"warning: the result is empty at --threshold={config.threshold}: give a lower one", file=sys.stderr)
    print(f"wrote A - B + C, {share:.1%} of its voxels occupied, to {config.output_dir}, drawn in arithmetic.png")
