"""`--phase=evaluate`: the metrics of a model as JSON, a table and pictures."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from vae_gan3d.config import EvaluateConfig
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.classifier import ACCURACIES, class_separation
from vae_gan3d.evaluation.metrics import voxel_distances
from vae_gan3d.evaluation.report import report_path, write_evaluated_report
from vae_gan3d.evaluation.results import back_up_results, metrics_table, write_metrics
from vae_gan3d.evaluation.set_comparison import measure_samples
from vae_gan3d.evaluation.shape_set import ShapeSet, evenly_spread
from vae_gan3d.files import write_text
from vae_gan3d.models.model import Model
from vae_gan3d.progress import progress_bar
from vae_gan3d.text import counted
from vae_gan3d.training.losses import intersection_over_union, precision, recall
from vae_gan3d.viewing.render import DEFAULT_COLOR
from vae_gan3d.viewing.sheets import ORIGINAL_COLOR, save_pairs, save_sheet

METRICS_NAME = "metrics.json"
TABLE_NAME = "metrics.txt"
RECONSTRUCTIONS_NAME = "reconstructions.png"
WORST_NAME = "worst_reconstructions.png"
SAMPLES_NAME = "samples.png"
NEIGHBORS_NAME = "samples_and_neighbors.png"
_RESULTS = (METRICS_NAME, TABLE_NAME, RECONSTRUCTIONS_NAME, WORST_NAME, SAMPLES_NAME, NEIGHBORS_NAME)
_WORST, _PICTURED, _PAIRS = 10, 64, 16
_PIXELS_A_SHAPE = 240
_LATENTS = 4  # stream of random numbers for latents; `set_comparison` uses 0 to 3


def evaluate_model(config: EvaluateConfig, model: Model, test: ShapeSet, training: ShapeSet | None) -> dict[str, Any]:
    """Computes all metrics of a model and writes the results.

    Files in `config.output_dir`: `metrics.json`, `metrics.txt` (the table, also printed), `samples.png`; with training
    shapes `samples_and_neighbors.png`; with an encoder `reconstructions.png` and `worst_reconstructions.png`. Updates
    the report page of the run.

    Args:
        config: the phase's configuration.
        model: the model of a checkpoint, with the prior to draw samples from.
        test: shapes that the model was not trained on, at its resolution.
        training: the training shapes; None makes the metrics that need them null.

    Returns:
        The contents of `metrics.json`.

    Raises:
        UserError: a file cannot be written.
    """
    folder, threshold = config.output_dir, config.threshold
    quality = reconstruction_quality(model, test, threshold) if model.has_encoder else None
    compared = test.spread(config.max_samples)
    generator = np.random.default_rng([config.seed, _LATENTS])
    drawn = model.draw(len(compared), generator, refinements=config.refinements)
    samples = model.decode(drawn.latents, drawn.classes, threshold=threshold)
    compared_set = measure_samples(
        samples, test.grids(compared), training, chamfer_shapes=config.chamfer_shapes, seed=config.seed
    )
    accuracies, refusal = _classify(config, model, test, training)
    metrics = {
        **_describe_reconstructions(quality, test),
        **compared_set.entries,
        **accuracies,
        "samples": len(samples),
        "prior": model.prior.name,
        "refinements": config.refinements if model.has_encoder else 0,
        "threshold": threshold,
        "seed": config.seed,
        "checkpoint": str(model.prefix),
    }
    back_up_results(folder, _RESULTS)
    write_metrics(folder / METRICS_NAME, metrics)
    _write_table(folder, model, test, metrics, _notes(config, model, test, training, metrics, refusal))
    if quality is not None:
        numbers = test.spread(_PAIRS)
        title = "reconstructions of test shapes"
        _draw_reconstructions(folder / RECONSTRUCTIONS_NAME, model, test, quality, numbers, 8, title, threshold)
        numbers = quality.worst(_WORST)
        title = "the worst reconstructions of test shapes"
        _draw_reconstructions(folder / WORST_NAME, model, test, quality, numbers, 5, title, threshold)
    shown = evenly_spread(len(samples), _PICTURED)  # samples are sorted by class, as records are
    names = None if drawn.classes is None else [drawn.classes[number] for number in shown]
    save_sheet(folder / SAMPLES_NAME, samples[shown], columns=min(8, len(shown)), titles=names, size=_PIXELS_A_SHAPE)
    if training is not None and compared_set.neighbors is not None:
        shown = evenly_spread(len(samples), _PAIRS)
        names = [drawn.classes[number] if drawn.classes else "" for number in shown]
        nearest = compared_set.neighbors[shown]
        draw_neighbors(
            folder / NEIGHBORS_NAME, samples[shown], names, training.grids(nearest), training.class_names(nearest)
        )
    if config.report:
        assert model.prefix is not None
        print(
            write_evaluated_report(
                report_path(model.prefix, folder),
                model,
                test,
                overlaps=None if quality is None else quality.iou,
                samples=samples,
                sample_names=drawn.classes,
                metrics=metrics,
            )
        )
    return metrics


@dataclasses.dataclass(frozen=True, eq=False)
class ReconstructionQuality:
    """Metrics of each reconstruction, see `training.losses`.

    Attributes:
        iou: `[N]` float32 in [0, 1].
        precision: `[N]` float32 in [0, 1].
        recall: `[N]` float32 in [0, 1].
    """

    iou: np.ndarray
    precision: np.ndarray
    recall: np.ndarray

    def worst(self, count: int) -> np.ndarray:
        """Indices of the shapes with the lowest IoU, lowest first.

        Args:
            count: how many at most.

        Returns:
            `[min(count, N)]` int64.
        """
        return np.argsort(self.iou, kind="stable")[:count]


def reconstruction_quality(model: Model, shapes: ShapeSet, threshold: float) -> ReconstructionQuality:
    """Reconstructs every shape of a set and computes the metrics.

    Args:
        model: the model.
        shapes: at the model's resolution.
        threshold: voxels above this probability count as occupied.

    Returns:
        The metrics, in the order of the set.
    """
    metrics = (intersection_over_union, precision, recall)
    parts: list[list[np.ndarray]] = [[] for _ in metrics]
    with progress_bar(total=shapes.count, desc="reconstructing", unit="shape") as bar:
        for numbers, grids in shapes.blocks():
            reconstructed = model.reconstruct(grids, shapes.class_names(numbers), threshold=threshold)
            occupied = tf.constant(reconstructed[..., np.newaxis], tf.float32)
            voxels = tf.constant(grids[..., np.newaxis], tf.float32)
            for metric, part in zip(metrics, parts, strict=True):
                part.append(metric(occupied, voxels).numpy())
            bar.update(len(grids))
    return ReconstructionQuality(*(np.concatenate(part) for part in parts))


def _describe_reconstructions(quality: ReconstructionQuality | None, test: ShapeSet) -> dict[str, Any]:
    """Means, IoU by class, and the worst shapes; all None without reconstructions."""
    if quality is None:
        return dict.fromkeys(("iou", "precision", "recall", "iou_by_class", "worst"))
    numbers = quality.worst(_WORST)
    return {
        "iou": float(quality.iou.mean()),
        "precision": float(quality.precision.mean()),
        "recall": float(quality.recall.mean()),
        "iou_by_class": {
            test.records.classes[label]: float(quality.iou[test.labels == label].mean())
            for label in np.unique(test.labels)
        },
        "worst": [
            {"index": int(number), "source": source, "class": name, "iou": float(quality.iou[number])}
            for number, source, name in zip(numbers, test.sources(numbers), test.class_names(numbers), strict=True)
        ],
    }


def _classify(
    config: EvaluateConfig, model: Model, test: ShapeSet, training: ShapeSet | None
) -> tuple[dict[str, float | None], str | None]:
    """Accuracies of the classifiers (None if missing), and the reason why all are missing."""
    nothing: dict[str, float | None] = dict.fromkeys(ACCURACIES)
    if training is None:
        return nothing, None
    try:
        return {**nothing, **class_separation(model, training, test, config.seed)}, None
    except UserError as error:
        return nothing, str(error)


def _notes(
    config: EvaluateConfig,
    model: Model,
    test: ShapeSet,
    training: ShapeSet | None,
    metrics: dict[str, Any],
    refusal: str | None,
) -> list[str]:
    """A line for each metric that is null: the reason and the remedy."""
    count, empty = metrics["samples"], metrics["empty_samples"]
    threshold = config.threshold
    notes = []
    if not model.has_encoder:
        notes.append("a plain GAN has no encoder: metrics of reconstructions and of the encoder's features are null")
    if training is None:
        notes.append(
            "no training records: bound, nearest_train_distance and svm_accuracy are null: give --train_records (not "
            "the test shapes)"
        )
    elif model.config.kind == "vae":
        notes.append("a VAE's discriminator is not trained: svm_accuracy_discriminator is null")
    if refusal is not None:
        notes.append(f"svm_accuracy is null: {refusal}")
    if empty == count:
        notes.append(
            f"every sample is empty at --threshold={threshold}, so metrics of samples are null: train longer, or give "
            "a lower --threshold"
        )
    elif empty:
        notes.append(f"{empty} of {count} samples are empty at --threshold={threshold}: train longer")
    if test.count < 2:
        notes.append("only one test shape: one_nna, coverage and mmd are null; give more test shapes")
    elif config.chamfer_shapes == 0:
        notes.append("--chamfer_shapes=0: the Chamfer distances are null")
    sizes = metrics["sizes"]
    if sizes.get("bound_shapes", count) < count:
        notes.append(
            f"there are only {counted(sizes['bound_shapes'], 'training shape')} for the bound: do not compare its "
            f"coverage and MMD with those of {count} samples"
        )
    return [f"note: {note}" for note in notes]


def _write_table(folder: pathlib.Path, model: Model, test: ShapeSet, metrics: dict[str, Any], notes: list[str]) -> None:
    """Prints and writes the table, with a headline and notes."""
    sizes, side = metrics["sizes"], model.resolution
    reconstructed = "" if metrics["iou"] is None else f"{counted(test.count, 'test shape')} reconstructed; "
    headline = (
        f"{metrics['checkpoint']}, {side}^3: {reconstructed}{counted(sizes['samples'], 'sample')} of the "
        f"{metrics['prior']} prior against {counted(sizes['test_shapes'], 'test shape')}; seed {metrics['seed']}"
    )
    text = "\n".join([headline, "", metrics_table(metrics), *([""] if notes else []), *notes])
    print(text)
    write_text(folder / TABLE_NAME, text + "\n")


def _draw_reconstructions(
    path: pathlib.Path,
    model: Model,
    test: ShapeSet,
    quality: ReconstructionQuality,
    numbers: np.ndarray,
    columns: int,
    title: str,
    threshold: float,
) -> None:
    """Draws test shapes above their reconstructions."""
    originals, classes = test.grids(numbers), test.class_names(numbers)
    save_pairs(
        path,
        originals,
        model.reconstruct(originals, classes, threshold=threshold),
        columns=columns,
        titles=(
            [f"{name} {number}" for name, number in zip(classes, numbers, strict=True)],
            [f"IoU {overlap:.3f}" for overlap in quality.iou[numbers]],
        ),
        title=title,
        labels=("test shape", "reconstruction"),
        size=_PIXELS_A_SHAPE,
    )


def draw_neighbors(
    path: pathlib.Path, samples: np.ndarray, names: Sequence[str], neighbors: np.ndarray, neighbor_names: Sequence[str]
) -> None:
    """Draws samples above their nearest training shapes, to show copies.

    Args:
        path: the PNG file.
        samples: `[K, R, R, R]` bool, K at least 1.
        names: short names of the samples.
        neighbors: `[K, R, R, R]` uint8 in {0, 1}.
        neighbor_names: names of the training shapes.

    Raises:
        UserError: the file cannot be written.
    """
    distances = np.diagonal(voxel_distances(samples, neighbors))
    texts = [f"{name}, IoU {1 - distance:.2f}" for name, distance in zip(neighbor_names, distances, strict=True)]
    save_pairs(
        path,
        samples,
        neighbors,
        titles=(names, texts),
        title="samples and their nearest training shapes",
        labels=("sample", "nearest training"),
        size=_PIXELS_A_SHAPE,
        colors=(DEFAULT_COLOR, ORIGINAL_COLOR),
    )
