"""Measures as strict JSON: a number that is not there is null, never NaN."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from vae_gan3d.file_versions import file_version
from vae_gan3d.files import write_text

METRICS_FORMAT = "vae_gan3d.metrics"
NEIGHBORS_FORMAT = "vae_gan3d.neighbors"
METRICS_SCHEMA = 1

_DIGITS = 6


def write_metrics(path: pathlib.Path, metrics: Mapping[str, Any], file_format: str = METRICS_FORMAT) -> None:
    """Writes measures as JSON, numbers to six digits after the point, after the version of the file.

    Args:
        path: the file.
        metrics: numbers, texts, None, and mappings and lists of them.
        file_format: what the file says that it is.

    Raises:
        ValueError: a number is NaN or infinite, which JSON has not.
        UserError: the file cannot be written.
    """
    contents = {**file_version(file_format, METRICS_SCHEMA), **_rounded(metrics)}
    write_text(path, json.dumps(contents, indent=2, allow_nan=False) + "\n")


def _rounded(value: Any) -> Any:  # noqa: ANN401 (whatever JSON holds)
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, _DIGITS) if isinstance(value, float) else value
