"""JSON objects with a digest of their own contents, by which a byte that was changed is found."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

DIGEST = "digest"


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
