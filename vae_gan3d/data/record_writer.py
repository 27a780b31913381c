"""Writes sets of records shard by shard, replaces older sets at the end, and draws a preview."""

import collections
import contextlib
import dataclasses
import pathlib
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import tqdm

import vae_gan3d
from vae_gan3d.config.shapes import DEFAULT_READING, ReadOptions
from vae_gan3d.data.grids import EMPTY_REASON, check_resolution, padded_resolution
from vae_gan3d.data.manifest import (
    Manifest,
    SkippedFile,
    check_names,
    manifest_path,
    read_manifest,
    shard_names,
    write_manifest,
)
from vae_gan3d.data.record_set import is_legacy
from vae_gan3d.data.sandbox import read_grids
from vae_gan3d.data.shape_folders import ShapeFile, ShapeListing
from vae_gan3d.data.shards import (
    ShardPlan,
    WrittenShard,
    find_shard,
    keep_notes,
    plan_shards,
    reason_of,
    source_of,
    write_errors_in_one_line,
    write_shards,
)
from vae_gan3d.errors import UserError
from vae_gan3d.files import flush_folder, make_folder, scratch_folder
from vae_gan3d.text import counted, printable

LISTED_FILES = 20


@dataclasses.dataclass(frozen=True)
class _WrittenSet:
    """A complete set that is not published yet.

    Attributes:
        folder: holds the new record files; files that are kept from an older set are in their place already.
        targets: where the record files go.
        manifest: describes the set.
    """

    folder: pathlib.Path
    targets: list[pathlib.Path]
    manifest: Manifest


def create_record_sets(
    listings: Mapping[str, ShapeListing],
    output_dir: pathlib.Path,
    *,
    resolution: int | None = None,
    shards: int = 1,
    skip_bad: bool = False,
    workers: int = 2,
    reading: ReadOptions = DEFAULT_READING,
    beam_options: Sequence[str] | None = None,
    progress: bool = True,
) -> dict[str, Manifest]:
    """Reads the files of some listings and writes sets of records with their manifests, all sets or none.

    The first good grid, padded to 16, 32, 64 or 128 and capped by `resolution`, gives a set's stored resolution.
    Smaller grids are zoomed to it. Larger grids are max-pooled if `resolution` asks for it, and an error otherwise.
    File i goes to shard i % shards.

    Existing sets of the same names stay until every new set is written: a new training set beside an older test set
    could share shapes with it. A set of several shards is written in the folder `.SPLIT_NAME.shards`. Complete shards
    stay there after an error, and the next call does not write them again if they would become the same.

    Args:
        listings: the files of each set, by the set's name.
        output_dir: the folder for `SPLIT_NAME.tfrecords` (or its shards) and `SPLIT_NAME.json`; made if absent.
        resolution: the largest resolution to store. Smaller sets are not zoomed up to it: readers do that.
        shards: record files of a set, 1 to the number of shapes.
        skip_bad: leave out files that cannot be used, and name them in the manifest. Empty grids are always left out
            and named.
        workers: processes that read files; with Beam, for each shard that is being written.
        reading: how meshes are read.
        beam_options: options of Apache Beam, which then writes the shards; None to write them here.
        progress: show a bar on standard error, and below it the files that cannot be used.

    Returns:
        The manifests, as written, by the sets' names.

    Raises:
        UserError: an argument is out of range, a file cannot be used (without `skip_bad`), no file can be used, a file
            of another program is in the way, Beam fails, or the system refuses to write.
    """
    if resolution is not None:
        check_resolution(resolution)
    for split_name, listing in listings.items():
        check_names(split_name, shards, len(listing.files))
    make_folder(output_dir)
    targets = {name: [output_dir / file for file in shard_names(name, shards)] for name in listings}
    for paths in targets.values():
        _check_targets(paths)
    written = []
    with contextlib.ExitStack() as folders:
        for split_name, listing in listings.items():
            stored = _stored_resolution(listing, resolution, reading)
            names = [target.name for target in targets[split_name]]
            plans = plan_shards(listing, names, resolution=stored, may_shrink=resolution == stored, reading=reading)
            folder = folders.enter_context(_shard_folder(output_dir, split_name, shards))
            found = [find_shard(plan, folder, output_dir) for plan in plans]
            if not skip_bad:
                # A file that was not readable may be readable now, for example after a timeout on a busy machine.
                found = [None if shard and any(map(_is_bad, shard.skipped)) else shard for shard in found]
            parts = _write_missing(plans, found, folder, workers, beam_options, progress)
            skipped = _skipped_files(plans, parts)
            _report_skipped(listing, skipped, skip_bad, progress)
            manifest = Manifest(
                split=split_name,
                resolution=stored,
                classes=listing.classes,
                shards=tuple(part.shard for part in parts),
                skipped=tuple(skipped),
                version=vae_gan3d.__version__,
            )
            written.append(_WrittenSet(folder, targets[split_name], manifest))
        _publish(output_dir, written)
    return {written_set.manifest.split: written_set.manifest for written_set in written}


