"""The report page of a run, `report.html`: shapes, curves, metrics and flags in one self-contained file."""

import base64
import dataclasses
import html
import importlib.resources
import json
import math
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import vae_gan3d
from vae_gan3d.data.grids import resize_grid
from vae_gan3d.files import write_text
from vae_gan3d.viewing.measures import BOUND_MEANING, Measure
from vae_gan3d.viewing.plots import ACCURACIES, LOSSES, Curve, thinned

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
# Limits that keep the page below 10 MB. A shape of 64 a side has about 10,000 faces, noise 400,000.
_LARGEST_SIDE = 64
_SMALLEST_SIDE = 16
MOST_FACES = 60_000
_EMPTY_FRAME = {"middle": [0.5, 0.5, 0.5], "radius": 0.87}
_ROOM = 1.04

_SCRIPTS = ("three.min.js", "shapes.js", "curves.js", "report.js")
_MOST_POINTS = 600  # of a curve; more than a panel has pixels
_DIGITS = 6
_PANELS = {**LOSSES, **ACCURACIES, "occupancy_ratio": "occupancy of generated shapes over that of real ones"}
_HOW_TO_TURN = (
    "Drag a shape to turn all of them; Ctrl and the wheel, or two fingers, zoom; a double click turns them back. "
    "With the keys: Tab, then the arrows, + and −, Home."
)


def web_file(name: str) -> str:
    """The text of a file of `viewing/web/`."""
    return importlib.resources.files("vae_gan3d.viewing").joinpath("web", name).read_text(encoding="utf-8")


def fill_template(template: str, parts: Mapping[str, str]) -> str:
    """Replaces each `{{name}}` of a template. A `{{name}}` within the inserted text stays.

    Args:
        template: HTML.
        parts: HTML, scripts and styles by name. Pass any other text through `escaped` or `script_json` first.

    Raises:
        KeyError: a name has no text.
    """
    return _PLACEHOLDER.sub(lambda match: parts[match.group(1)], template)


def escaped(text: str) -> str:
    """A text as HTML, also for an attribute in quotes."""
    return html.escape(text, quote=True)


def script_json(value: Any) -> str:  # noqa: ANN401 (whatever JSON holds)
    """A value as JSON for a script element: no string in it can end the element.

    Args:
        value: numbers, strings, None, and dictionaries and lists of them.

    Raises:
        ValueError: a number is NaN or infinite, which JSON does not allow.
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def page_shapes(grids: Sequence[np.ndarray] | np.ndarray, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Packs shapes for a page. Max-pools grids of more than 64 a side or `MOST_FACES` exposed faces.

    Args:
        grids: K grids `[R, R, R]` bool.
        labels: descriptions for screen readers; the number of voxels is added.

    Returns:
        A dictionary for each: `side`, `bits` (base64 of the packed grid, C order) and `label`.
    """
    return [_page_shape(np.asarray(grid, bool), label) for grid, label in zip(grids, labels, strict=True)]


