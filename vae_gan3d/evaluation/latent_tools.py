"""`--phase=arithmetic` (A - B + C of latents) and `--phase=map` (latents in two dimensions).

Does not import TensorFlow.
"""

import csv
import io
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vae_gan3d.config import ArithmeticConfig, MapConfig
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.results import back_up_results, save_array, write_shape_files
from vae_gan3d.evaluation.shapes import CLASS_PREFIX, LatentTerm, note_poor_reconstructions, shape_classes
from vae_gan3d.files import write_text
from vae_gan3d.text import counted
from vae_gan3d.viewing.plots import save_scatter
from vae_gan3d.viewing.sheets import save_arithmetic

if TYPE_CHECKING:
    from vae_gan3d.evaluation.shape_set import ShapeSet
    from vae_gan3d.models.model import Model

_MIN_MAP_SHAPES = 3
_PERPLEXITY = 30.0
_START_DEVIATION = 1e-4


def combine_shapes(
    config: ArithmeticConfig,
    model: "Model",
    terms: tuple[LatentTerm, LatentTerm, LatentTerm],
    shapes: "ShapeSet | None",
) -> None:
    """Encodes A, B and C and writes the shape of A - B + C.

    As Wu et al. 2016, section 4.3, but with the encoder's means instead of random latents. Files in
    `config.output_dir`: `arithmetic.npy` (`[R, R, R]` float32 probabilities), `terms.npy` (`[3, R, R, R]`, A, B and C
    decoded) and `arithmetic.png`; with formats in `config.files` also `result.FORMAT`, `term-a.FORMAT`,
    `term-b.FORMAT` and `term-c.FORMAT`. A conditional model gets A - B + C of the classes too: a chair minus a chair
    plus a table is decoded as a table.

    Args:
        config: the phase's configuration.
        model: the model.
        terms: A, B and C.
        shapes: records with the classes of the terms; None if the terms name no class.

    Raises:
        UserError: a record cannot be read, a class has no records, or a file cannot be written.
    """
    originals = [[shape.load(model.resolution) for shape in term.shapes] for term in terms]
    names = sorted({name for term in terms for name in term.classes})
    means = {name: _class_mean(model, shapes, name) for name in names} if shapes else {}
    texts = [text for text in (*config.start, *config.minus, *config.plus) if not text.startswith(CLASS_PREFIX)]
    latents, overlaps = [], []
    for term, grids in zip(terms, originals, strict=True):
        parts = [means[name] for name in term.classes]
        if grids:
            voxels, labels = np.stack(grids), shape_classes(model.config, term.shapes)
            encoded = model.encode(voxels, labels)
            overlaps.append(model.reconstruction_iou(encoded, voxels, labels, threshold=config.threshold))
            parts = [*encoded, *parts]
        latents.append(np.mean(parts, axis=0))
    if overlaps:
        note_poor_reconstructions(texts, np.concatenate(overlaps))
    shares = _with_result(np.stack([_class_shares(model, term) for term in terms])) if model.conditional else None
    decoded = model.decode(_with_result(np.stack(latents)), shares)
    back_up_results(config.output_dir, ("arithmetic.*", "terms.npy", "result.*", "term-?.*"))
    save_array(config.output_dir / "arithmetic.npy", decoded[3])
    save_array(config.output_dir / "terms.npy", decoded[:3])
    save_arithmetic(
        config.output_dir / "arithmetic.png",
        decoded,
        [grids[0] if term.is_one_shape else None for term, grids in zip(terms, originals, strict=True)],
        [term.name for term in terms],
        threshold=config.threshold,
    )
    files = ("term-a", "term-b", "term-c", "result")
    write_shape_files(config.output_dir, files, decoded, config.files, threshold=config.threshold)
    share = float((decoded[3] > config.threshold).mean())
    if not share:
        print(f"warning: the result is empty at --threshold={config.threshold}: give a lower one", file=sys.stderr)
    print(f"wrote A - B + C, {share:.1%} of its voxels occupied, to {config.output_dir}, drawn in arithmetic.png")


def _class_mean(model: "Model", shapes: "ShapeSet", name: str) -> np.ndarray:
    """The mean latent `[L]` of a class."""
    numbers = np.flatnonzero(shapes.labels == shapes.records.classes.index(name))
    if not len(numbers):
        place = shapes.records.files[0]
        raise UserError(f"class:{name}: {place} has no shape of this class: give another class or set")
    mean = shapes.encode(model, numbers).mean(axis=0)
    print(f"class {name}: the mean latent of {counted(len(numbers), 'shape')}")
    return mean


def _class_shares(model: "Model", term: LatentTerm) -> np.ndarray:
    """Mean of the classes of a term, `[classes]` float32 shares."""
    names = [*(shape_classes(model.config, term.shapes) or ()), *term.classes]
    shares = model.class_shares(names, len(names))
    assert shares is not None
    return shares.mean(axis=0)


def _with_result(terms: np.ndarray) -> np.ndarray:
    """A, B and C `[3, L]` with A - B + C as the fourth row."""
    return np.concatenate([terms, [terms[0] - terms[1] + terms[2]]])


