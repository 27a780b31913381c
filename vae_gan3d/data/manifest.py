"""The manifest `SPLIT.json` of a set of records. It is written last: a set without a manifest is not complete."""

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
    """One file of a set: its name, its number of records, its size in bytes and its sha256 (hexadecimal)."""

    name: str
    records: int
    bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class SkippedFile:
    """A source file that was left out: its path relative to the data folder and the reason."""

    path: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Manifest:
    """Describes a set of records.

    Attributes:
        split: the set's name, such as "train".
        resolution: the stored resolution, 16, 32, 64 or 128.
        classes: class names; a record's label is an index into it.
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
    """The manifest of a record file: `train.json` for `train-00000-of-00008.tfrecords`."""
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
    """Refuses a set name that is not a plain file name, and more shards than shapes.

    Args:
        split: the set's name.
        shards: the number of its files.
        shapes: the number of shapes to write.

    Raises:
        UserError: the name or the number of shards is not possible.
    """
    plain = re.fullmatch(r"[^./\\:*?\[\]\0][^/\\:*?\[\]\0]*", split) is not None
    if not plain or _SHARD_TAIL.search(split):
        raise UserError(f"split name {split!r} is not a plain file name: use letters, digits, '-' and '_'")
    if not 1 <= shards <= min(_MOST_SHARDS, shapes):
        raise UserError(f"{shards} shards for {counted(shapes, 'shape')} are not possible: choose 1 to that number")


def write_manifest(path: pathlib.Path, manifest: Manifest) -> None:
    """Writes a manifest as JSON with its own checksum, atomically.

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
        UserError: the file cannot be read, is not JSON, has another format or schema, has a wrong field, or a byte was
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
    """The manifest in parsed JSON. Any exception means that a field is wrong."""
    fields = _typed(values, "the whole", dict)
    if fields["format"] != FORMAT:
        raise ValueError(f"format is {fields['format']!r}, not {FORMAT!r}")
    if type(fields["schema"]) is not int or fields["schema"] != SCHEMA:
        raise ValueError(f"schema is {fields['schema']!r}, not {SCHEMA}")
    if type(fields["resolution"]) is not int or fields["resolution"] not in RESOLUTIONS:
        raise ValueError(f"resolution is {fields['resolution']!r}, not one of {RESOLUTIONS}")
    classes = tuple(_typed(name, "a class", str) for name in _typed(fields["classes"], "classes", list))
    shards = tuple(_shard(item) for item in _typed(fields["shards"], "shards", list))
    skipped = [_typed(item, "a skipped file", dict) for item in _typed(fields["skipped"], "skipped", list)]
    if not classes or len(set(classes)) != len(classes):
        raise ValueError("classes are none, or one is named twice")
    if not shards or len({shard.name for shard in shards}) != len(shards):
        raise ValueError("shards are none, or one is named twice")
    return Manifest(
        split=_typed(fields["split"], "split", str),
        resolution=fields["resolution"],
        classes=classes,
        shards=shards,
        skipped=tuple(
            SkippedFile(_typed(item["path"], "a skipped path", str), _typed(item["reason"], "a reason", str))
            for item in skipped
        ),
        version=_typed(fields["version"], "version", str),
    )


def _shard(value: object) -> Shard:
    """Checks one shard. Its name must be a plain file name."""
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


def _typed(value: object, name: str, kind: type[T]) -> T:
    """The value, if it has exactly this type (True is not an integer here)."""
    if not isinstance(value, kind) or type(value) is not kind:
        raise ValueError(f"{name} is of type {type(value).__name__}, not {kind.__name__}")
    return value
