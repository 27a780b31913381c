"""The files of checkpoints: names, checksums, steps, atomic saving and removal of old ones. Needs no TensorFlow."""

import dataclasses
import json
import pathlib
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import vae_gan3d
from vae_gan3d.config import ModelConfig
from vae_gan3d.data.record_set import file_sha256
from vae_gan3d.errors import UserError
from vae_gan3d.files import (
    DIGEST,
    flush_folder,
    read_json,
    require_checksum,
    require_known_version,
    with_checksum,
)

CHECKPOINT_STEM = "model.ckpt"
DIGEST_FORMAT = "vae_gan3d.checkpoint"
DIGEST_SCHEMA = 1
_PARTS = {"data": ".data-00000-of-00001", "index": ".index"}
_REMEDY = "put back the file that training wrote"
_STEM = re.escape(CHECKPOINT_STEM)
_NEEDED_FILE = re.compile(rf"{_STEM}-(\d+)\.(index|data-00000-of-00001|json)")
_ANY_FILE = re.compile(rf"{_STEM}-(\d+)\..+")
_READY_FOLDER = re.compile(rf"\.{_STEM}-(\d+)\.ready")
# TensorFlow's index is a LevelDB table. It ends with a footer of 48 bytes; the last eight are a magic number.
_FOOTER, _MAGIC = 48, 0xDB4775248B80FB57
_STEP_NAME = b"step/.ATTRIBUTES/VARIABLE_VALUE"
_INT64 = 9  # the number of the type in TensorFlow's files


def checkpoint_prefix(folder: pathlib.Path, epoch: int) -> pathlib.Path:
    """`FOLDER/model.ckpt-EPOCH`, the value of `--checkpoint`."""
    return folder / f"{CHECKPOINT_STEM}-{epoch}"


def index_file(folder: pathlib.Path, epoch: int) -> pathlib.Path:
    """The index file of an epoch's checkpoint."""
    return folder / f"{CHECKPOINT_STEM}-{epoch}.index"


def data_file(folder: pathlib.Path, epoch: int) -> pathlib.Path:
    """The data file of an epoch's checkpoint."""
    return folder / f"{CHECKPOINT_STEM}-{epoch}.data-00000-of-00001"


def is_checkpoint_file(name: str) -> bool:
    """Whether a file is part of a checkpoint, by its name, such as `model.ckpt-40.index`."""
    return _NEEDED_FILE.fullmatch(name) is not None or name.endswith(".index")


def digest_file(prefix: pathlib.Path) -> pathlib.Path:
    """The file with the checksums of a checkpoint's other files."""
    return pathlib.Path(f"{prefix}.json")


def prior_file(prefix: pathlib.Path) -> pathlib.Path:
    """The file of the prior that was fitted to a checkpoint's latents."""
    return pathlib.Path(f"{prefix}.prior.npz")


def checkpoint_epochs(folder: pathlib.Path) -> list[int]:
    """The numbers of the checkpoints with index and data, newest first."""
    parts = (index_file, data_file)
    return [epoch for epoch in seen_epochs(folder) if all(part(folder, epoch).is_file() for part in parts)]


def seen_epochs(folder: pathlib.Path) -> list[int]:
    """The numbers of the checkpoints with at least one file, newest first."""
    if not folder.is_dir():
        return []
    found = (_NEEDED_FILE.fullmatch(path.name) for path in folder.iterdir())
    return newest_first(folder, {int(match.group(1)) for match in found if match})


def newest_first(folder: pathlib.Path, epochs: Iterable[int]) -> list[int]:
    """Sorts numbers of checkpoints by their steps, most steps first.

    The highest number is not always the newest: older versions counted epochs by the present records. A damaged
    checkpoint whose step cannot be read counts as newer than all with lower numbers.
    """
    steps = {epoch: stored_step(checkpoint_prefix(folder, epoch)) for epoch in epochs}

    def sort_key(epoch: int) -> tuple[int, int]:
        step = steps[epoch]
        if step is None:
            lower = (found for other, found in steps.items() if other < epoch and found is not None)
            step = max(lower, default=-1)
        return step, epoch

    return sorted(steps, key=sort_key, reverse=True)


def newest_step(folder: pathlib.Path) -> tuple[int, int] | None:
    """The number and the step of the newest undamaged checkpoint; None without one, or if it has no step."""
    for epoch in checkpoint_epochs(folder):
        prefix = checkpoint_prefix(folder, epoch)
        if find_fault(prefix) is None:
            step = stored_step(prefix)
            return None if step is None else (epoch, step)
    return None


@dataclasses.dataclass(frozen=True)
class Progress:
    """The progress of a run at a checkpoint.

    Attributes:
        step: steps taken.
        from_step, from_epoch: epochs count from here, see `Schedule`.
        record_count: shapes in the records.
        records: identifies the records, see `RecordSet.digest`; empty if unknown.
    """

    step: int
    from_step: int
    from_epoch: int
    record_count: int
    records: str = ""


