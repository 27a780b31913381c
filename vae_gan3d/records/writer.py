"""Writing a set of records: all of it under temporary names first, so that a set is either whole or as it was."""

import contextlib
import dataclasses
import os
import pathlib
import sys
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import tensorflow as tf
import tqdm

import vae_gan3d
from vae_gan3d.errors import UserError
from vae_gan3d.files import flush_to_disk, make_folder
from vae_gan3d.progress import progress_bar
from vae_gan3d.records.manifest import (
    Manifest,
    Shard,
    SkippedFile,
    check_names,
    manifest_path,
    read_manifest,
    shard_names,
    write_manifest,
)
from vae_gan3d.records.record_set import file_sha256, is_legacy
from vae_gan3d.records.schema import encode_example
from vae_gan3d.voxels.grids import EMPTY_REASON, check_resolution, pack_grid, pad_grid, padded_resolution, resize_grid
from vae_gan3d.voxels.read_options import DEFAULT_READING, ReadOptions
from vae_gan3d.voxels.reader_process import GridResult, read_grids
from vae_gan3d.voxels.shape_folders import ShapeFile, ShapeListing

_LISTED_FILES = 20


def create_records(
    listing: ShapeListing,
    output_dir: pathlib.Path,
    *,
    split_name: str,
    resolution: int | None = None,
    shards: int = 1,
    skip_bad: bool = False,
    workers: int = 2,
    reading: ReadOptions = DEFAULT_READING,
    progress: bool = True,
) -> Manifest:
    """Reads every file of a listing and writes one set of records with its manifest.

    The first good grid, padded to 16, 32, 64 or 128 and capped by `resolution`, gives the stored resolution. Smaller
    grids are zoomed to it; larger ones are max-pooled where `resolution` asks for it, and an error otherwise. File i
    goes to shard i % shards. Until everything is written, an existing set of the name stays as it is.

    Args:
        listing: the files.
        output_dir: the folder for `SPLIT_NAME.tfrecords` (or its shards) and `SPLIT_NAME.json`; made if absent.
        split_name: the set's name.
        resolution: the largest resolution to store; grids are never zoomed up to it, which is left to reading.
        shards: the number of files, from 1 to the number of shapes.
        skip_bad: leave out files that cannot be used, and name them in the manifest; empty grids are left out and
            named in any case.
        workers: processes that read.
        reading: how meshes are read.
        progress: show a bar on standard error, and below it the files that cannot be used.

    Returns:
        The manifest, as written.

    Raises:
        UserError: an argument is out of range, a file cannot be used (without `skip_bad`), no file can, a file that
            this program did not write is in the way, or the system refuses to write.
    """
    _check_arguments(listing, split_name, resolution, shards)
    make_folder(output_dir)
    targets = [output_dir / name for name in shard_names(split_name, shards)]
    _check_targets(targets)
    with _temporary_names(targets) as temporaries:
        with _results(listing, workers, reading, progress) as results:
            stored, counts, skipped = _write_shards(listing, temporaries, resolution, results)
        _report_skipped(listing, skipped, skip_bad, progress)
        manifest = Manifest(
            split=split_name,
            resolution=stored,
            classes=listing.classes,
            shards=_describe_shards(temporaries, targets, counts),
            skipped=tuple(skipped),
            version=vae_gan3d.__version__,
        )
        _publish(temporaries, targets, manifest)
    return manifest


def _describe_shards(
    temporaries: Sequence[pathlib.Path], targets: Sequence[pathlib.Path], counts: Sequence[int]
) -> tuple[Shard, ...]:
    """The manifest's entries of the written files."""
    return tuple(
        Shard(target.name, count, temporary.stat().st_size, file_sha256(temporary))
        for target, temporary, count in zip(targets, temporaries, counts, strict=True)
    )


def fit_grid(grid: np.ndarray, stored: int, may_shrink: bool) -> np.ndarray:
    """Brings a grid to the stored resolution of its set.

    Args:
        grid: `[N, N, N]` uint8 in {0, 1}.
        stored: the side S of the set's grids.
        may_shrink: whether a larger grid is max-pooled.

    Returns:
        `[S, S, S]` uint8 in {0, 1}.

    Raises:
        UserError: the grid is larger than S and may not shrink.
    """
    padded = pad_grid(grid)
    side = padded.shape[0]
    if side > stored and not may_shrink:
        raise UserError(f"is {side}³ in a set of {stored}³: give --resolution={stored} or make two sets")
    return resize_grid(padded, stored)


def _check_arguments(listing: ShapeListing, split_name: str, resolution: int | None, shards: int) -> None:
    """Refuses arguments before anything is read."""
    if resolution is not None:
        check_resolution(resolution)
    check_names(split_name, shards, len(listing.files))


def _check_targets(targets: Sequence[pathlib.Path]) -> None:
    """Refuses to replace record files that are not of this program: legacy ones, or ones that cannot be read."""
    for target in targets:
        if not target.exists() or manifest_path(target).exists():
            continue
        try:
            legacy = is_legacy(target)
        except UserError as error:
            raise UserError(f"{target} is in the way and is no whole record file: move or remove it") from error
        if legacy:
            raise UserError(f"{target} holds legacy records: choose another output folder or split name, or move it")


@contextlib.contextmanager
def _temporary_names(targets: Sequence[pathlib.Path]) -> Iterator[list[pathlib.Path]]:
    """Gives a temporary name beside each target, and removes what is left of them at the end."""
    names = [target.with_name(f".{target.stem}.{os.getpid()}.tmp{target.suffix}") for target in targets]
    try:
        yield names
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise UserError(
            f"cannot write records to {targets[0].parent}: {reason}; free some space or choose another place"
        ) from error
    finally:
        for name in names:
            name.unlink(missing_ok=True)


