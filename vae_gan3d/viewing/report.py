"""The page of a run: its shapes, which turn under the mouse, its curves, its measures and its flags, in one file."""

import dataclasses
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import vae_gan3d
from vae_gan3d.files import write_text
from vae_gan3d.viewing.measures import Measure
from vae_gan3d.viewing.page import escaped, fill_template, script_json, web_file
from vae_gan3d.viewing.page_shapes import page_frame, page_shapes
from vae_gan3d.viewing.report_sections import (
    curves_section,
    flags_section,
    measures_section,
    pairs_section,
    path_section,
    samples_section,
)
from vae_gan3d.viewing.training_plots import ACCURACIES, LOSSES, Curve, thinned

_SCRIPTS = ("three.min.js", "shapes.js", "curves.js", "report.js")
_MOST_POINTS = 600  # of a curve: more than a panel has pixels across
_DIGITS = 6
_PANELS = {**LOSSES, **ACCURACIES, "occupancy_ratio": "occupancy of generated shapes over that of real ones"}


@dataclasses.dataclass(frozen=True, eq=False)
class ShownSamples:
    """Generated shapes.

    Attributes:
        title: what they are.
        grids: `[K, R, R, R]` bool, K at least 1.
        captions: a short text under each, or empty.
    """

    title: str
    grids: np.ndarray
    captions: Sequence[str]


@dataclasses.dataclass(frozen=True, eq=False)
class ShownPairs:
    """Shapes and their reconstructions.

    Attributes:
        title: what they are.
        originals, reconstructions: `[K, R, R, R]` bool, K at least 1.
        names: of the originals.
    """

    title: str
    originals: np.ndarray
    reconstructions: np.ndarray
    names: Sequence[str]


@dataclasses.dataclass(frozen=True, eq=False)
class ShownPath:
    """What lies between two shapes, v = α v0 + (1 - α) v1.

    Attributes:
        title: what they are.
        grids: `[K, R, R, R]` bool, K at least 2, at even steps from α = 0, the second shape, to α = 1, the first.
        first, second: what the ends are.
    """

    title: str
    grids: np.ndarray
    first: str
    second: str


@dataclasses.dataclass(frozen=True, eq=False)
class ReportData:
    """What stands on the page of a run.

    Attributes:
        title: the run.
        summary: one line about it.
        curves: step and value of each row of `metrics.csv` by the names of its columns; NaN is passed over.
        samples, pairs, path: shapes; what is None is left out.
        measures: of an evaluation; none where there was none yet.
        measures_note: of which checkpoint the measures are, or how to get them.
        flags: names and values.
    """

    title: str
    summary: str
    curves: Mapping[str, Curve]
    samples: ShownSamples | None
    pairs: ShownPairs | None
    path: ShownPath | None
    measures: Sequence[Measure]
    measures_note: str
    flags: Mapping[str, str]


def save_report(path: pathlib.Path, data: ReportData) -> None:
    """Writes the page, which needs no other file and no network.

    With 32 samples, 16 pairs and a path of 11 it has less than 5 MB at any resolution.

    Args:
        path: the HTML file.
        data: what stands on it. Any text is shown as it is.

    Raises:
        UserError: the file cannot be written.
    """
    write_text(path, report_text(data))


def report_text(data: ReportData) -> str:
    """The page as HTML, see `save_report`."""
    curves = _curves(data.curves)
    sections = [
        samples_section(data.samples.title) if data.samples else None,
        pairs_section(data.pairs.title) if data.pairs else None,
        path_section(data.path.title, data.path.first, data.path.second) if data.path else None,
        curves_section(has_rows=bool(curves)),
        measures_section(data.measures, data.measures_note),
        flags_section(data.flags),
    ]
    found = [section for section in sections if section]
    shown = {
        "curves": curves,
        "samples": _samples(data.samples),
        "pairs": _pairs(data.pairs),
        "path": _path(data.path),
    }
    return fill_template(
        web_file("report.html"),
        {
            "version": vae_gan3d.__version__,
            "title": escaped(data.title),
            "summary": escaped(data.summary),
            "style": web_file("report.css"),
            "links": "\n".join(section.link for section in found),
            "sections": "\n".join(section.text for section in found),
            "data": script_json(shown),
            "scripts": "\n</script>\n<script>\n".join(web_file(name) for name in _SCRIPTS),
        },
    )


def _curves(curves: Mapping[str, Curve]) -> list[dict[str, Any]]:
    """A panel for each known column that has a finite value."""
    panels = []
    for column, title in _PANELS.items():
        finite = [(step, value) for step, value in curves.get(column, ()) if math.isfinite(value)]
        if finite:
            steps, values = zip(*thinned(finite, _MOST_POINTS), strict=True)
            panels.append(
                {
                    "title": title,
                    "steps": [round(step, 1) for step in steps],
                    "values": [float(f"{value:.{_DIGITS}g}") for value in values],
                    "bounds": [0, 1] if column in ACCURACIES else None,
                }
            )
    return panels


def _samples(samples: ShownSamples | None) -> dict[str, Any] | None:
    if samples is None:
        return None
    captions = samples.captions or [""] * len(samples.grids)
    labels = [f"{caption or 'shape'} {number}" for number, caption in enumerate(captions, start=1)]
    shapes = page_shapes(samples.grids, labels)
    return {
        "frame": page_frame(samples.grids),
        "shapes": [{**shape, "caption": caption} for shape, caption in zip(shapes, captions, strict=True)],
    }


def _pairs(pairs: ShownPairs | None) -> dict[str, Any] | None:
    if pairs is None:
        return None
    overlaps = [_overlap(*pair) for pair in zip(pairs.originals, pairs.reconstructions, strict=True)]
    reconstructions = page_shapes(pairs.reconstructions, [f"reconstruction of {name}" for name in pairs.names])
    captions = [f"{name} · IoU {overlap:.3f}" for name, overlap in zip(pairs.names, overlaps, strict=True)]
    return {
        "frame": page_frame(np.concatenate([pairs.originals, pairs.reconstructions])),
        "originals": page_shapes(pairs.originals, list(pairs.names)),
        "reconstructions": [
            {**shape, "caption": caption} for shape, caption in zip(reconstructions, captions, strict=True)
        ],
    }


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    """The IoU of two grids; 1 where both are empty."""
    either = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / either if either else 1.0


def _path(path: ShownPath | None) -> dict[str, Any] | None:
    if path is None:
        return None
    alphas = np.linspace(0, 1, len(path.grids))
    labels = [f"alpha {alpha:.2f} between {path.second} and {path.first}" for alpha in alphas]
    return {"frame": page_frame(path.grids), "shapes": page_shapes(path.grids, labels)}
