"""The file `model.ckpt-N.json` beside a checkpoint, by which damage is found before any of it is used.

Needs no TensorFlow, whose reader a damaged index can end together with the interpreter.
"""

import dataclasses
import json
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import vae_gan3d
from vae_gan3d.config import ModelConfig
from vae_gan3d.errors import UserError
from vae_gan3d.file_versions import require_known_version
from vae_gan3d.records.record_set import file_sha256
from vae_gan3d.sealed_json import DIGEST, read_json, require_unchanged, sealed

DIGEST_FORMAT = "vae_gan3d.checkpoint"
DIGEST_SCHEMA = 1
_PARTS = {"data": ".data-00000-of-00001", "index": ".index"}
_REMEDY = "put back the file that training wrote"


def digest_file(prefix: pathlib.Path) -> pathlib.Path:
    """The file that holds the digests of a checkpoint's other files."""
    return pathlib.Path(f"{prefix}.json")


def write_digest(prefix: pathlib.Path, model: ModelConfig | None) -> None:
    """Writes the sizes and digests of a checkpoint's data and index, and of which networks it is.

    Args:
        prefix: of a checkpoint that does not count yet.
        model: its networks; None where they are not known.

    Raises:
        OSError: the system refuses to read or to write.
    """
    paths = {part: _part_file(prefix, part) for part in _PARTS}
    contents = {
        "format": DIGEST_FORMAT,
        "schema": DIGEST_SCHEMA,
        "version": vae_gan3d.__version__,
        "files": {part: {"bytes": path.stat().st_size, "sha256": file_sha256(path)} for part, path in paths.items()},
        "model": None if model is None else dataclasses.asdict(model),
    }
    digest_file(prefix).write_text(json.dumps(sealed(contents), indent=2) + "\n", encoding="utf-8")


def index_sha256(prefix: pathlib.Path) -> str:
    """By what a checkpoint is told from another: the digest of its index, in which the checksum of every variable is.

    Raises:
        UserError: the index cannot be read.
    """
    path = _part_file(prefix, "index")
    try:
        return file_sha256(path)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}: {_REMEDY}") from error


def find_fault(prefix: pathlib.Path) -> str | None:
    """What is wrong with the files of a checkpoint.

    Of one without digests, as older versions wrote them, only missing files are found here: see `say_if_unchecked`.

    Args:
        prefix: of the checkpoint.

    Returns:
        The file and its fault, the beginning of a line; None where it is whole.
    """
    try:
        for part in _PARTS:
            if not _part_file(prefix, part).is_file():
                return f"{_part_file(prefix, part)} is missing, a part of the checkpoint {prefix}"
        contents = _read(prefix)
        for part, expected in contents["files"].items() if contents else ():
            path = _part_file(prefix, part)
            size = path.stat().st_size
            if size != expected["bytes"]:
                return f"{path} is damaged: it has {size} bytes, but {expected['bytes']} in {digest_file(prefix).name}"
            if file_sha256(path) != expected["sha256"]:
                return f"{path} is damaged: its sha256 is not the one in {digest_file(prefix).name}"
    except UserError as error:
        return str(error)
    except OSError as error:
        return f"cannot read {error.filename}: {error.strerror}"
    return None


def require_whole(prefix: pathlib.Path) -> None:
    """Refuses a checkpoint that is not whole.

    Raises:
        UserError: see `find_fault`.
    """
    fault = find_fault(prefix)
    if fault is not None:
        raise UserError(f"{fault}; {_REMEDY}, or give another checkpoint")


def newest_whole(prefixes: Sequence[pathlib.Path]) -> pathlib.Path:
    """Chooses the first checkpoint that is whole, and says on standard error what is wrong with those before it.

    Args:
        prefixes: at least one, the newest first.

    Returns:
        Its prefix.

    Raises:
        UserError: none is.
    """
    faults: list[str] = []
    for prefix in prefixes:
        fault = find_fault(prefix)
        if fault is None:
            for text in faults:
                print(f"warning: {text}; {prefix} is used instead", file=sys.stderr)
            return prefix
        faults.append(fault)
    raise UserError(f"{faults[0]}, and no older checkpoint is whole; {_REMEDY}")


def say_if_unchecked(prefix: pathlib.Path) -> None:
    """Says on standard error that a checkpoint has no digests."""
    path = digest_file(prefix)
    if not path.is_file():
        what = "as beside checkpoints of older versions: damage is not surely found"
        print(f"note: {path} is missing, {what}", file=sys.stderr)


def require_model(prefix: pathlib.Path, model: ModelConfig) -> None:
    """Refuses a checkpoint of other networks, where it says of which it is.

    Args:
        prefix: of the checkpoint, which is whole.
        model: the networks.

    Raises:
        UserError: they are others; both are described.
    """
    contents = _read(prefix)
    if contents is None or contents["model"] is None:
        return
    try:
        there = ModelConfig.from_values(contents["model"])
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(prefix, error) from error
    if not model.resumes(there):
        raise UserError(
            f"{prefix} is of another model ({there.describe()}) than {prefix.parent / 'config.json'} describes "
            f"({model.describe()}): put the files of one run together"
        )


def _part_file(prefix: pathlib.Path, part: str) -> pathlib.Path:
    return pathlib.Path(f"{prefix}{_PARTS[part]}")


def _read(prefix: pathlib.Path) -> dict[str, Any] | None:
    """What the file says; None where there is none.

    Raises:
        UserError: it is damaged, or of a newer version.
    """
    path = digest_file(prefix)
    try:
        contents = dict(read_json(path))
        require_known_version(path, contents, DIGEST_FORMAT, DIGEST_SCHEMA)
        require_unchanged({DIGEST: None, **contents})
        if contents["files"].keys() != _PARTS.keys():
            raise ValueError(f"it is of the files {', '.join(contents['files'])}")
        for expected in contents["files"].values():
            int(expected["bytes"]), str(expected["sha256"])
        return {**contents, "model": contents["model"]}
    except FileNotFoundError:
        return None
    except UserError:  # of a newer version
        raise
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise _damaged(prefix, error) from error


def _damaged(prefix: pathlib.Path, error: Exception) -> UserError:
    reason = f"{error} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())
    return UserError(f"{digest_file(prefix)} is damaged ({reason}), so that the checkpoint beside it cannot be checked")
