"""The manifest `SPLIT.json`, written last: a set of records without one is not complete."""

import dataclasses
import json
import pathlib
import re
from typing import TypeVar

from vae_gan3d import files
from vae_gan3d.data.grids import RESOLUTIONS
from vae_gan3d.errors import UserError
from vae_gan3d.files import read_json, require_checksum, require_known_version, with_checksum
from vae_gan3d.text import counted

FORMAT = "vae_gan3d.records"
SCHEMA = 1
RECORD_SUFFIX = ".tfrecords"
_SHARD_TAIL = re.compile(r"-\d{5}-of-\d{5}$")
T = TypeVar("T")
_REMEDY = "run create_tf_record.py again"
_MOST_SHARDS = 99_999


@dataclasses.dataclass(frozen=True)
class Shard:
    """One file of a set: its name, the number of its records, its bytes and the sha256 of them (hexadecimal)."""

    name: str
    records: int
    bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class SkippedFile:
    """A source file that was left out: its path relative to the data folder, and the reason."""

    path: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What a set of records is.

    Attributes:
        split: the set's name, "train" say.
        resolution: the stored resolution, 16, 32, 64 or 128.
        classes: class names; a record's label is a position in it.
        shards: the files in the order of their numbers.
        skipped: the source files that were left out.
        version: the version of the package that wrote the set.
        format: always `FORMAT`.
        schema: always `SCHEMA`.
    """

    split: str
    resolution: int
    classes: tuple[str, ...]
    shards: tuple[Shard, ...]
    skipped: tuple[SkippedFile, ...]
    version: str
    format: str = FORMAT
    schema: int = SCHEMA

    @property
    def records(self) -> int:
        """The number of records in all shards."""
        return sum(shard.records for shard in self.shards)


def manifest_path(record_file: pathlib.Path) -> pathlib.Path:
    """The manifest that belongs to a record file: `train-00000-of-00008.tfrecords` has `train.json`."""
    return record_file.with_name(set_name(record_file.name) + ".json")


def set_name(file_name: str) -> str:
    """The set's name in a record file's name: no `.tfrecords`, no `-00000-of-00008`."""
    return _SHARD_TAIL.sub("", file_name.removesuffix(RECORD_SUFFIX))


def shard_names(split: str, shards: int) -> tuple[str, ...]:
    """The file names of a set: `SPLIT.tfrecords`, or `SPLIT-00000-of-00008.tfrecords` and so on."""
    if shards == 1:
        return (split + RECORD_SUFFIX,)
    return tuple(f"{split}-{number:05d}-of-{shards:05d}{RECORD_SUFFIX}" for number in range(shards))


def check_names(split: str, shards: int, shapes: int) -> None:
    """Refuses a set that could not be named or filled.

    Args:
        split: the set's name.
        shards: the number of its files.
        shapes: the number of shapes to write.

    Raises:
        UserError: the name is no plain file name, or there are more shards than shapes or than numbers for them.
    """
    plain = re.fullmatch(r"[^./\\:*?\[\]\0][^/\\:*?\[\]\0]*", split) is not None
    if not plain or _SHARD_TAIL.search(split):
        raise UserError(f"split name {split!r} is no plain file name: use letters, digits, '-' and '_'")
    if not 1 <= shards <= min(_MOST_SHARDS, shapes):
        raise UserError(f"{shards} shards for {counted(shapes, 'shape')} are not possible: choose 1 to that number")


def write_manifest(path: pathlib.Path, manifest: Manifest) -> None:
    """Writes a manifest as JSON with its own digest, by way of a temporary name.

    Raises:
        UserError: the system refuses the write.
    """
    fields = {"format": manifest.format, "schema": manifest.schema, **dataclasses.asdict(manifest)}
    files.write_text(path, json.dumps(with_checksum(fields), indent=2) + "\n")


def read_manifest(path: pathlib.Path) -> Manifest:
    """Reads a manifest and checks every field of it.

    Args:
        path: `SPLIT.json`.

    Returns:
        The manifest.

    Raises:
        UserError: it cannot be read, is no JSON, is of another format or schema, a field is wrong, or a byte was
            changed.
    """
    try:
        values = read_json(path)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; {_REMEDY}") from error
    except ValueError as error:
        raise UserError(f"{path} is not a JSON file ({' '.join(str(error).split())}); {_REMEDY}") from error
    try:
        require_known_version(path, _typed(values, "the whole", dict), FORMAT, SCHEMA)
        manifest = _from_values(values)
        require_checksum(values)
    except UserError:  # of a newer version
        raise
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{path} is not a manifest of records that this version reads: {reason}; {_REMEDY}") from error
    return manifest


def _from_values(values: object) -> Manifest:
    """Builds a manifest from parsed JSON; any error means that it is wrong."""
    fields = _typed(values, "the whole", dict)
    if fields["format"] != FORMAT:
        raise ValueError(f"format is {fields['format']!r}, not {FORMAT!r}")
    if type(fields["schema"]) is not int or fields["schema"] != SCHEMA:
        raise ValueError(f"schema is {fields['schema']!r}, not {SCHEMA}")
    if type(fields["resolution"]) is not int or fields["resolution"] not in RESOLUTIONS:
        raise ValueError(f"resolution is {fields['resolution']!r}, not one of {RESOLUTIONS}")
    classes = tuple(_typed(name, "a class", str) for name in _typed(fields["classes"], "classes", list))
    shards = tuple(_shard(item) for item in _typed(fields["shards"], "shards", list))
    if not classes or len(set(classes)) != len(classes):
        raise ValueError("classes are none, or one is named twice")
    if not shards or len({shard.name for shard in shards}) != len(shards):
        raise ValueError("shards are none, or one is named twice")
    return Manifest(
        split=_typed(fields["split"], "split", str),
        resolution=fields["resolution"],
        classes=classes,
        shards=shards,
        skipped=tuple(_skipped(item) for item in _typed(fields["skipped"], "skipped", list)),
        version=_typed(fields["version"], "version", str),
    )


def _shard(value: object) -> Shard:
    """Checks one shard; its name must stay in the manifest's folder."""
    fields = _typed(value, "a shard", dict)
    name = _typed(fields["name"], "a shard's name", str)
    if re.fullmatch(r"[^/\\:\0]+" + re.escape(RECORD_SUFFIX), name) is None:
        raise ValueError(f"a shard's name is {name!r}, not NAME{RECORD_SUFFIX}")
    sha256 = _typed(fields["sha256"], f"the sha256 of {name}", str)
    if re.fullmatch(r"[0-9a-f]{64}", sha256) is None:
        raise ValueError(f"the sha256 of {name} is not 64 hexadecimal digits")
    counts = [_typed(fields[key], f"{key} of {name}", int) for key in ("records", "bytes")]
    if min(counts) < 0:
        raise ValueError(f"a count of {name} is negative")
    return Shard(name, counts[0], counts[1], sha256)


def _skipped(value: object) -> SkippedFile:
    """Checks one file that was left out."""
    fields = _typed(value, "a skipped file", dict)
    return SkippedFile(_typed(fields["path"], "a skipped path", str), _typed(fields["reason"], "a reason", str))


def _typed(value: object, name: str, kind: type[T]) -> T:
    """Returns the value if it is of exactly this type (True is not an integer here)."""
    if not isinstance(value, kind) or type(value) is not kind:
        raise ValueError(f"{name} is of type {type(value).__name__}, not {kind.__name__}")
    return value
