"""JSON objects with a digest of their own contents, by which a byte that was changed is found."""

import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

DIGEST = "digest"
# Three hundred thousand files that were left out, with their reasons, fill it.
_MOST_BYTES = 64 << 20


def read_json(path: pathlib.Path) -> Any:  # noqa: ANN401 (whatever JSON can hold)
    """What a JSON file holds, of a size and depth that can be held in memory.

    Args:
        path: the file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is larger than 64 MiB, no JSON, or nested too deeply.
    """
    with open(path, "rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ValueError(f"it has more than {_MOST_BYTES >> 20} MiB")
    try:
        return json.loads(data.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def sealed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Adds the digest.

    Args:
        fields: what JSON can hold.

    Returns:
        The fields, and last `digest`: the sha256, hexadecimal, of all others as JSON with sorted keys and no blanks.
    """
    return {**fields, DIGEST: _digest(fields)}


def require_unchanged(fields: Mapping[str, Any]) -> None:
    """Refuses fields of another digest than their own. Those without one, as of older files, are not looked at.

    Args:
        fields: as parsed.

    Raises:
        ValueError: the digest differs.
    """
    if DIGEST in fields and fields[DIGEST] != _digest({key: fields[key] for key in fields if key != DIGEST}):
        raise ValueError(f"it was changed after it was written, by its {DIGEST!r}")


def _digest(fields: Mapping[str, Any]) -> str:
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()
