"""The table of an evaluation: each metric with the model's value, the bound and a sentence on its meaning."""

import dataclasses
from collections.abc import Mapping
from typing import Any

BOUND_MEANING = "the score of real training shapes; a good model comes near it"


@dataclasses.dataclass(frozen=True)
class Measure:
    """One row of the table, as text.

    Attributes:
        name: of the metric.
        model: value of the model; a dash if there is none.
        bound: value of the bound; a dash if there is none.
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
    """A row before its values are known. `model` and `bound` are keys of the metrics, joined by dots.

    `bound` may be a number instead, or None.
    """

    name: str
    model: str
    bound: str | int | float | None
    better: str
    meaning: str


_ROWS = (
    _Row("IoU", "iou", 1.0, "higher", "test shape and reconstruction: voxels in both, divided by voxels in either"),
    _Row("precision", "precision", 1.0, "higher", "share of the reconstruction's voxels that are in the shape"),
    _Row("recall", "recall", 1.0, "higher", "share of the shape's voxels that are in the reconstruction"),
    _Row(
        "1-NNA, voxels",
        "one_nna.voxel_iou",
        "bound.one_nna.voxel_iou",
        "near 0.5",
        "how often the nearest other shape (by 1 - IoU) is of the same set; 0.5: sets are alike; 1: sets differ",
    ),
    _Row(
        "1-NNA, Chamfer",
        "one_nna.chamfer",
        "bound.one_nna.chamfer",
        "near 0.5",
        "the same by the Chamfer distance: mean squared distance between points on the surfaces",
    ),
    _Row(
        "coverage, voxels",
        "coverage.voxel_iou",
        "bound.coverage.voxel_iou",
        "higher",
        "share of test shapes that are the nearest one of a sample: variety",
    ),
    _Row("coverage, Chamfer", "coverage.chamfer", "bound.coverage.chamfer", "higher", "the same by Chamfer distance"),
    _Row(
        "MMD, voxels",
        "mmd.voxel_iou",
        "bound.mmd.voxel_iou",
        "lower",
        "mean distance from a test shape to its nearest sample: fidelity",
    ),
    _Row(
        "MMD, Chamfer",
        "mmd.chamfer",
        "bound.mmd.chamfer",
        "lower",
        "the same by the Chamfer distance; the side of the grid is 1",
    ),
    _Row("JSD", "jsd", "bound.jsd", "lower", "divergence between the distributions of occupied voxels"),
    _Row("occupancy", "occupancy_generated", "occupancy_real", "as the bound", "share of voxels that are occupied"),
    _Row("empty samples", "empty_samples", 0, "lower", "samples without an occupied voxel"),
    _Row(
        "nearest training shape",
        "nearest_train_distance",
        "nearest_train_distance_real",
        "as the bound",
        "mean distance of samples to it (1 - IoU); if far below the bound, the model copies",
    ),
    _Row(
        "SVM accuracy",
        "svm_accuracy",
        None,
        "higher",
        "share of test shapes that a linear classifier on the encoder's features classifies correctly",
    ),
    _Row("  untrained encoder", "svm_accuracy_random_encoder", None, "", "the same with untrained weights"),
    _Row("  discriminator", "svm_accuracy_discriminator", None, "higher", "the same with the discriminator's features"),
    _Row("  untrained discriminator", "svm_accuracy_random_discriminator", None, "", "the same with untrained weights"),
)


def measures(metrics: Mapping[str, Any]) -> list[Measure]:
    """The rows of the table.

    Args:
        metrics: the contents of `metrics.json`, see `docs/FORMATS.md`.

    Raises:
        KeyError, TypeError: these are not the metrics of an evaluation.
    """
    found = []
    for row in _ROWS:
        bound = _look_up(metrics, row.bound) if isinstance(row.bound, str) else row.bound
        found.append(Measure(row.name, _number(_look_up(metrics, row.model)), _number(bound), row.better, row.meaning))
    return found


def _look_up(metrics: Mapping[str, Any], path: str) -> float | None:
    """The value at keys joined by dots; None if a value on the way is None."""
    value: Any = metrics
    for key in path.split("."):
        if value is None:
            return None
        value = value[key]
    return value


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:#.4g}"
