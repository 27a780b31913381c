"""Measures as strict JSON: a number that is not there is null, never NaN."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from vae_gan3d.files import write_text

_DIGITS = 6


def write_metrics(path: pathlib.Path, metrics: Mapping[str, Any]) -> None:
    """Writes measures as JSON, numbers to six digits after the point.

    Args:
        path: the file.
        metrics: numbers, texts, None, and mappings and lists of them.

    Raises:
        ValueError: a number is NaN or infinite, which JSON has not.
        UserError: the file cannot be written.
    """
    write_text(path, json.dumps(_rounded(metrics), indent=2, allow_nan=False) + "\n")


def _rounded(value: Any) -> Any:  # noqa: ANN401 (whatever JSON holds)
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, _DIGITS) if isinstance(value, float) else value