def map_shapes(config: MapConfig, model: "Model", shapes: "ShapeSet") -> None:
    """Encodes shapes, maps their latents to two dimensions and draws them.

    Files in `config.output_dir`: `map_METHOD.png` and `map_METHOD.csv` with the columns index, class, x and y.

    Args:
        config: the phase's configuration.
        model: the model.
        shapes: at the model's resolution.

    Raises:
        UserError: there are too few shapes, their latents are equal or not finite, or a file cannot be written.
    """
    if shapes.count < _MIN_MAP_SHAPES:
        found = f"{shapes.records.files[0]} holds {counted(shapes.count, 'shape')}"
        raise UserError(f"{found}: a map needs {_MIN_MAP_SHAPES} or more")
    numbers = shapes.spread(config.max_shapes)
    latents = shapes.encode(model, numbers)
    if not np.isfinite(latents).all():
        raise UserError("the latents are not finite: train again with a lower --learning_rate")
    if not np.ptp(latents, axis=0).any():
        raise UserError("the latents of all shapes are equal: train longer, or with a lower --kl_weight")
    points, axes = _lay_out(config, latents)
    names = shapes.class_names(numbers)
    place = config.output_dir / f"map_{config.method}"
    back_up_results(config.output_dir, (f"{place.name}.*",))
    write_text(place.with_suffix(".csv"), _csv_text(numbers, names, points))
    title = f"{len(numbers)} of {shapes.count} shapes" if len(numbers) < shapes.count else f"{shapes.count} shapes"
    save_scatter(place.with_suffix(".png"), points, names, title=f"latents of {title}", axes=axes)
    print(f"wrote {place.name}.png and {place.name}.csv, {title}, to {config.output_dir}")


def _lay_out(config: MapConfig, latents: np.ndarray) -> tuple[np.ndarray, tuple[str, str]]:
    """The points `[K, 2]`, and the labels of the axes."""
    if config.method == "tsne":
        print(f"laying out {len(latents)} shapes by t-SNE")
        return tsne_map(latents, config.seed), ("t-SNE 1", "t-SNE 2")
    points, (first, second) = pca_map(latents)
    return points, (f"first direction, {first:.0%} of the variance", f"second direction, {second:.0%}")


def _csv_text(numbers: np.ndarray, names: Sequence[str], points: np.ndarray) -> str:
    """A header and a row for each shape."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("index", "class", "x", "y"))
    for number, name, (x, y) in zip(numbers, names, points, strict=True):
        writer.writerow((int(number), name, f"{x:.6g}", f"{y:.6g}"))
    return text.getvalue()


def pca_map(latents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Projects latents on their first two principal components (Pearson 1901).

    Args:
        latents: `[K, L]` float, K at least 2, not all equal.

    Returns:
        points: `[K, 2]` float64, centred. The largest entry of each component is positive, so that equal latents give
            equal maps. If L is 1, the second coordinate is 0.
        shares: `[2]` float64, share of the variance along each component.

    Raises:
        ValueError: wrong shape, a number is not finite, or all latents are equal.
    """
    if latents.ndim != 2 or len(latents) < 2 or not np.isfinite(latents).all():
        raise ValueError(f"latents of shape {latents.shape} have no map: give [K, L] finite numbers, K at least 2")
    centred = latents - latents.mean(axis=0, dtype=np.float64)
    scores, scales, directions = np.linalg.svd(centred, full_matrices=False)
    if not scales[0]:
        raise ValueError("all latents are equal: there is nothing to map")
    largest = np.abs(directions).argmax(axis=1)
    signs = np.sign(directions[np.arange(len(directions)), largest])
    points, shares = np.zeros((len(latents), 2)), np.zeros(2)
    kept = min(2, len(scales))
    points[:, :kept] = (scores * scales * signs)[:, :kept]
    shares[:kept] = (scales**2 / np.square(scales).sum())[:kept]
    return points, shares


def tsne_map(latents: np.ndarray, seed: int) -> np.ndarray:
    """Maps latents to two dimensions by t-SNE (van der Maaten and Hinton 2008): near latents stay near.

    Starts from `pca_map`, as Kobak and Berens 2019 recommend, to preserve the global structure. Sizes of clusters, and
    distances between them, mean little.

    Args:
        latents: `[K, L]` float, K at least 3, not all equal.
        seed: equal seeds give equal maps on one machine.

    Returns:
        `[K, 2]` float32.

    Raises:
        ValueError: as `pca_map`, or there are fewer than three latents.
    """
    if len(latents) < 3:
        raise ValueError(f"{len(latents)} latents are too few for t-SNE: give 3 or more")
    from sklearn.manifold import TSNE

    start = pca_map(latents)[0]
    layout = TSNE(
        perplexity=min(_PERPLEXITY, (len(latents) - 1) / 3),
        init=(start / start[:, 0].std() * _START_DEVIATION).astype(np.float32),
        random_state=seed,
    )
    return layout.fit_transform(latents)
