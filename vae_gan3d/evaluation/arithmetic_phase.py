"""`--phase=arithmetic`: v = A - B + C with the latents of shapes or of whole classes."""

import sys
from collections.abc import Sequence

import numpy as np

from vae_gan3d.config import ArithmeticConfig
from vae_gan3d.evaluation.earlier_results import keep_earlier_results
from vae_gan3d.evaluation.latent_encoding import class_means
from vae_gan3d.evaluation.latent_terms import CLASS_MARK, LatentTerm
from vae_gan3d.evaluation.model_labels import model_labels, shape_labels
from vae_gan3d.evaluation.poor_reconstructions import note_poor_reconstructions
from vae_gan3d.evaluation.shape_files import write_shape_files
from vae_gan3d.evaluation.shape_latents import reconstruction_overlaps
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
    generator makes of A, B and C) and `arithmetic.png`; with formats in `config.files` also `result.FORMAT`,
    `term-a.FORMAT`, `term-b.FORMAT` and `term-c.FORMAT`. For a conditional model the classes are added and subtracted
    as the latents are: a chair minus a chair plus a table is generated as a table.

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
    encoded = [_encode(model, term, grids) for term, grids in zip(terms, originals, strict=True)]
    _note_poor_shapes(config, model, terms, originals, encoded)
    latents = np.stack(
        [
            np.mean([*of_shapes, *(means[name] for name in term.classes)], axis=0)
            for term, of_shapes in zip(terms, encoded, strict=True)
        ]
    )
    shares = np.stack([_class_shares(model, term) for term in terms]) if model.config.conditional else None
    decoded = model.generate(_with_result(latents), None if shares is None else _with_result(shares))
    keep_earlier_results(config.output_dir, ("arithmetic.*", "terms.npy", "result.*", "term-?.*"))
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
    names = ("term-a", "term-b", "term-c", "result")
    write_shape_files(config.output_dir, names, decoded, config.files, threshold=config.threshold)
    share = float((decoded[3] > config.threshold).mean())
    if not share:
        print(f"warning: the result is empty at --threshold={config.threshold}: give a lower one", file=sys.stderr)
    print(f"wrote A - B + C, {share:.1%} of its voxels occupied, to {config.output_dir}, drawn in arithmetic.png")


def _encode(model: TrainedModel, term: LatentTerm, grids: list[np.ndarray]) -> np.ndarray:
    """The latents `[K, L]` of a term's K single shapes."""
    if not grids:
        return np.empty((0, model.config.latent_size), np.float32)
    return model.encode(np.stack(grids), shape_labels(model.config, term.shapes))


def _note_poor_shapes(
    config: ArithmeticConfig,
    model: TrainedModel,
    terms: Sequence[LatentTerm],
    originals: Sequence[list[np.ndarray]],
    encoded: Sequence[np.ndarray],
) -> None:
    """Names the single shapes that come back badly."""
    texts = [text for text in (*config.start, *config.minus, *config.plus) if not text.startswith(CLASS_MARK)]
    overlaps = [
        reconstruction_overlaps(
            model, latents, np.stack(grids), shape_labels(model.config, term.shapes), config.threshold
        )
        for term, grids, latents in zip(terms, originals, encoded, strict=True)
        if grids
    ]
    if overlaps:
        note_poor_reconstructions(texts, np.concatenate(overlaps))


def _class_shares(model: TrainedModel, term: LatentTerm) -> np.ndarray:
    """The mean class of a term's parts, `[classes]` float32 shares."""
    classes = np.eye(len(model.config.classes), dtype=np.float32)
    of_shapes = shape_labels(model.config, term.shapes)
    of_classes = model_labels(model.config, term.classes, np.arange(len(term.classes)))
    return classes[np.concatenate([part for part in (of_shapes, of_classes) if part is not None])].mean(axis=0)


def _with_result(terms: np.ndarray) -> np.ndarray:
    """A, B and C `[3, L]` with A - B + C as the fourth row."""
    return np.concatenate([terms, [terms[0] - terms[1] + terms[2]]])
