"""`--phase=evaluate`: how good a model is, in numbers, a table and pictures."""

import dataclasses
import pathlib
from typing import Any

import numpy as np

from vae_gan3d.config import EvaluateConfig
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.class_separation import ACCURACIES, class_separation
from vae_gan3d.evaluation.earlier_results import keep_earlier_results
from vae_gan3d.evaluation.evaluation_pictures import draw_neighbors, draw_reconstructions, draw_samples
from vae_gan3d.evaluation.evaluation_report import EvaluatedRun, renew_report, report_path
from vae_gan3d.evaluation.metrics_file import write_metrics
from vae_gan3d.evaluation.metrics_table import metrics_table
from vae_gan3d.evaluation.model_labels import model_labels
from vae_gan3d.evaluation.prior import LatentPrior
from vae_gan3d.evaluation.reconstruction_quality import ReconstructionQuality, reconstruct, reconstruction_quality
from vae_gan3d.evaluation.sample_draws import DrawnShapes, draw_shapes
from vae_gan3d.evaluation.sample_measures import measure_samples
from vae_gan3d.evaluation.shape_set import ShapeSet, evenly_spread
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.files import write_text
from vae_gan3d.records.record_sources import read_sources
from vae_gan3d.wording import counted

METRICS_NAME = "metrics.json"
TABLE_NAME = "metrics.txt"
RECONSTRUCTIONS_NAME = "reconstructions.png"
WORST_NAME = "worst_reconstructions.png"
SAMPLES_NAME = "samples.png"
NEIGHBORS_NAME = "samples_and_neighbors.png"
_RESULTS = (METRICS_NAME, TABLE_NAME, RECONSTRUCTIONS_NAME, WORST_NAME, SAMPLES_NAME, NEIGHBORS_NAME)
_WORST, _PICTURED, _PAIRS = 10, 64, 16
# Tells the draw of latents from other draws by the same seed, see `sample_measures`.
_LATENT_CHOICE = 4


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
    """What is measured.

    Attributes:
        config: the phase's configuration.
        checkpoint: the prefix of the model's checkpoint.
        model: the trained model.
        prior: what samples are drawn from.
        test: shapes that the model was not trained on, at its resolution.
        training: shapes that it was trained on, or None: what needs them is then left out.
    """

    config: EvaluateConfig
    checkpoint: pathlib.Path
    model: TrainedModel
    prior: LatentPrior
    test: ShapeSet
    training: ShapeSet | None


def evaluate_model(evaluation: Evaluation) -> dict[str, Any]:
    """Measures a model and writes what was found.

    Into `config.output_dir` go `metrics.json`, `metrics.txt` (the table, which stands on the terminal too),
    `samples.png`, with training shapes `samples_and_neighbors.png`, and but for a plain GAN, which cannot reconstruct,
    `reconstructions.png` and `worst_reconstructions.png`. The page of the run is renewed.

    Args:
        evaluation: what is measured.

    Returns:
        What `metrics.json` holds.

    Raises:
        UserError: a file cannot be written.
    """
    config, model, test = evaluation.config, evaluation.model, evaluation.test
    reconstructions = None
    if model.networks.encoder is not None:
        reconstructions = reconstruction_quality(model, test, config.threshold)
    compared = evenly_spread(test.count, config.max_samples)
    generator = np.random.default_rng([config.seed, _LATENT_CHOICE])
    samples = draw_shapes(
        model,
        evaluation.prior,
        len(compared),
        generator,
        threshold=config.threshold,
        refinements=config.refinements,
    )
    measures = measure_samples(
        samples.grids,
        test.grids(compared),
        evaluation.training,
        chamfer_shapes=config.chamfer_shapes,
        seed=config.seed,
    )
    accuracies, refusal = _classify(evaluation)
    metrics = {
        **_describe_reconstructions(reconstructions, test),
        **measures.entries,
        **accuracies,
        "samples": len(samples.grids),
        **_describe_conditions(evaluation),
    }
    keep_earlier_results(config.output_dir, _RESULTS)
    write_metrics(config.output_dir / METRICS_NAME, metrics)
    _write_table(evaluation, metrics, _notes(evaluation, metrics, refusal))
    _draw_reconstructions(evaluation, reconstructions)
    _draw_samples(evaluation, samples, measures.neighbors)
    if config.report:
        _renew_report(evaluation, reconstructions, samples, metrics)
    return metrics


def _describe_conditions(evaluation: Evaluation) -> dict[str, Any]:
    """What the same command would repeat."""
    return {
        "prior": evaluation.prior.name,
        "refinements": evaluation.config.refinements,
        "threshold": evaluation.config.threshold,
        "seed": evaluation.config.seed,
        "checkpoint": str(evaluation.checkpoint),
    }


def _describe_reconstructions(quality: ReconstructionQuality | None, test: ShapeSet) -> dict[str, Any]:
    """Means, the IoU of each class, and the worst shapes; None for each where nothing was reconstructed."""
    if quality is None:
        return dict.fromkeys(("iou", "precision", "recall", "iou_by_class", "worst"))
    numbers = quality.worst(_WORST)
    sources, classes = read_sources(test.records, numbers.tolist()), test.class_names(numbers)
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
            for number, source, name in zip(numbers, sources, classes, strict=True)
        ],
    }


def _classify(evaluation: Evaluation) -> tuple[dict[str, float | None], str | None]:
    """The classifiers' accuracies; where there are none, None for each, and the reason."""
    nothing: dict[str, float | None] = dict.fromkeys(ACCURACIES)
    if evaluation.training is None:
        return nothing, None
    try:
        found = class_separation(evaluation.model, evaluation.training, evaluation.test, evaluation.config.seed)
    except UserError as error:
        return nothing, str(error)
    return {**nothing, **found}, None


