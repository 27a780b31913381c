"""Finds a set of records and checks that it is complete, before TensorFlow opens its files."""

import dataclasses
import glob
import hashlib
import itertools
import pathlib

from vae_gan3d.command_line import command_text
from vae_gan3d.data.formats.registry import FOLDER_EXTENSIONS
from vae_gan3d.data.grids import RESOLUTIONS
from vae_gan3d.data.manifest import RECORD_SUFFIX, Manifest, Shard, manifest_path, read_manifest, set_name
from vae_gan3d.data.tfrecords import (
    IMAGE,
    VOXELS,
    FrameIndex,
    begins_as_records,
    byte_features,
    read_frames,
    scan_frames,
)
from vae_gan3d.errors import UserError
from vae_gan3d.text import counted, name_some

LEGACY_CLASSES = ("shape",)
# How training orders records, see `data.pipeline`. Runs of older versions keep the first order.
FIRST_ORDER, NEWEST_ORDER = 1, 2
_AGAIN = "run create_tf_record.py again"
_LARGEST_RECORD = 2 * RESOLUTIONS[-1] ** 3  # the one feature of a legacy record is a grid

_ARCHIVES = frozenset((".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".rar"))
_SEARCHED = 2000
_WEIGHTS = ".weights.h5"  # of a network, in a run folder


@dataclasses.dataclass(frozen=True, eq=False)
class RecordSet:
    """A checked set of records. Records are numbered from 0 in the order of the files.

    Attributes:
        files: the record files.
        frames: the positions of the records in each file.
        count: the number of records, at least one.
        resolution: the stored resolution, 16, 32, 64 or 128.
        classes: class names; a record's label is an index into it (`LEGACY_CLASSES` for legacy records).
        legacy: whether the records have a single feature `image`, raw uint8, and no manifest.
        manifest: the set's manifest; None for legacy records.
    """

    files: tuple[pathlib.Path, ...]
    frames: tuple[FrameIndex, ...]
    count: int
    resolution: int
    classes: tuple[str, ...]
    legacy: bool
    manifest: Manifest | None

    @property
    def digest(self) -> str:
        """Identifies the records in their order: the sha256 of their files' sha256s; empty without a manifest."""
        if self.manifest is None:
            return ""
        known = {shard.name: shard.sha256 for shard in self.manifest.shards}
        return hashlib.sha256(" ".join(known[path.name] for path in self.files).encode()).hexdigest()


def find_records(records: str, split_name: str = "train", verify: bool = True) -> RecordSet:
    """Finds records by a path or a pattern, and checks them against their manifest.

    Args:
        records: a record file (also a single shard of a set), a folder (its set `split_name`, or its only set), or a
            glob pattern (all matching files, which must be of one set).
        split_name: the set that is read from a folder with several sets.
        verify: also check the sha256 of each file. Sizes and record counts are always checked.

    Returns:
        The set, with at least one record.

    Raises:
        UserError: nothing matches, the manifest or a shard is missing, a count, a size or a checksum differs, a file is
            cut short, the set is empty, or the records are of an unknown kind.
    """
    path = pathlib.Path(records)
    if path.is_file():
        return _open_files((path,), path, verify)
    if path.is_dir():
        return _open_files(_files_of_folder(path, split_name), path, verify, whole=True)
    # Path.glob takes no absolute patterns.
    names = sorted(glob.glob(records))  # noqa: PTH207
    matched = tuple(found for name in names if (found := pathlib.Path(name)).is_file())
    if not matched:
        raise UserError(describe_absent(records))
    return _open_files(matched, path, verify, whole=len(matched) > 1)


def _files_of_folder(folder: pathlib.Path, split_name: str) -> tuple[pathlib.Path, ...]:
    """The record files of the set `split_name`, or of the only set in a folder."""
    found = sorted(path for path in folder.glob("*" + RECORD_SUFFIX) if not path.name.startswith("."))
    names = sorted({set_name(path.name) for path in found})
    if not names:
        raise UserError(describe_folder(folder))
    if split_name not in names and len(names) > 1:
        raise UserError(f"{folder} holds no set {split_name!r} but {', '.join(names)}: name one of their files")
    chosen = split_name if split_name in names else names[0]
    return tuple(path for path in found if set_name(path.name) == chosen)


def _open_files(paths: tuple[pathlib.Path, ...], origin: pathlib.Path, verify: bool, whole: bool = False) -> RecordSet:
    """Opens files of one set; with `whole` no shard of the manifest may be missing."""
    manifests = sorted({manifest_path(path) for path in paths if manifest_path(path).is_file()})
    if not manifests:
        return _open_legacy(paths)
    if len(manifests) > 1 or any(manifest_path(path) != manifests[0] for path in paths):
        names = ", ".join(sorted({set_name(path.name) for path in paths}))
        raise UserError(f"{origin} holds several sets ({names}): name the files of one")
    manifest = read_manifest(manifests[0])
    shards = {shard.name: shard for shard in manifest.shards}
    unknown = [path for path in paths if path.name not in shards]
    if unknown and not whole:
        raise UserError(f"{unknown[0]} is not a file of the set in {manifests[0]}: remove it or {_AGAIN}")
    absent = [name for name in shards if not manifests[0].with_name(name).is_file()]
    if absent and whole:
        raise UserError(f"{manifests[0].with_name(absent[0])} is missing: the set is not complete; {_AGAIN}")
    # Files of an older set with another number of shards are ignored.
    files = tuple(path for path in paths if path.name in shards)
    frames = tuple(_check_shard(path, shards[path.name], verify) for path in files)
    count = sum(index.count for index in frames)
    if count == 0:
        raise UserError(f"{origin} holds no records: {_AGAIN}")
    return RecordSet(files, frames, count, manifest.resolution, manifest.classes, False, manifest)


def _check_shard(path: pathlib.Path, shard: Shard, verify: bool) -> FrameIndex:
    """Checks one file against its entry in the manifest."""
    size = path.stat().st_size
    if size != shard.bytes:
        raise UserError(f"{path} has {size} bytes, but {shard.bytes} in its manifest: {_AGAIN}")
    frames = scan_frames(path)
    if frames.count != shard.records:
        raise UserError(f"{path} has {counted(frames.count, 'record')}, but {shard.records} in its manifest: {_AGAIN}")
    if verify and file_sha256(path) != shard.sha256:
        raise UserError(f"{path} is not the file that its manifest describes (sha256 differs): {_AGAIN}")
    return frames


def file_sha256(path: pathlib.Path) -> str:
    """The sha256 of a file's bytes, hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _open_legacy(paths: tuple[pathlib.Path, ...]) -> RecordSet:
    """Opens files without a manifest. They must hold legacy records of one resolution."""
    for path in paths:
        if not begins_as_records(path) and not path.name.endswith(RECORD_SUFFIX):
            raise UserError(describe_wrong_file(path))
    frames = tuple(scan_frames(path) for path in paths)
    filled = [(path, index) for path, index in zip(paths, frames, strict=True) if index.count]
    if not filled:
        raise UserError(f"{paths[0]} holds no records: {_AGAIN}")
    resolutions = {path: _legacy_resolution(path, index) for path, index in filled}
    if len(set(resolutions.values())) > 1:
        sizes = ", ".join(f"{path.name} {side}³" for path, side in resolutions.items())
        raise UserError(f"the records have several resolutions ({sizes}): name the files of one")
    count = sum(index.count for index in frames)
    return RecordSet(paths, frames, count, next(iter(resolutions.values())), LEGACY_CLASSES, True, None)


def is_legacy(path: pathlib.Path) -> bool:
    """Whether a file's first record has the feature `image`, as the original script wrote it.

    Raises:
        UserError: the file cannot be read, or is cut short.
    """
    frames = scan_frames(path)
    return frames.count > 0 and IMAGE in _first_features(path, frames)


def _first_features(path: pathlib.Path, frames: FrameIndex) -> dict[str, int]:
    """The features of a file's first record; none if it is not a record of features."""
    if frames.lengths[0] > _LARGEST_RECORD:
        return {}
    serialized = read_frames(path, frames, [0])[0]
    try:
        return byte_features(serialized)
    except ValueError:
        return {}


def _legacy_resolution(path: pathlib.Path, frames: FrameIndex) -> int:
    """The resolution of a legacy file, from the size of its first image."""
    features = _first_features(path, frames)
    if IMAGE not in features:
        if VOXELS in features:
            raise UserError(f"{manifest_path(path)} is missing: the set is not complete; {_AGAIN}")
        names = ", ".join(sorted(features)[:10]) or "no feature"
        raise UserError(f"{path} holds neither {VOXELS!r} nor {IMAGE!r} in its records ({names}): {_AGAIN}")
    size = features[IMAGE]
    for resolution in RESOLUTIONS:
        if size == resolution**3:
            return resolution
    raise UserError(f"{path} has images of {size} bytes, which is not a grid of 16, 32, 64 or 128 a side: {_AGAIN}")


def describe_wrong_file(path: pathlib.Path) -> str:
    """The error for a file that is not a record file, in one line."""
    kind = path.suffix.lower()
    if kind in _ARCHIVES:
        what = f"but an archive: unpack it, and if it holds shapes {_write_shapes('FOLDER')}"
    elif kind in FOLDER_EXTENSIONS and not path.name.endswith(_WEIGHTS):
        what = f"but holds shapes, by its name: {_write_shapes('FOLDER')}"
    elif kind == ".json" and _record_files(path.parent):
        what = f"but describes the records beside it: give {path.parent}"
    else:
        what = f"which create_tf_record.py writes: give one, or the folder of one{_beside(path)}"
    return f"{path} is not a {RECORD_SUFFIX} file, {what}"


def describe_folder(folder: pathlib.Path) -> str:
    """The error for a folder without record files, in one line."""
    found = f"{folder} holds no {RECORD_SUFFIX} files"
    within = sorted({str(path.parent) for path in folder.glob(f"*/*{RECORD_SUFFIX}")})
    if within:
        return f"{found} itself: give a folder in it that does, {name_some(within)}"
    of_a_run = any(folder.glob("model.ckpt-*"))  # its results are shapes too
    files = () if of_a_run else itertools.islice(folder.rglob("*"), _SEARCHED)
    if any(path.suffix.lower() in FOLDER_EXTENSIONS for path in files):
        return f"{found}, but shapes: {_write_shapes(folder)}"
    return f"{found}: write some with create_tf_record.py, or give another folder"


def describe_absent(records: str) -> str:
    """The error for a path or a pattern that matches no file, in one line."""
    return f"no records match {records!r}: give a {RECORD_SUFFIX} file, a folder or a pattern" + _beside(
        pathlib.Path(records)
    )


def _write_shapes(folder: pathlib.Path | str) -> str:
    command = command_text("create_tf_record.py", f"--data_dir={folder}", "--output_dir=RECORDS")
    return f"write them as records first, {command}"


def _beside(path: pathlib.Path) -> str:
    """The record files beside a path, or the folders beside it that hold record files."""
    names = _record_files(path.parent)
    if names:
        return f"; {path.parent} holds {name_some(names)}"
    folders = sorted({str(file.parent) for file in path.parent.glob(f"*/*{RECORD_SUFFIX}")})
    return f"; there are records in {name_some(folders)}" if folders else ""


def _record_files(folder: pathlib.Path) -> list[str]:
    return sorted(path.name for path in folder.glob(f"*{RECORD_SUFFIX}") if not path.name.startswith("."))
