"""What an evaluation measures, and what each number means: the rows of the table in words."""

import dataclasses
from collections.abc import Mapping
from typing import Any

BOUND_MEANING = "what real shapes score in place of the samples; a good model comes near it"


@dataclasses.dataclass(frozen=True)
class Measure:
    """One line of the table, as it is shown.

    Attributes:
        name: the measure.
        model: the model's value; a dash where there is none.
        bound: the bound's, likewise.
        better: which values are better.
        meaning: one line.
    """

    name: str
    model: str
    bound: str
    better: str
    meaning: str


@dataclasses.dataclass(frozen=True)
class _Row:
    """One line of the table.

    Attributes:
        name: the measure.
        model: where the model's value stands in the metrics, keys joined by dots.
        bound: where the bound stands, likewise; or the number itself, or None.
        better: which values are better.
        meaning: one line.
    """

    name: str
    model: str
    bound: str | int | float | None
    better: str
    meaning: str


_ROWS = (
    _Row("IoU", "iou", 1.0, "higher", "of a test shape and its reconstruction: voxels in both over voxels in either"),
    _Row("precision", "precision", 1.0, "higher", "the share of a reconstruction's voxels that the shape has too"),
    _Row("recall", "recall", 1.0, "higher", "the share of a shape's voxels that its reconstruction has too"),
    _Row(
        "1-NNA, voxels",
        "one_nna.voxel_iou",
        "bound.one_nna.voxel_iou",
        "near 0.5",
        "how often the nearest other shape tells samples from test shapes, by 1 - IoU; 0.5: it cannot; 1: always",
    ),
    _Row(
        "1-NNA, Chamfer",
        "one_nna.chamfer",
        "bound.one_nna.chamfer",
        "near 0.5",
        "the same by the Chamfer distance, the mean squared distance between points on the surfaces",
    ),
    _Row(
        "coverage, voxels",
        "coverage.voxel_iou",
        "bound.coverage.voxel_iou",
        "higher",
        "the share of test shapes that are the nearest one of some sample: variety",
    ),
    _Row("coverage, Chamfer", "coverage.chamfer", "bound.coverage.chamfer", "higher", "the same by that distance"),
    _Row(
        "MMD, voxels",
        "mmd.voxel_iou",
        "bound.mmd.voxel_iou",
        "lower",
        "the mean distance from a test shape to its nearest sample: fidelity",
    ),
    _Row("MMD, Chamfer", "mmd.chamfer", "bound.mmd.chamfer", "lower", "the same; the grid's side is 1"),
    _Row("JSD", "jsd", "bound.jsd", "lower", "the divergence between where samples and test shapes have voxels"),
    _Row("occupancy", "occupancy_generated", "occupancy_real", "as the bound", "the share of voxels that are occupied"),
    _Row("empty samples", "empty_samples", 0, "lower", "samples without a single voxel"),
    _Row(
        "nearest training shape",
        "nearest_train_distance",
        "nearest_train_distance_real",
        "as the bound",
        "the mean distance from a sample to it, by 1 - IoU; far below that of test shapes: the model copies",
    ),
    _Row(
        "SVM accuracy",
        "svm_accuracy",
        None,
        "higher",
        "the share of test shapes whose class a linear classifier tells from the encoder's features",
    ),
    _Row("  untrained encoder", "svm_accuracy_random_encoder", None, "", "the same features before any training"),
    _Row("  discriminator", "svm_accuracy_discriminator", None, "higher", "the same on the discriminator's features"),
    _Row("  untrained discriminator", "svm_accuracy_random_discriminator", None, "", "the same before any training"),
)


def measures(metrics: Mapping[str, Any]) -> list[Measure]:
    """Every measure of an evaluation.

    Args:
        metrics: what `metrics.json` holds, see `docs/FORMATS.md`.

    Raises:
        KeyError, TypeError: the metrics are not what an evaluation writes.
    """
    found = []
    for row in _ROWS:
        bound = _look_up(metrics, row.bound) if isinstance(row.bound, str) else row.bound
        found.append(Measure(row.name, _number(_look_up(metrics, row.model)), _number(bound), row.better, row.meaning))
    return found


def _look_up(metrics: Mapping[str, Any], path: str) -> float | None:
    """The value at keys joined by dots; None where one of them holds None."""
    value: Any = metrics
    for key in path.split("."):
        if value is None:
            return None
        value = value[key]
    return value


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return str(value)
    return f"{value:#.4g}"
