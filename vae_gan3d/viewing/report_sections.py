"""The sections of a run's page as HTML; `web/report.js` draws shapes and curves into them."""

import dataclasses
from collections.abc import Mapping, Sequence

from vae_gan3d.viewing.measures import BOUND_MEANING, Measure
from vae_gan3d.viewing.page import escaped

_HOW_TO_TURN = (
    "Drag a shape to turn all of them; Ctrl and the wheel, or two fingers, zoom; a double click turns them back. "
    "With the keys: Tab, then the arrows, + and −, Home."
)


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        name: its anchor.
        title: its heading, as HTML.
        body: what stands below, as HTML.
    """

    name: str
    title: str
    body: str

    @property
    def link(self) -> str:
        """A link to it."""
        return f'<a href="#{self.name}">{self.title}</a>'

    @property
    def text(self) -> str:
        """The section as HTML."""
        return f'<section id="{self.name}">\n<h2>{self.title}</h2>\n{self.body}\n</section>'


def samples_section(title: str) -> Section:
    """Where generated shapes go."""
    return Section("samples", escaped(title), _tiles("sample-list", title))


def pairs_section(title: str) -> Section:
    """Where originals over their reconstructions go."""
    hint = '<p class="hint">Originals in grey over their reconstructions.</p>\n'
    return Section("reconstructions", escaped(title), hint + _tiles("pair-list", title))


def _tiles(name: str, title: str) -> str:
    label = escaped(f"{title}: arrow keys turn the shapes, plus and minus zoom, Home turns them back")
    return (
        f'<p class="hint">{_HOW_TO_TURN}</p>\n'
        f'<div id="{name}" class="tiles turning" tabindex="0" role="group" aria-label="{label}"></div>'
    )


def path_section(title: str, first: str, second: str) -> Section:
    """Where the path between two shapes goes, with its slider."""
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
    """Where the curves go."""
    hint = "The mouse reads values off." if has_rows else "metrics.csv has no rows yet."
    return Section("curves", "Curves", f'<p class="hint">{hint}</p>\n<div id="curve-list"></div>')


def measures_section(measures: Sequence[Measure], note: str) -> Section:
    """The table of measures with their bound, or the note alone."""
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