def _notes(evaluation: Evaluation, metrics: dict[str, Any], refusal: str | None) -> list[str]:
    """A line on everything that is null, and what to do about it."""
    count, empty = metrics["samples"], metrics["empty_samples"]
    threshold = evaluation.config.threshold
    notes = []
    if evaluation.model.networks.encoder is None:
        notes.append("a plain GAN has no encoder: what measures reconstructions or the encoder's features is null")
    if evaluation.training is None:
        notes.append(
            "without training records that are not the test shapes, bound, nearest_train_distance and svm_accuracy are "
            "null: give --train_records"
        )
    elif evaluation.model.config.kind == "vae":
        notes.append("a VAE's discriminator is not trained: svm_accuracy_discriminator is null")
    if refusal is not None:
        notes.append(f"svm_accuracy is null: {refusal}")
    if empty == count:
        notes.append(
            f"every sample is empty at --threshold={threshold}, so what compares samples is null: train longer, or "
            "give a lower --threshold"
        )
    elif empty:
        notes.append(f"{empty} of {count} samples are empty at --threshold={threshold}: train longer")
    if evaluation.test.count < 2:
        notes.append("one test shape makes no set: one_nna, coverage and mmd are null; give more test shapes")
    elif evaluation.config.chamfer_shapes == 0:
        notes.append("the Chamfer distances are null, as --chamfer_shapes=0 asks")
    sizes = metrics["sizes"]
    if sizes.get("bound_shapes", count) < count:
        notes.append(
            f"the bound is of {counted(sizes['bound_shapes'], 'shape')}, as there are no more training shapes: its "
            f"coverage and MMD are not those of {count}"
        )
    return [f"note: {note}" for note in notes]


def _write_table(evaluation: Evaluation, metrics: dict[str, Any], notes: list[str]) -> None:
    """The table with a headline and notes, to the terminal and a file."""
    sizes, side = metrics["sizes"], evaluation.model.config.resolution
    reconstructed = "" if metrics["iou"] is None else f"{counted(evaluation.test.count, 'test shape')} reconstructed; "
    headline = (
        f"{evaluation.checkpoint}, {side}^3: {reconstructed}{counted(sizes['samples'], 'sample')} of the "
        f"{metrics['prior']} prior against {counted(sizes['test_shapes'], 'test shape')}; seed {metrics['seed']}"
    )
    text = "\n".join([headline, "", metrics_table(metrics), *([""] if notes else []), *notes])
    print(text)
    write_text(evaluation.config.output_dir / TABLE_NAME, text + "\n")


def _draw_reconstructions(evaluation: Evaluation, quality: ReconstructionQuality | None) -> None:
    """Two sheets: shapes of all the test set, and the worst."""
    folder, test = evaluation.config.output_dir, evaluation.test
    if quality is None:
        return
    for name, numbers, columns, title in (
        (RECONSTRUCTIONS_NAME, evenly_spread(test.count, _PAIRS), 8, "reconstructions of test shapes"),
        (WORST_NAME, quality.worst(_WORST), 5, "the worst reconstructions of test shapes"),
    ):
        originals = test.grids(numbers)
        labels = model_labels(evaluation.model.config, test.records.classes, test.labels[numbers])
        draw_reconstructions(
            folder / name,
            originals,
            reconstruct(evaluation.model, originals, evaluation.config.threshold, labels),
            [f"{word} {number}" for word, number in zip(test.class_names(numbers), numbers, strict=True)],
            quality.iou[numbers].tolist(),
            columns=columns,
            title=title,
        )


def _draw_samples(evaluation: Evaluation, samples: DrawnShapes, neighbors: np.ndarray | None) -> None:
    """Samples, and some of them over their nearest training shapes."""
    folder, training = evaluation.config.output_dir, evaluation.training
    # Samples stand by class, as records do.
    pictured = evenly_spread(len(samples.grids), _PICTURED)
    draw_samples(folder / SAMPLES_NAME, samples.grids[pictured], _class_names(evaluation, samples, pictured))
    if training is None or neighbors is None:
        return
    pictured = evenly_spread(len(samples.grids), _PAIRS)
    nearest = neighbors[pictured]
    draw_neighbors(
        folder / NEIGHBORS_NAME,
        samples.grids[pictured],
        _class_names(evaluation, samples, pictured) or [""] * len(pictured),
        training.grids(nearest),
        training.class_names(nearest),
    )


def _renew_report(
    evaluation: Evaluation, quality: ReconstructionQuality | None, samples: DrawnShapes, metrics: dict[str, Any]
) -> None:
    """The page of the run with what was measured."""
    run = EvaluatedRun(
        checkpoint=evaluation.checkpoint,
        model=evaluation.model,
        prior=evaluation.prior,
        test=evaluation.test,
        overlaps=None if quality is None else quality.iou,
        samples=samples.grids,
        sample_names=_class_names(evaluation, samples, np.arange(len(samples.grids))),
        metrics=metrics,
    )
    print(renew_report(report_path(evaluation.checkpoint, evaluation.config.output_dir), run))


def _class_names(evaluation: Evaluation, samples: DrawnShapes, numbers: np.ndarray) -> list[str] | None:
    """The classes that some samples were drawn of, or None."""
    if samples.labels is None:
        return None
    return [evaluation.prior.classes[label] for label in samples.labels[numbers]]
