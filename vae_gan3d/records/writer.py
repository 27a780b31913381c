"""Writing a set of records: shard by shard beside the set, which is replaced at the end, so that it is always whole."""

import contextlib
import pathlib
import shutil
import sys
from collections.abc import Iterator, Sequence

import tqdm

import vae_gan3d
from vae_gan3d.errors import UserError
from vae_gan3d.files import flush_folder, make_folder, scratch_folder
from vae_gan3d.records.manifest import (
    Manifest,
    SkippedFile,
    check_names,
    manifest_path,
    read_manifest,
    shard_names,
    write_manifest,
)
from vae_gan3d.records.record_set import is_legacy
from vae_gan3d.records.shard_plan import ShardPlan, plan_shards, source_of
from vae_gan3d.records.shard_writer import (
    WrittenShard,
    find_shard,
    keep_notes,
    reason_of,
    write_errors_in_one_line,
    write_shards,
)
from vae_gan3d.voxels.grids import EMPTY_REASON, check_resolution, padded_resolution
from vae_gan3d.voxels.read_options import DEFAULT_READING, ReadOptions
from vae_gan3d.voxels.reader_process import read_grids
from vae_gan3d.voxels.shape_folders import ShapeListing
from vae_gan3d.wording import counted, printable

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
    beam_options: Sequence[str] | None = None,
    progress: bool = True,
) -> Manifest:
    """Reads every file of a listing and writes one set of records with its manifest.

    The first good grid, padded to 16, 32, 64 or 128 and capped by `resolution`, gives the stored resolution. Smaller
    grids are zoomed to it; larger ones are max-pooled where `resolution` asks for it, and an error otherwise. File i
    goes to shard i % shards. Until everything is written, an existing set of the name stays as it is. A set of several
    shards is written beside it in the folder `.SPLIT_NAME.shards`, where whole shards stay after an error: those that
    would become the same again are not written again.

    Args:
        listing: the files.
        output_dir: the folder for `SPLIT_NAME.tfrecords` (or its shards) and `SPLIT_NAME.json`; made if absent.
        split_name: the set's name.
        resolution: the largest resolution to store; grids are never zoomed up to it, which is left to reading.
        shards: the number of files, from 1 to the number of shapes.
        skip_bad: leave out files that cannot be used, and name them in the manifest; empty grids are left out and
            named in any case.
        workers: processes that read, with Beam for each shard that is being written.
        reading: how meshes are read.
        beam_options: Apache Beam's own options, with which it writes the shards; None to write them here.
        progress: show a bar on standard error, and below it the files that cannot be used.

    Returns:
        The manifest, as written.

    Raises:
        UserError: an argument is out of range, a file cannot be used (without `skip_bad`), no file can, a file that
            this program did not write is in the way, Beam fails, or the system refuses to write.
    """
    if resolution is not None:
        check_resolution(resolution)
    check_names(split_name, shards, len(listing.files))
    make_folder(output_dir)
    targets = [output_dir / name for name in shard_names(split_name, shards)]
    _check_targets(targets)
    stored = _stored_resolution(listing, resolution, reading)
    names = [target.name for target in targets]
    plans = plan_shards(listing, names, resolution=stored, may_shrink=resolution == stored, reading=reading)
    with _shard_folder(output_dir, split_name, shards) as folder:
        found = [find_shard(plan, folder, output_dir) for plan in plans]
        if not skip_bad:
            # What could not be read may be readable now, as where a busy machine took too long.
            found = [None if shard and any(map(_is_bad, shard.skipped)) else shard for shard in found]
        written = _write_missing(plans, found, folder, workers, beam_options, progress)
        skipped = _skipped_files(plans, written)
        _report_skipped(listing, skipped, skip_bad, progress)
        manifest = Manifest(
            split=split_name,
            resolution=stored,
            classes=listing.classes,
            shards=tuple(item.shard for item in written),
            skipped=tuple(skipped),
            version=vae_gan3d.__version__,
        )
        _publish(folder, targets, manifest)
    return manifest


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