@dataclasses.dataclass
class _Fitter:
    """Turns results into serialised records; the first good grid sets the stored resolution."""

    listing: ShapeListing
    resolution: int | None
    stored: int | None = None

    def encode(self, shape: ShapeFile, grid: np.ndarray) -> bytes:
        """One record.

        Raises:
            UserError: the grid does not fit into the set.
        """
        if self.stored is None:
            side = padded_resolution(grid.shape[0])
            self.stored = side if self.resolution is None else min(side, self.resolution)
        fitted = fit_grid(grid, self.stored, may_shrink=self.resolution == self.stored)
        return encode_example(
            pack_grid(fitted),
            resolution=self.stored,
            label=shape.label,
            class_name=shape.class_name,
            source=_source(self.listing, shape),
        )


def _source(listing: ShapeListing, shape: ShapeFile) -> str:
    """The file's path relative to the data folder, with forward slashes."""
    return shape.path.relative_to(listing.root).as_posix()


def _write_shards(
    listing: ShapeListing,
    temporaries: Sequence[pathlib.Path],
    resolution: int | None,
    results: Iterable[tuple[ShapeFile, GridResult]],
) -> tuple[int, list[int], list[SkippedFile]]:
    """Writes all records.

    Returns:
        The stored resolution, the records of each shard, and the files that cannot be used.

    Raises:
        UserError: no file can be used.
    """
    fitter = _Fitter(listing, resolution)
    counts = [0] * len(temporaries)
    skipped: list[SkippedFile] = []
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(tf.io.TFRecordWriter(str(path))) for path in temporaries]
        for number, (shape, result) in enumerate(results):
            try:
                record = _encode_result(fitter, shape, result)
            except UserError as error:
                reason = str(error).removeprefix(f"{shape.path}: ")
                skipped.append(SkippedFile(_source(listing, shape), reason))
                continue
            shard = number % len(writers)
            writers[shard].write(record)
            counts[shard] += 1
    if fitter.stored is None:
        raise UserError(
            f"none of the {len(listing.files)} files can be used ({skipped[0].path}: "
            f"{skipped[0].reason}); give other files"
        )
    for path in temporaries:
        flush_to_disk(path)
    return fitter.stored, counts, skipped


@contextlib.contextmanager
def _results(
    listing: ShapeListing, workers: int, reading: ReadOptions, progress: bool
) -> Iterator[Iterable[tuple[ShapeFile, GridResult]]]:
    """Gives every shape with what reading it gave, under a progress bar; the reading processes end with the block."""
    paths = [shape.path for shape in listing.files]
    with contextlib.closing(read_grids(paths, workers=workers, options=reading)) as results:
        yield progress_bar(
            zip(listing.files, results, strict=True),
            total=len(paths),
            desc="shapes to records",
            unit="shape",
            disable=not progress,
        )


def _encode_result(fitter: _Fitter, shape: ShapeFile, result: GridResult) -> bytes:
    """One record of one result, or the error that it carries."""
    if result.grid is None:
        raise UserError(result.error)
    return fitter.encode(shape, result.grid)


def _report_skipped(listing: ShapeListing, skipped: Sequence[SkippedFile], skip_bad: bool, progress: bool) -> None:
    """Lists the files that are left out, and refuses them unless they are empty grids or may be left out.

    Empty grids are no damage (ModelNet10's public voxel grids hold some), but they would teach blank shapes.
    """
    bad = [file for file in skipped if file.reason != EMPTY_REASON]
    empty = [file for file in skipped if file.reason == EMPTY_REASON]
    if progress:
        # A single file that stops the run is named by the error already.
        for file in bad[:_LISTED_FILES] if skip_bad or len(bad) > 1 else []:
            tqdm.tqdm.write(f"{file.path}: {file.reason}", file=sys.stderr)
        if len(bad) > _LISTED_FILES:
            tqdm.tqdm.write(f"and {len(bad) - _LISTED_FILES} more", file=sys.stderr)
        if empty:
            note = f"note: {len(empty)} grids hold no occupied voxel and are left out (first {empty[0].path})"
            tqdm.tqdm.write(note, file=sys.stderr)
    if bad and not skip_bad:
        raise UserError(
            f"{len(bad)} of {len(listing.files)} files in {listing.root} cannot be used ({bad[0].path}: "
            f"{bad[0].reason}); mend or remove them, or leave them out with --skip_bad"
        )


def _publish(temporaries: Sequence[pathlib.Path], targets: Sequence[pathlib.Path], manifest: Manifest) -> None:
    """Puts the written shards in the place of an older set; between the two there is no manifest, so no set."""
    path = manifest_path(targets[0])
    stale = _old_shards(path)
    path.unlink(missing_ok=True)
    for temporary, target in zip(temporaries, targets, strict=True):
        temporary.replace(target)
    for name in stale.difference(target.name for target in targets):
        path.with_name(name).unlink(missing_ok=True)
    write_manifest(path, manifest)


def _old_shards(path: pathlib.Path) -> frozenset[str]:
    """The files of the set that is replaced; none where its manifest is absent or damaged."""
    if not path.exists():
        return frozenset()
    try:
        return frozenset(shard.name for shard in read_manifest(path).shards)
    except UserError:
        return frozenset()