def _page_shape(grid: np.ndarray, label: str) -> dict[str, Any]:
    pooled = resize_grid(grid.astype(np.uint8), min(len(grid), _LARGEST_SIDE))
    while len(pooled) > _SMALLEST_SIDE and _faces(pooled) > MOST_FACES:
        pooled = resize_grid(pooled, len(pooled) // 2)
    count = int(grid.sum())
    return {
        "side": len(pooled),
        "bits": base64.b64encode(np.packbits(pooled.astype(bool)).tobytes()).decode(),
        "label": f"{label}, {count:,} voxel{'s' * (count > 1)} of {len(grid)}³" if count else f"{label}, empty",
    }


def _faces(grid: np.ndarray) -> int:
    """Number of faces between occupied and empty voxels."""
    padded = np.pad(grid, 1).astype(np.int8)
    return int(sum(np.abs(np.diff(padded, axis=axis)).sum() for axis in range(3)))


def page_frame(grids: Sequence[np.ndarray] | np.ndarray) -> dict[str, Any]:
    """A ball around the occupied voxels of all shapes, so that one camera shows all of them at the same scale.

    Args:
        grids: K grids `[R, R, R]` bool.

    Returns:
        `middle` (x, y, z) and `radius`, in units of the grid's side.
    """
    occupied = np.argwhere(np.any(np.asarray(grids, bool), axis=0))
    if not len(occupied):
        return dict(_EMPTY_FRAME)
    side = np.shape(grids)[1]
    low, high = occupied.min(axis=0), occupied.max(axis=0) + 1
    middle = (low + high) / 2
    radius = np.linalg.norm(np.abs(occupied + 0.5 - middle) + 0.5, axis=1).max()
    return {
        "middle": [round(float(place), 4) for place in middle / side],
        "radius": round(float(radius / side) * _ROOM, 4),
    }


@dataclasses.dataclass(frozen=True)
class Section:
    """A section of the page.

    Attributes:
        name: the anchor.
        title: the heading, as HTML.
        body: the contents, as HTML.
    """

    name: str
    title: str
    body: str

    @property
    def link(self) -> str:
        """A link to the section."""
        return f'<a href="#{self.name}">{self.title}</a>'

    @property
    def text(self) -> str:
        """The section as HTML."""
        return f'<section id="{self.name}">\n<h2>{self.title}</h2>\n{self.body}\n</section>'


def samples_section(title: str) -> Section:
    """The section of generated shapes."""
    return Section("samples", escaped(title), _tiles("sample-list", title))


def pairs_section(title: str) -> Section:
    """The section of originals and reconstructions."""
    hint = '<p class="hint">Originals (grey) above their reconstructions.</p>\n'
    return Section("reconstructions", escaped(title), hint + _tiles("pair-list", title))


def _tiles(name: str, title: str) -> str:
    label = escaped(f"{title}: arrow keys turn the shapes, plus and minus zoom, Home turns them back")
    return (
        f'<p class="hint">{_HOW_TO_TURN}</p>\n'
        f'<div id="{name}" class="tiles turning" tabindex="0" role="group" aria-label="{label}"></div>'
    )


def path_section(title: str, first: str, second: str) -> Section:
    """The section of the path between two shapes, with a slider."""
    label = escaped(f"{title}: arrow keys turn the shape, plus and minus zoom, Home turns it back")
    body = f"""<p class="hint">v = α v0 + (1 − α) v1. The slider sets α; drag the shape to turn it.</p>
<div id="path-list" class="turning" tabindex="0" role="group" aria-label="{label}">
<div id="path-large"></div>
<div id="path-strip"></div>
</div>
<div class="ends"><span>α = 0: {escaped(second)}</span><span>α = 1: {escaped(first)}</span></div>
<div class="slider">
<label for="alpha">α</label><input type="range" id="alpha" min="0" max="1" step="1" value="0">
<output id="alpha-words" for="alpha"></output>
</div>"""
    return Section("path", escaped(title), body)


def curves_section(*, has_rows: bool) -> Section:
    """The section of curves."""
    hint = "Move the mouse over a curve to read values." if has_rows else "metrics.csv has no rows yet."
    return Section("curves", "Curves", f'<p class="hint">{hint}</p>\n<div id="curve-list"></div>')


def measures_section(measures: Sequence[Measure], note: str) -> Section:
    """The section of metrics: the table, or only the note if there are no metrics."""
    hint = f'<p class="hint">{escaped(note)}</p>'
    if not measures:
        return Section("metrics", "Metrics", hint)
    rows = "\n".join(
        f'<tr><th scope="row">{escaped(row.name)}</th><td class="number">{escaped(row.model)}</td>'
        f'<td class="number">{escaped(row.bound)}</td><td>{escaped(row.better)}</td>'
        f'<td class="meaning">{escaped(row.meaning)}</td></tr>'
        for row in measures
    )
    body = f"""{hint}
<p class="hint">Bound: {escaped(BOUND_MEANING)}.</p>
<div class="table" tabindex="0" role="region" aria-label="Metrics"><table>
<thead><tr><th scope="col">measure</th><th scope="col" class="number">model</th>
<th scope="col" class="number">bound</th><th scope="col">better</th><th scope="col">meaning</th></tr></thead>
<tbody>
{rows}
</tbody>
</table></div>"""
    return Section("metrics", "Metrics", body)


def flags_section(flags: Mapping[str, str]) -> Section:
    """The run's flags."""
    if not flags:
        return Section("flags", "Flags", '<p class="hint">The run did not note its flags.</p>')
    rows = "\n".join(
        f'<tr><th scope="row"><code>{escaped(name)}</code></th><td><code>{escaped(value)}</code></td></tr>'
        for name, value in flags.items()
    )
    return Section("flags", "Flags", f"<table><tbody>\n{rows}\n</tbody></table>")


@dataclasses.dataclass(frozen=True, eq=False)
class ShownSamples:
    """Generated shapes.

    Attributes:
        title: heading of the section.
        grids: `[K, R, R, R]` bool, K at least 1.
        captions: a short text under each shape, or empty.
    """

    title: str
    grids: np.ndarray
    captions: Sequence[str]


@dataclasses.dataclass(frozen=True, eq=False)
class ShownPairs:
    """Shapes and their reconstructions.

    Attributes:
        title: heading of the section.
        originals, reconstructions: `[K, R, R, R]` bool, K at least 1.
        names: of the originals.
    """

    title: str
    originals: np.ndarray
    reconstructions: np.ndarray
    names: Sequence[str]


@dataclasses.dataclass(frozen=True, eq=False)
class ShownPath:
    """Shapes of the path v = α v0 + (1 - α) v1.

    Attributes:
        title: heading of the section.
        grids: `[K, R, R, R]` bool, K at least 2, from α = 0 (the second shape) to α = 1 (the first) in equal steps.
        first, second: descriptions of the two shapes.
    """

    title: str
    grids: np.ndarray
    first: str
    second: str


@dataclasses.dataclass(frozen=True, eq=False)
class ReportData:
    """The contents of the page.

    Attributes:
        title: the run.
        summary: one line about it.
        curves: (step, value) of each row of `metrics.csv`, by column; NaN is skipped.
        samples, pairs, path: shapes; None leaves the section out.
        measures: metrics of an evaluation; empty before the first one.
        measures_note: the checkpoint that was evaluated, or how to evaluate.
        flags: values by name.
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
    """Writes the page. It needs no other file and no network.

    Less than 5 MB at any resolution with 32 samples, 16 pairs and a path of 11 shapes.

    Args:
        path: the HTML file.
        data: the contents. Texts are escaped.

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
    """A panel for each known column with a finite value."""
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
    """IoU of two grids; 1 if both are empty."""
    either = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / either if either else 1.0


def _path(path: ShownPath | None) -> dict[str, Any] | None:
    if path is None:
        return None
    alphas = np.linspace(0, 1, len(path.grids))
    labels = [f"alpha {alpha:.2f} between {path.second} and {path.first}" for alpha in alphas]
    return {"frame": page_frame(path.grids), "shapes": page_shapes(path.grids, labels)}
