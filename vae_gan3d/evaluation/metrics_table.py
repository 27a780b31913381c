"""The measures of a checkpoint as a table that a newcomer can read."""

from collections.abc import Mapping
from typing import Any

from vae_gan3d.viewing.measures import BOUND_MEANING, measures

_HEADER = ("measure", "model", "bound", "better")


def metrics_table(metrics: Mapping[str, Any]) -> str:
    """Lays the metrics out in aligned columns, with one line on what each means below.

    Args:
        metrics: what `metrics.json` holds, see `docs/FORMATS.md`; a value of None becomes a dash.

    Returns:
        Lines of text, without a newline at the end.
    """
    found = measures(metrics)
    cells = [_HEADER, *((row.name, row.model, row.bound, row.better) for row in found)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADER))]
    lines = [
        f"{name:<{widths[0]}}  {model:>{widths[1]}}  {bound:>{widths[2]}}  {better}".rstrip()
        for name, model, bound, better in cells
    ]
    lines.insert(1, "-" * max(map(len, lines)))
    meanings = [("bound", BOUND_MEANING), *((row.name, row.meaning) for row in found)]
    return "\n".join([*lines, "", *(f"{name:<{widths[0]}}  {meaning}" for name, meaning in meanings)])