def _stored_resolution(listing: ShapeListing, resolution: int | None, reading: ReadOptions) -> int:
    """The resolution that the first good grid gives to its set.

    Raises:
        UserError: no file can be used.
    """
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
    """The folder in which shards are written; of a set of one file nothing is kept in it."""
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
    """Writes the shards that were not found; returns all."""
    missing = [plan for plan, shard in zip(plans, found, strict=True) if shard is None]
    if progress and len(missing) < len(plans):
        kept = f"{len(plans) - len(missing)} of {len(plans)} shards"
        tqdm.tqdm.write(f"note: kept {kept}, which are whole and made of the same files", file=sys.stderr)
    if missing and beam_options is None:
        write_shards(missing, folder, workers=workers, progress=progress)
    elif missing:
        from vae_gan3d.records.beam_writer import write_shards_with_beam  # an extra

        write_shards_with_beam(missing, folder, workers=workers, options=beam_options or (), progress=progress)
    return [shard or _just_written(plan, folder) for plan, shard in zip(plans, found, strict=True)]


def _just_written(plan: ShardPlan, folder: pathlib.Path) -> WrittenShard:
    """A shard that was written a moment ago.

    Raises:
        UserError: it is not there, as where a runner's machines do not share the folder.
    """
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
    """Lists the files that are left out, and refuses them unless they are empty grids or may be left out.

    Empty grids are no damage (ModelNet10's public voxel grids hold some), but they would teach blank shapes.
    """
    bad = [file for file in skipped if _is_bad(file)]
    empty = [file for file in skipped if not _is_bad(file)]
    if progress:
        # A single file that stops the run is named by the error already.
        for file in bad[:_LISTED_FILES] if skip_bad or len(bad) > 1 else []:
            tqdm.tqdm.write(f"{printable(file.path)}: {file.reason}", file=sys.stderr)
        if len(bad) > _LISTED_FILES:
            tqdm.tqdm.write(f"and {len(bad) - _LISTED_FILES} more", file=sys.stderr)
        if empty:
            first = printable(empty[0].path)
            note = f"note: {counted(len(empty), 'grid')} without an occupied voxel left out (first {first})"
            tqdm.tqdm.write(note, file=sys.stderr)
    if bad and not skip_bad:
        raise UserError(
            f"{len(bad)} of {len(listing.files)} files in {listing.root} cannot be used ({printable(bad[0].path)}: "
            f"{bad[0].reason}); mend or remove them, or leave them out with --skip_bad"
        )


def _publish(folder: pathlib.Path, targets: Sequence[pathlib.Path], manifest: Manifest) -> None:
    """Puts the written shards in the place of an older set; between the two there is no manifest, so no set.

    All that needs space is written before, so that a full disk leaves the older set.
    """
    path = manifest_path(targets[0])
    stale = _old_shards(path)
    write_manifest(folder / path.name, manifest)
    with write_errors_in_one_line(path.parent):
        path.unlink(missing_ok=True)
        flush_folder(path.parent)
        for target in targets:
            if (folder / target.name).exists():
                (folder / target.name).replace(target)
        for name in stale.difference(target.name for target in targets):
            path.with_name(name).unlink(missing_ok=True)
        flush_folder(path.parent)
        (folder / path.name).replace(path)
        flush_folder(path.parent)
        keep_notes(folder, [target.name for target in targets])
        if len(targets) == 1 and (kept := _kept_folder(path.parent, manifest.split)).is_dir():
            shutil.rmtree(kept)


def _old_shards(path: pathlib.Path) -> frozenset[str]:
    """The files of the set that is replaced; none where its manifest is absent or damaged."""
    if not path.exists():
        return frozenset()
    try:
        return frozenset(shard.name for shard in read_manifest(path).shards)
    except UserError:
        return frozenset()