def _check_targets(targets: Sequence[pathlib.Path]) -> None:
    """Refuses to replace record files that this program did not write: legacy or unreadable ones."""
    for target in targets:
        if not target.exists() or manifest_path(target).exists():
            continue
        try:
            legacy = is_legacy(target)
        except UserError as error:
            raise UserError(f"{target} is in the way and is not a complete record file: move or remove it") from error
        if legacy:
            raise UserError(f"{target} holds legacy records: choose another output folder or split name, or move it")


def _stored_resolution(listing: ShapeListing, resolution: int | None, reading: ReadOptions) -> int:
    """The stored resolution of a set, from its first good grid."""
    first_reason = ""
    paths = [shape.path for shape in listing.files]
    with contextlib.closing(read_grids(paths, workers=1, options=reading)) as results:
        for result in results:
            if result.grid is not None:
                side = padded_resolution(result.grid.shape[0])
                return side if resolution is None else min(side, resolution)
            first_reason = first_reason or reason_of(result.path, str(result.error))
    first = source_of(listing, listing.files[0])
    named = f"{printable(first)}: {first_reason}"
    raise UserError(f"none of the {len(listing.files)} files can be used ({named}); give other files")


@contextlib.contextmanager
def _shard_folder(output_dir: pathlib.Path, split_name: str, shards: int) -> Iterator[pathlib.Path]:
    """The folder where shards are written. For a set of one file it is temporary."""
    if shards > 1:
        yield make_folder(_kept_folder(output_dir, split_name))
        return
    with contextlib.ExitStack() as stack:
        with write_errors_in_one_line(output_dir):
            folder = stack.enter_context(scratch_folder(output_dir))
        yield folder


def _kept_folder(output_dir: pathlib.Path, split_name: str) -> pathlib.Path:
    return output_dir / f".{split_name}.shards"


def _write_missing(
    plans: Sequence[ShardPlan],
    found: Sequence[WrittenShard | None],
    folder: pathlib.Path,
    workers: int,
    beam_options: Sequence[str] | None,
    progress: bool,
) -> list[WrittenShard]:
    """Writes the shards that were not found. Returns all shards."""
    missing = [plan for plan, shard in zip(plans, found, strict=True) if shard is None]
    if progress and len(missing) < len(plans):
        kept = f"{len(plans) - len(missing)} of {len(plans)} shards"
        tqdm.tqdm.write(f"note: kept {kept}, which are complete and made of the same files", file=sys.stderr)
    if missing and beam_options is None:
        write_shards(missing, folder, workers=workers, progress=progress)
    elif missing:
        from vae_gan3d.data.beam import write_shards_with_beam  # optional package

        write_shards_with_beam(missing, folder, workers=workers, options=beam_options or (), progress=progress)
    return [shard or _just_written(plan, folder) for plan, shard in zip(plans, found, strict=True)]


def _just_written(plan: ShardPlan, folder: pathlib.Path) -> WrittenShard:
    """A shard that was just written. With Beam it is missing if the machines do not share the folder."""
    written = find_shard(plan, folder, folder)
    if written is None:
        raise UserError(f"{folder / plan.name} was not written: data and output folder must be shared by all machines")
    return written


