"""The page of a run, as an evaluation renews it: with its measures, samples of the prior and test shapes."""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from vae_gan3d.evaluation.interpolation import interpolate, path_alphas
from vae_gan3d.evaluation.metrics_file import write_metrics
from vae_gan3d.evaluation.model_labels import model_labels
from vae_gan3d.evaluation.prior import LatentPrior
from vae_gan3d.evaluation.reconstruction_quality import reconstruct
from vae_gan3d.evaluation.shape_set import ShapeSet, evenly_spread
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.training.run_flags import read_flags
from vae_gan3d.training.run_folder import EVALUATED_NAME, METRICS_NAME, REPORT_NAME
from vae_gan3d.training.run_report import (
    PATH_STEPS,
    PATH_TITLE,
    measures_note,
    read_curves,
    run_title,
    save_or_warn,
)
from vae_gan3d.viewing.measures import measures
from vae_gan3d.viewing.report import ReportData, ShownPairs, ShownPath, ShownSamples

_SAMPLES, _PAIRS = 32, 16


@dataclasses.dataclass(frozen=True, eq=False)
class EvaluatedRun:
    """What an evaluation puts on the page.

    Attributes:
        checkpoint: the prefix of the model's checkpoint.
        model: the trained model.
        prior: what a plain GAN's path is drawn from.
        test: the test shapes.
        overlaps: `[count]`, the IoU of each test shape and its reconstruction; None for a plain GAN, which makes none.
        samples: `[M, R, R, R]` bool, at least one.
        sample_names: the class that each was drawn of, or None.
        metrics: what `metrics.json` holds.
    """

    checkpoint: pathlib.Path
    model: TrainedModel
    prior: LatentPrior
    test: ShapeSet
    overlaps: np.ndarray | None
    samples: np.ndarray
    sample_names: Sequence[str] | None
    metrics: Mapping[str, Any]


class _Ends(NamedTuple):
    """Of a path: latents `[2, L]`, labels `[2]` as a conditional model counts them, and names."""

    latents: np.ndarray
    labels: np.ndarray | None
    names: Sequence[str]


def report_path(checkpoint: pathlib.Path, output_dir: pathlib.Path) -> pathlib.Path:
    """Where the page goes: into the checkpoint's run folder, or, where it lies in none, beside the other results.

    Args:
        checkpoint: its prefix.
        output_dir: of the evaluation.
    """
    return (checkpoint.parent if _is_run(checkpoint.parent) else output_dir) / REPORT_NAME


def _is_run(folder: pathlib.Path) -> bool:
    return (folder / METRICS_NAME).is_file()


def renew_report(path: pathlib.Path, run: EvaluatedRun) -> str:
    """Writes the page, and in a run folder the metrics beside it, which training's renewals show from then on.

    Args:
        path: of the page.
        run: what was evaluated.

    Returns:
        Where it is, or a warning, in one line.
    """

    def data() -> ReportData:
        if _is_run(path.parent):
            write_metrics(path.with_name(EVALUATED_NAME), run.metrics)
        return _data(run)

    return save_or_warn(path, data) or f"look at {path}"


def _data(run: EvaluatedRun) -> ReportData:
    """What stands on the page."""
    folder, model, metrics = run.checkpoint.parent, run.model, run.metrics
    shown = evenly_spread(len(run.samples), _SAMPLES)
    if run.overlaps is None:
        pairs, ends = None, _drawn_ends(model, run.prior, metrics["seed"])
    else:
        pairs = _pairs(model, run.test, metrics["threshold"])
        ends = _test_ends(model, run.test, middling_shapes(run.overlaps, run.test.labels))
    return ReportData(
        title=run_title(folder),
        summary=f"{run.checkpoint.name}; {model.config.describe()}",
        curves=read_curves(folder),
        samples=ShownSamples(
            f"Samples of the {metrics['prior']} prior",
            run.samples[shown],
            [run.sample_names[number] for number in shown] if run.sample_names else (),
        ),
        pairs=pairs,
        path=_path(model, ends, metrics["threshold"]),
        measures=measures(metrics),
        measures_note=measures_note(metrics),
        flags=read_flags(folder),
    )


def _pairs(model: TrainedModel, test: ShapeSet, threshold: float) -> ShownPairs:
    """Shapes of all the test set."""
    numbers = evenly_spread(test.count, _PAIRS)
    originals, labels = test.grids(numbers), model_labels(model.config, test.records.classes, test.labels[numbers])
    names = [f"{name} {number}" for name, number in zip(test.class_names(numbers), numbers, strict=True)]
    reconstructions = reconstruct(model, originals, threshold, labels)
    return ShownPairs("Reconstructions of test shapes", originals.astype(bool), reconstructions, names)


def middling_shapes(overlaps: np.ndarray, labels: np.ndarray) -> list[int]:
    """Two shapes that stand for the set: neither the best reconstructions nor the worst, and of two classes.

    Args:
        overlaps: `[K]`, the IoU of each shape and its reconstruction, K at least 1.
        labels: `[K]` integer, their classes.

    Returns:
        The shape of the middle IoU, and that of another class next to it in rank; of the same class where there is one
        class, and the same shape where there is one.
    """
    order = np.argsort(overlaps, kind="stable")
    ranks = np.arange(len(order))
    nearest = order[np.argsort(np.abs(ranks - len(order) // 2), kind="stable")]
    others = nearest[1:][labels[nearest[1:]] != labels[nearest[0]]]
    second = next(iter([*others[:1], *nearest[1:2]]), nearest[0])
    return [int(nearest[0]), int(second)]


def _test_ends(model: TrainedModel, test: ShapeSet, numbers: list[int]) -> _Ends:
    """Test shapes."""
    labels = model_labels(model.config, test.records.classes, test.labels[numbers])
    names = [f"{name} {number}" for name, number in zip(test.class_names(numbers), numbers, strict=True)]
    return _Ends(model.encode(test.grids(numbers), labels), labels, names)


def _drawn_ends(model: TrainedModel, prior: LatentPrior, seed: int) -> _Ends:
    """Two draws."""
    latents, labels = prior.sample(2, np.random.default_rng(seed))
    return _Ends(latents, model_labels(model.config, prior.classes, labels), ["one sample", "another sample"])


def _path(model: TrainedModel, ends: _Ends, threshold: float) -> ShownPath:
    """From the second end to the first; a conditional model is told shares of both classes."""
    alphas = path_alphas(PATH_STEPS)
    shares = None
    if ends.labels is not None:
        first_class, second_class = np.eye(len(model.config.classes), dtype=np.float32)[ends.labels]
        shares = interpolate(first_class, second_class, alphas)
    grids = model.generate(interpolate(ends.latents[0], ends.latents[1], alphas), shares) > threshold
    return ShownPath(PATH_TITLE, grids, first=ends.names[0], second=ends.names[1])
