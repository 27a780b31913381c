"""Plans and writes shards: each is a whole file with a note of what it was made of, or it is absent."""

import contextlib
import dataclasses
import hashlib
import itertools
import json
import pathlib
import shutil
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import tensorflow as tf
import tqdm

from vae_gan3d.config.shapes import ReadOptions
from vae_gan3d.data.grids import pack_grid, pad_grid, resize_grid
from vae_gan3d.data.manifest import Shard, SkippedFile
from vae_gan3d.data.record_reader import encode_example
from vae_gan3d.data.record_set import file_sha256
from vae_gan3d.data.sandbox import GridResult, read_grids
from vae_gan3d.data.shape_files import split_name
from vae_gan3d.data.shape_folders import ShapeFile, ShapeListing
from vae_gan3d.errors import UserError
from vae_gan3d.files import (
    file_version,
    flush_folder,
    flush_to_disk,
    read_json,
    require_checksum,
    require_known_version,
    scratch_folder,
    with_checksum,
    write_refused,
)
from vae_gan3d.progress import progress_bar
from vae_gan3d.text import printable

_PACKAGE = pathlib.Path(__file__).resolve().parents[1]


@dataclasses.dataclass(frozen=True)
class PlannedFile:
    """One source file of a shard.

    Attributes:
        source: its path relative to the data folder, with forward slashes; of a file with several shapes and the
            number of one (`numbered_shapes`).
        class_name: its class.
        label: the position of the class in the set's classes.
        size: the file's bytes; -1 where the system does not tell.
        modified: when it was last changed, nanoseconds since 1970; -1 likewise.
    """

    source: str
    class_name: str
    label: int
    size: int
    modified: int


@dataclasses.dataclass(frozen=True)
class ShardPlan:
    """What one shard is to be made of.

    Attributes:
        name: its file name.
        root: the data folder, absolute.
        resolution: the stored resolution S.
        may_shrink: whether larger grids are max-pooled to S.
        reading: how files are read.
        files: the source files, in the order of their records.
        code: a digest of the modules that read and write.
    """

    name: str
    root: str
    resolution: int
    may_shrink: bool
    reading: ReadOptions
    files: tuple[PlannedFile, ...]
    code: str

    @property
    def paths(self) -> list[pathlib.Path]:
        """The source files, to be opened."""
        return [pathlib.Path(self.root, file.source) for file in self.files]

    @property
    def text(self) -> str:
        """The plan as JSON."""
        return json.dumps({**vars(self), "reading": vars(self.reading), "files": list(map(_row, self.files))})

    @property
    def digest(self) -> str:
        """The sha256 of the text, hexadecimal."""
        return hashlib.sha256(self.text.encode("ascii")).hexdigest()


def plan_shards(
    listing: ShapeListing, names: Sequence[str], *, resolution: int, may_shrink: bool, reading: ReadOptions
) -> tuple[ShardPlan, ...]:
    """Deals the files of a listing to shards: file i goes to shard i modulo their number.

    Args:
        listing: the files.
        names: the shards' file names.
        resolution: the stored resolution.
        may_shrink: whether larger grids are max-pooled to it.
        reading: how files are read.

    Returns:
        A plan for each name.
    """
    root, code = str(listing.root.absolute()), _code_digest()
    looks: dict[pathlib.Path, tuple[int, int]] = {}
    return tuple(
        ShardPlan(
            name,
            root,
            resolution,
            may_shrink,
            reading,
            tuple(_planned(listing, shape, looks) for shape in listing.files[shard :: len(names)]),
            code,
        )
        for shard, name in enumerate(names)
    )


def read_plan(text: str) -> ShardPlan:
    """Undoes `ShardPlan.text`, of this version's own making."""
    fields = json.loads(text)
    files = tuple(PlannedFile(*row) for row in fields["files"])
    return ShardPlan(**{**fields, "reading": ReadOptions(**fields["reading"]), "files": files})


def source_of(listing: ShapeListing, shape: ShapeFile) -> str:
    """The file's path relative to the data folder, with forward slashes."""
    return shape.path.relative_to(listing.root).as_posix()


def _row(file: PlannedFile) -> list[str | int]:
    return [file.source, file.class_name, file.label, file.size, file.modified]


def _planned(listing: ShapeListing, shape: ShapeFile, looks: dict[pathlib.Path, tuple[int, int]]) -> PlannedFile:
    file = split_name(shape.path).file
    size, modified = _look(file, looks)
    if file.suffix.lower() == ".gltf":  # whose numbers lie in .bin files
        more, newest = _look(file.parent, looks)
        size, modified = size + more, max(modified, newest)
    return PlannedFile(source_of(listing, shape), shape.class_name, shape.label, size, modified)


def _look(path: pathlib.Path, looks: dict[pathlib.Path, tuple[int, int]]) -> tuple[int, int]:
    """Bytes and last change of a file, or of all `.bin` files in a folder and below; each is looked at once."""
    if path not in looks:
        try:
            states = [found.stat() for found in (path.rglob("*.bin") if path.is_dir() else (path,))]
            looks[path] = (
                sum(state.st_size for state in states),
                max((state.st_mtime_ns for state in states), default=0),
            )
        except OSError:
            looks[path] = (-1, -1)  # reading it will say what is wrong
    return looks[path]


