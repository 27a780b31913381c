"""Updates the report page of a run, `report.html`, after an evaluation and after the prior is fitted."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vae_gan3d.config import TrainingConfig
from vae_gan3d.data.pipeline import spread_shapes
from vae_gan3d.data.record_set import RecordSet
from vae_gan3d.evaluation.results import write_metrics
from vae_gan3d.evaluation.shape_set import ShapeSet, evenly_spread
from vae_gan3d.models.model import Model
from vae_gan3d.training.image_summaries import make_shape_source
from vae_gan3d.training.run_folder import EVALUATED_NAME, METRICS_NAME, REPORT_NAME
from vae_gan3d.training.run_log import read_flags, read_metrics
from vae_gan3d.training.run_recorder import (
    PATH_STEPS,
    PATH_TITLE,
    RunReport,
    measures_note,
    read_curves,
    run_title,
    save_or_warn,
)
from vae_gan3d.viewing.measures import measures
from vae_gan3d.viewing.page import ReportData, ShownPairs, ShownPath, ShownSamples

_SAMPLES, _PAIRS = 32, 16
_THRESHOLD = 0.5


def report_path(checkpoint: pathlib.Path, output_dir: pathlib.Path) -> pathlib.Path:
    """Path of the page: in the run folder of the checkpoint, else (a published checkpoint) in the output folder.

    Args:
        checkpoint: the prefix.
        output_dir: of the evaluation.
    """
    return (checkpoint.parent if _is_run(checkpoint.parent) else output_dir) / REPORT_NAME


def _is_run(folder: pathlib.Path) -> bool:
    return (folder / METRICS_NAME).is_file()


def write_evaluated_report(
    path: pathlib.Path,
    model: Model,
    test: ShapeSet,
    *,
    overlaps: np.ndarray | None,
    samples: np.ndarray,
    sample_names: Sequence[str] | None,
    metrics: Mapping[str, Any],
) -> str:
    """Writes the page after an evaluation. In a run folder it also stores the metrics, for the pages of later training.

    Args:
        path: of the page.
        model: the model of a checkpoint.
        test: the test shapes.
        overlaps: `[count]`, IoU of each test shape and its reconstruction; None for a plain GAN.
        samples: `[M, R, R, R]` bool, M at least 1.
        sample_names: the class of each sample, or None.
        metrics: the contents of `metrics.json`.

    Returns:
        One line for the terminal: the path of the page, or a warning.
    """

    def data() -> ReportData:
        assert model.prefix is not None
        folder, threshold = model.prefix.parent, metrics["threshold"]
        if _is_run(path.parent):
            write_metrics(path.with_name(EVALUATED_NAME), metrics)
        shown = evenly_spread(len(samples), _SAMPLES)
        pairs = None
        if overlaps is None:  # no encoder: a path between two samples
            drawn = model.draw(2, np.random.default_rng(metrics["seed"]))
            latents, classes = drawn.latents, drawn.classes
            ends = ["one sample", "another sample"]
        else:
            originals, classes, names = _test_shapes(test, test.spread(_PAIRS))
            reconstructions = model.reconstruct(originals, classes, threshold=threshold)
            pairs = ShownPairs("Reconstructions of test shapes", originals.astype(bool), reconstructions, names)
            voxels, classes, ends = _test_shapes(test, typical_shapes(overlaps, test.labels))
            latents = model.encode(voxels, classes)
        between = model.decode_path(latents[::-1], classes and classes[::-1], steps=PATH_STEPS) > threshold
        return ReportData(
            title=run_title(folder),
            summary=f"{model.prefix.name}; {model.config.describe()}",
            curves=read_curves(folder),
            samples=ShownSamples(
                f"Samples of the {metrics['prior']} prior",
                samples[shown],
                [sample_names[number] for number in shown] if sample_names else (),
            ),
            pairs=pairs,
            path=ShownPath(PATH_TITLE, between, first=ends[0], second=ends[1]),
            measures=measures(metrics),
            measures_note=measures_note(metrics),
            flags=read_flags(folder),
        )

    return save_or_warn(path, data) or f"look at {path}"


def _test_shapes(test: ShapeSet, numbers: Sequence[int] | np.ndarray) -> tuple[np.ndarray, list[str], list[str]]:
    """Grids, classes and names of the shapes with these indices."""
    classes = test.class_names(numbers)
    return test.grids(numbers), classes, [f"{name} {number}" for name, number in zip(classes, numbers, strict=True)]


def typical_shapes(overlaps: np.ndarray, labels: np.ndarray) -> list[int]:
    """Indices of two typical shapes: of median IoU, and of different classes if possible.

    Args:
        overlaps: `[K]`, IoU of each shape and its reconstruction, K at least 1.
        labels: `[K]` integer classes.

    Returns:
        The shape with the median IoU, and the shape of another class with the nearest rank (of the same class if there
        is only one class; the same shape if there is only one shape).
    """
    order = np.argsort(overlaps, kind="stable")
    ranks = np.arange(len(order))
    nearest = order[np.argsort(np.abs(ranks - len(order) // 2), kind="stable")]
    others = nearest[1:][labels[nearest[1:]] != labels[nearest[0]]]
    second = next(iter([*others[:1], *nearest[1:2]]), nearest[0])
    return [int(nearest[0]), int(second)]


def write_fitted_report(config: TrainingConfig, records: RecordSet, model: Model) -> str | None:
    """Writes the page of a finished run, with samples from the fitted prior.

    Args:
        config: of a run with a `metrics.csv`.
        records: the training records.
        model: of the newest checkpoint, with the fitted prior.

    Returns:
        A warning in one line if it could not be written.
    """

    def data() -> ReportData:
        voxels, labels = spread_shapes(records, model.resolution)
        names = [records.classes[label] for label in labels]
        source = make_shape_source(
            model.networks, voxels, config.seed, config.model.latent_deviation, labels if model.conditional else None
        )
        last = read_metrics(config.save_path / METRICS_NAME)[-1]
        report = RunReport(config.save_path, config.model.describe(), source, names)
        return report.data(int(last["epoch"]), int(last["step"]), prior_samples(model, config.seed))

    return save_or_warn(config.save_path / REPORT_NAME, data)


def prior_samples(model: Model, seed: int) -> ShownSamples:
    """The first 32 samples of `--phase=sample`, with their classes if there are several."""
    drawn = model.draw(_SAMPLES, np.random.default_rng(seed))
    shapes = model.decode(drawn.latents, drawn.classes, threshold=_THRESHOLD)
    captions = drawn.classes if drawn.classes and len(model.prior.classes) > 1 else ()
    return ShownSamples(f"Samples of the {model.prior.name} prior", shapes, captions)