def _skipped_files(plans: Sequence[ShardPlan], written: Sequence[WrittenShard]) -> list[SkippedFile]:
    """The files that were left out, in the order of the listing."""
    places = {file.source: (row, shard) for shard, plan in enumerate(plans) for row, file in enumerate(plan.files)}
    return sorted((file for item in written for file in item.skipped), key=lambda file: places[file.path])


def _is_bad(file: SkippedFile) -> bool:
    return file.reason != EMPTY_REASON


def _report_skipped(listing: ShapeListing, skipped: Sequence[SkippedFile], skip_bad: bool, progress: bool) -> None:
    """Lists the files that are left out, and refuses bad files unless `skip_bad`.

    Empty grids are not damage (ModelNet10's public voxel grids hold some), but a model would learn blank shapes.
    """
    bad = [file for file in skipped if _is_bad(file)]
    empty = [file for file in skipped if not _is_bad(file)]
    if progress:
        # The error already names a single bad file that stops the run.
        for file in bad[:LISTED_FILES] if skip_bad or len(bad) > 1 else []:
            tqdm.tqdm.write(f"{printable(file.path)}: {file.reason}", file=sys.stderr)
        if len(bad) > LISTED_FILES:
            tqdm.tqdm.write(f"and {len(bad) - LISTED_FILES} more", file=sys.stderr)
        if empty:
            first = printable(empty[0].path)
            note = f"note: {counted(len(empty), 'grid')} without an occupied voxel left out (first {first})"
            tqdm.tqdm.write(note, file=sys.stderr)
    if bad and not skip_bad:
        raise UserError(
            f"{len(bad)} of {len(listing.files)} files in {listing.root} cannot be used ({printable(bad[0].path)}: "
            f"{bad[0].reason}); repair or remove them, or leave them out with --skip_bad"
        )


def _publish(output_dir: pathlib.Path, sets: Sequence[_WrittenSet]) -> None:
    """Replaces older sets. In between the sets have no manifests, so that no incomplete set can be read.

    Everything that needs disk space is written first, so that a full disk leaves the older sets.
    """
    places = [(written, manifest_path(written.targets[0])) for written in sets]
    stale = {path: _old_shards(path) for _, path in places}
    for written, path in places:
        write_manifest(written.folder / path.name, written.manifest)
    with write_errors_in_one_line(output_dir):
        for _, path in places:
            path.unlink(missing_ok=True)
        flush_folder(output_dir)
        for written, path in places:
            for target in written.targets:
                if (written.folder / target.name).exists():
                    (written.folder / target.name).replace(target)
            for name in stale[path].difference(target.name for target in written.targets):
                path.with_name(name).unlink(missing_ok=True)
        flush_folder(output_dir)
        for written, path in places:
            (written.folder / path.name).replace(path)
        flush_folder(output_dir)
        for written, _ in places:
            keep_notes(written.folder, [target.name for target in written.targets])
            if len(written.targets) == 1 and (kept := _kept_folder(output_dir, written.manifest.split)).is_dir():
                shutil.rmtree(kept)


def _old_shards(path: pathlib.Path) -> frozenset[str]:
    """The files of the set that is replaced; none if its manifest is absent or damaged."""
    if not path.exists():
        return frozenset()
    try:
        return frozenset(shard.name for shard in read_manifest(path).shards)
    except UserError:
        return frozenset()


def count_classes(listing: ShapeListing, manifest: Manifest) -> dict[str, int]:
    """The number of records of each class, in the order of labels."""
    counts = collections.Counter(shape.class_name for _, shape in written_shapes(listing, manifest))
    return {name: counts[name] for name in listing.classes}


def written_shapes(listing: ShapeListing, manifest: Manifest) -> Iterator[tuple[int, ShapeFile]]:
    """The shapes of a listing that became records, with the index of each record in the set."""
    skipped = {file.path for file in manifest.skipped}
    shards = len(manifest.shards)
    first = np.cumsum([0, *(shard.records for shard in manifest.shards)]).tolist()
    written = [0] * shards
    for place, shape in enumerate(listing.files):
        if source_of(listing, shape) in skipped:
            continue
        shard = place % shards
        yield first[shard] + written[shard], shape
        written[shard] += 1