def _code_digest() -> str:
    """The sha256 of the modules that grids and records come from: what other code has written is written anew."""
    digest = hashlib.sha256()
    for folder in ("voxels", "records"):
        for path in sorted((_PACKAGE / folder).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


NOTE_FORMAT = "vae_gan3d.shard"
NOTE_SCHEMA = 1


@dataclasses.dataclass(frozen=True)
class WrittenShard:
    """What became of one shard.

    Attributes:
        shard: its entry in the manifest.
        skipped: the source files that cannot be used.
        plan: the digest of the plan that it was written by.
    """

    shard: Shard
    skipped: tuple[SkippedFile, ...]
    plan: str


def write_shards(plans: Sequence[ShardPlan], folder: pathlib.Path, *, workers: int, progress: bool) -> None:
    """Writes shards one after the other, each with its note (`find_shard`); those before an error stay.

    Args:
        plans: of the shards, at least one, all read alike.
        folder: where the files and notes go; it exists.
        workers: processes that read.
        progress: show a bar on standard error.

    Raises:
        UserError: the system refuses to write.
    """
    paths = [path for plan in plans for path in plan.paths]
    with (
        contextlib.closing(read_grids(paths, workers=workers, options=plans[0].reading)) as results,
        # Ends before an error is told of, which gets a line of its own.
        progress_bar(total=len(paths), desc="shapes to records", unit="shape", disable=not progress) as bar,
    ):
        stream = _counted(results, bar)
        for plan in plans:
            with write_errors_in_one_line(folder.parent):
                _write_shard(plan, folder, itertools.islice(stream, len(plan.files)))


def find_shard(plan: ShardPlan, folder: pathlib.Path, published: pathlib.Path) -> WrittenShard | None:
    """The shard that was written by a plan, where it is whole.

    Args:
        plan: what it is to be made of.
        folder: where its note is, and the file itself until it is published.
        published: where the file goes then.

    Returns:
        The shard; None where there is none, it was written by another plan, its bytes are not those of its note, or
        the note is damaged or of a newer version.
    """
    try:
        path = note_path(folder, plan.name)
        fields = read_json(path)
        if "format" in fields:  # which notes of older versions lack
            require_known_version(path, fields, NOTE_FORMAT, NOTE_SCHEMA)
        require_checksum(fields)
        found = WrittenShard(
            Shard(**fields["shard"]), tuple(SkippedFile(**file) for file in fields["skipped"]), fields["plan"]
        )
    except (UserError, OSError, ValueError, KeyError, TypeError):
        return None
    if found.plan != plan.digest:
        return None
    unpublished = folder / plan.name
    path = unpublished if unpublished.exists() else published / plan.name
    return found if _is_whole(path, found.shard) else None


def note_path(folder: pathlib.Path, name: str) -> pathlib.Path:
    """Where the note of a shard is."""
    return folder / f"{name}.json"


def keep_notes(folder: pathlib.Path, names: Sequence[str]) -> None:
    """Removes everything from the folder of shards but the notes of these."""
    kept = {note_path(folder, name) for name in names}
    for path in set(folder.iterdir()) - kept:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def write_errors_in_one_line(output_dir: pathlib.Path) -> Iterator[None]:
    """Tells a user that records cannot be written to a folder, and why.

    Raises:
        UserError: in place of the error of the system or of TensorFlow.
    """
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        raise write_refused(f"records to {output_dir}", error) from error


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


def reason_of(path: pathlib.Path, error: str) -> str:
    """Why a file cannot be used, without its name."""
    return error.removeprefix(f"{printable(path)}: ")


def _counted(results: Iterable[GridResult], bar: tqdm.tqdm) -> Iterator[GridResult]:
    """Moves the bar at each result: one that is iterated over itself stops short where nothing asks for its end."""
    for result in results:
        bar.update()
        yield result


def _write_shard(plan: ShardPlan, folder: pathlib.Path, results: Iterable[GridResult]) -> None:
    """Writes one shard, then its note."""
    count, skipped = 0, []
    # The machines of a cluster, and the threads of one, may write the same shard at the same time.
    with scratch_folder(folder) as scratch:
        temporary = scratch / plan.name
        with tf.io.TFRecordWriter(str(temporary)) as writer:
            for file, result in zip(plan.files, results, strict=True):
                try:
                    writer.write(_encode(plan, file, result))
                    count += 1
                except UserError as error:
                    skipped.append(SkippedFile(file.source, reason_of(result.path, str(error))))
        shard = Shard(plan.name, count, temporary.stat().st_size, file_sha256(temporary))
        note = scratch / "note.json"
        written = WrittenShard(shard, tuple(skipped), plan.digest)
        fields = {**file_version(NOTE_FORMAT, NOTE_SCHEMA), **dataclasses.asdict(written)}
        note.write_text(json.dumps(with_checksum(fields), indent=2) + "\n", encoding="ascii")
        for path, target in ((temporary, folder / plan.name), (note, note_path(folder, plan.name))):
            flush_to_disk(path)
            path.replace(target)
            flush_folder(folder)


def _encode(plan: ShardPlan, file: PlannedFile, result: GridResult) -> bytes:
    """One record of one result.

    Raises:
        UserError: the file cannot be used.
    """
    if result.grid is None:
        raise UserError(result.error)
    return encode_example(
        pack_grid(fit_grid(result.grid, plan.resolution, plan.may_shrink)),
        resolution=plan.resolution,
        label=file.label,
        class_name=file.class_name,
        source=file.source,
    )


def _is_whole(path: pathlib.Path, shard: Shard) -> bool:
    """Whether a file has the bytes of its note."""
    try:
        return path.stat().st_size == shard.bytes and file_sha256(path) == shard.sha256
    except OSError:
        return False
