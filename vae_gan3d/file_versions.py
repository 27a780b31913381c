"""The format and schema that stand in every file of this project's own making, and what is read of them."""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

import vae_gan3d
from vae_gan3d.errors import UserError

# What stands in files of formats of others, where they have room for who wrote them.
PROGRAM = f"vae_gan3d {vae_gan3d.__version__}"


def file_version(file_format: str, schema: int) -> dict[str, str | int]:
    """What a JSON file of this project's own making begins with: `format`, `schema` and `version`."""
    return {"format": file_format, "schema": schema, "version": vae_gan3d.__version__}


def require_known_version(path: pathlib.Path, fields: Mapping[str, Any], file_format: str, schema: int) -> None:
    """Refuses a file of another format, and one that a newer version of this program wrote.

    Args:
        path: the file.
        fields: what it holds, with `format`, `schema` and, where it stands there, `version`.
        file_format: that it has to be of.
        schema: the newest that is read.

    Raises:
        UserError: the schema is newer; the line says what to do.
        KeyError: `format` or `schema` is missing.
        ValueError: the format is another, or the schema is no number from 1 on.
    """
    found_format, found_schema = str(fields["format"]), fields["schema"]
    if found_format != file_format:
        raise ValueError(f"it is of format {found_format}, not {file_format}")
    if isinstance(found_schema, bool | float | str) or not int(found_schema) >= 1:
        raise ValueError(f"its schema is {found_schema!r}, not a number from 1 to {schema}")
    if int(found_schema) > schema:
        raise newer_version(path, fields, f"schema {int(found_schema)}, and this program reads up to {schema}")


def newer_version(path: pathlib.Path, fields: Mapping[str, Any], what: str) -> UserError:
    """The line for a file that a newer version of this program wrote.

    Args:
        path: the file.
        fields: what it holds.
        what: is not known.
    """
    found = np.asarray(fields.get("version"))  # of an archive it is an array
    version = f" {found}" if found.dtype.kind == "U" and not found.ndim else ""
    return UserError(f"{path} was written by a newer version{version} of vae_gan3d ({what}): update this program")