def write_digest(
    prefix: pathlib.Path, model: ModelConfig | None, *, run: str = "", progress: Progress | None = None
) -> None:
    """Writes the JSON file of a checkpoint: sizes and checksums of data and index, networks, run and progress.

    Args:
        prefix: of the checkpoint, under its temporary name.
        model: its networks; None if unknown.
        run: the id of its run; empty if unknown.
        progress: of the run; None if unknown.

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
        "run": run,
        "progress": None if progress is None else dataclasses.asdict(progress),
    }
    digest_file(prefix).write_text(json.dumps(with_checksum(contents), indent=2) + "\n", encoding="utf-8")


def index_sha256(prefix: pathlib.Path) -> str:
    """Identifies a checkpoint: the SHA-256 of its index, which has a checksum of every variable.

    Raises:
        UserError: the index cannot be read.
    """
    path = _part_file(prefix, "index")
    try:
        return file_sha256(path)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}: {_REMEDY}") from error


def find_fault(prefix: pathlib.Path) -> str | None:
    """Checks the files of a checkpoint.

    Without checksums, as in older versions, only missing files are found, see `say_if_unchecked`.

    Args:
        prefix: of the checkpoint.

    Returns:
        The file and its fault, the beginning of a line; None if the checkpoint is undamaged.
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
    """Refuses a damaged checkpoint.

    Raises:
        UserError: see `find_fault`.
    """
    fault = find_fault(prefix)
    if fault is not None:
        raise UserError(f"{fault}; {_REMEDY}, or give another checkpoint")


def newest_whole(prefixes: Sequence[pathlib.Path]) -> pathlib.Path:
    """Returns the first undamaged checkpoint, and warns of the ones before it.

    Args:
        prefixes: at least one, newest first.

    Returns:
        Its prefix.

    Raises:
        UserError: all are damaged.
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
    """Prints a note if a checkpoint has no checksums."""
    path = digest_file(prefix)
    if not path.is_file():
        what = "as in older versions: damage may go unnoticed"
        print(f"note: {path} is missing, {what}", file=sys.stderr)


def require_model(prefix: pathlib.Path, model: ModelConfig, run: str = "") -> None:
    """Refuses a checkpoint that does not belong to the `config.json` beside it.

    Args:
        prefix: of the checkpoint, undamaged.
        model: the networks in `config.json`.
        run: the run id in `config.json`; empty if unknown.

    Raises:
        UserError: the networks or the run differ.
    """
    there = checkpoint_model(prefix)
    config, remedy = prefix.parent / "config.json", "put the files of one run together"
    if there is not None and not model.resumes(there):
        raise UserError(
            f"{prefix} is of another model ({there.describe()}) than {config} ({model.describe()}): {remedy}"
        )
    contents = _read(prefix)
    if run and contents and contents.get("run") not in (None, "", run):
        raise UserError(f"{prefix} is of another run than {config}, with the same networks: {remedy}")


def checkpoint_model(prefix: pathlib.Path) -> ModelConfig | None:
    """The networks of a checkpoint, with the classes it was trained on; None if it has no JSON file.

    Raises:
        UserError: the file is damaged, or of a newer version.
    """
    contents = _read(prefix)
    if contents is None or contents["model"] is None:
        return None
    try:
        return ModelConfig.from_values(contents["model"])
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(prefix, error) from error


def read_progress(prefix: pathlib.Path) -> Progress | None:
    """The progress of the run at a checkpoint; None for older versions.

    Raises:
        UserError: the JSON file is damaged, or of a newer version.
    """
    contents = _read(prefix)
    found = contents.get("progress") if contents else None
    if found is None:
        return None
    try:
        return Progress(**{field.name: found[field.name] for field in dataclasses.fields(Progress)})
    except (KeyError, TypeError) as error:
        raise _damaged(prefix, error) from error


def stored_step(prefix: pathlib.Path) -> int | None:
    """The steps taken at a checkpoint, from its JSON file or, for older versions, from the checkpoint itself.

    Returns:
        The number; None if it cannot be read, or there is none, as in a published checkpoint.
    """
    try:
        progress = read_progress(prefix)
        return progress.step if progress else _step_in_table(prefix)
    except (OSError, UserError, IndexError, KeyError, ValueError):
        return None


def ready_folder(folder: pathlib.Path, epoch: int) -> pathlib.Path:
    """The folder of a checkpoint that is complete, and whose files do not have their names yet."""
    return folder / f".{CHECKPOINT_STEM}-{epoch}.ready"


def finish_saving(folder: pathlib.Path) -> None:
    """Gives the files of complete checkpoints their names, also after a kill.

    A checkpoint exists when its index exists. So the index of an older one with the same number is removed first, and
    the new index comes last: in between there is no checkpoint, and never one of two halves.

    Args:
        folder: a run folder that no other process writes; may be absent.

    Raises:
        OSError: the system refuses; the next call continues.
    """
    for ready in sorted(folder.glob(f".{CHECKPOINT_STEM}-*.ready")):
        match = _READY_FOLDER.fullmatch(ready.name)
        if match is None:
            continue
        epoch = int(match.group(1))
        index = index_file(folder, epoch)
        if (ready / index.name).exists():
            index.unlink(missing_ok=True)
            prior_file(checkpoint_prefix(folder, epoch)).unlink(missing_ok=True)  # of other weights
            flush_folder(folder)
        for part in sorted(ready.iterdir(), key=lambda part: part.name == index.name):
            part.replace(folder / part.name)
        flush_folder(folder)
        ready.rmdir()


def older_parts(folder: pathlib.Path, keep: int) -> list[pathlib.Path]:
    """The files of all checkpoints but the newest `keep` (1 or more), each index before its other files.

    A kill may have left the other files without their index: they are included.
    """
    kept = checkpoint_epochs(folder)[:keep]
    if len(kept) < keep:
        return []
    found = [(path, _ANY_FILE.fullmatch(path.name)) for path in folder.iterdir()]
    parts = [(path, int(match.group(1))) for path, match in found if match]
    order = newest_first(folder, {epoch for _, epoch in parts})
    too_old = set(order[order.index(kept[-1]) + 1 :])
    older = [path for path, epoch in parts if epoch in too_old]
    return sorted(older, key=lambda path: (path.suffix != ".index", path.name))


def _read(prefix: pathlib.Path) -> dict[str, Any] | None:
    """The contents of a checkpoint's JSON file; None if there is none.

    Raises:
        UserError: it is damaged, or of a newer version.
    """
    path = digest_file(prefix)
    try:
        contents = dict(read_json(path))
        require_known_version(path, contents, DIGEST_FORMAT, DIGEST_SCHEMA)
        require_checksum({DIGEST: None, **contents})
        if contents["files"].keys() != _PARTS.keys():
            raise ValueError(f"it lists the files {', '.join(contents['files'])}")
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
    return UserError(f"{digest_file(prefix)} is damaged ({reason}), so its checkpoint cannot be checked")


def _part_file(prefix: pathlib.Path, part: str) -> pathlib.Path:
    return pathlib.Path(f"{prefix}{_PARTS[part]}")


def _step_in_table(prefix: pathlib.Path) -> int | None:
    """Reads the variable `step` from TensorFlow's files.

    The index is an SSTable without compression: blocks of entries, and a block with the offsets of the others, to which
    the footer points. An entry's value is a `BundleEntryProto` message with the offset of the bytes in the data.

    Raises:
        OSError, IndexError, KeyError, ValueError: the files are missing or damaged.
    """
    table = _part_file(prefix, "index").read_bytes()
    footer = table[-_FOOTER:]
    if len(footer) < _FOOTER or int.from_bytes(footer[-8:], "little") != _MAGIC:
        raise ValueError("the file is no table")
    _, position = _block_range(footer, 0)
    (start, size), _ = _block_range(footer, position)
    for _, entry in _entries(table, start, size):
        (block, length), _ = _block_range(entry, 0)
        for name, value in _entries(table, block, length):
            if name == _STEP_NAME:
                fields = _message(value)
                if fields.get(1) != _INT64 or fields.get(5) != 8:
                    raise ValueError("the step is not a 64-bit integer")
                with open(_part_file(prefix, "data"), "rb") as file:
                    file.seek(fields.get(4, 0))
                    number = file.read(8)
                if len(number) < 8:
                    raise ValueError("the data is cut short")
                return int.from_bytes(number, "little", signed=True)
    return None


def _entries(table: bytes, start: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block; a key stores how many first bytes it shares with the key before."""
    if table[start + size : start + size + 1] != b"\0":
        raise ValueError("the block is cut short, or compressed")
    restarts = int.from_bytes(table[start + size - 4 : start + size], "little")
    position, end, key = start, start + size - 4 * (restarts + 1), b""
    while position < end:
        shared, position = _varint(table, position)
        own, position = _varint(table, position)
        length, position = _varint(table, position)
        key = key[:shared] + table[position : position + own]
        yield key, table[position + own : position + own + length]
        position += own + length


def _block_range(data: bytes, position: int) -> tuple[tuple[int, int], int]:
    """The start and the size of a block, and the position after them."""
    start, position = _varint(data, position)
    size, position = _varint(data, position)
    return (start, size), position


def _message(data: bytes) -> dict[int, int]:
    """The integers of a protocol buffer message by field number."""
    fields: dict[int, int] = {}
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        if tag & 7 == 0:
            fields[tag >> 3], position = _varint(data, position)
        elif tag & 7 == 2:
            length, position = _varint(data, position)
            position += length
        elif tag & 7 == 5:
            position += 4
        else:
            raise ValueError(f"field {tag >> 3} is of kind {tag & 7}")
    return fields


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """An integer with seven bits per byte, and the position after it."""
    number = shift = 0
    while True:
        byte = data[position]
        number |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return number, position
