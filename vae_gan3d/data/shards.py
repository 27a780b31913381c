"""Plans and writes shards. A shard is a complete file with a note that says what it was made from, or it is absent."""

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
from vae_gan3d.data.formats.registry import format_of
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


@dataclasses.dataclass(frozen=True)
class PlannedFile:
    """One source file of a shard.

    Attributes:
        source: the shape's path relative to the data folder, with forward slashes (`chair/a.mat`, `set.npz:3`).
        class_name: its class.
        label: the index of the class in the set's classes.
        size: bytes of the file and its companions; -1 if unknown.
        modified: time of the last change in nanoseconds since 1970; -1 if unknown.
    """

    source: str
    class_name: str
    label: int
    size: int
    modified: int


@dataclasses.dataclass(frozen=True)
class ShardPlan:
    """How to make one shard.

    Attributes:
        name: its file name.
        root: the data folder, absolute.
        resolution: the stored resolution S.
        may_shrink: whether larger grids are max-pooled to S.
        reading: how files are read.
        files: the source files, in the order of their records.
        code: identifies the code that reads and writes (its sha256).
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
        """The paths of the source files."""
        return [pathlib.Path(self.root, file.source) for file in self.files]

    @property
    def text(self) -> str:
        """The plan as JSON."""
        files = [[file.source, file.class_name, file.label, file.size, file.modified] for file in self.files]
        return json.dumps({**vars(self), "reading": vars(self.reading), "files": files})

    @property
    def digest(self) -> str:
        """The sha256 of the text, hexadecimal."""
        return hashlib.sha256(self.text.encode("ascii")).hexdigest()


def plan_shards(
    listing: ShapeListing, names: Sequence[str], *, resolution: int, may_shrink: bool, reading: ReadOptions
) -> tuple[ShardPlan, ...]:
    """Distributes the files of a listing over shards: file i goes to shard i % number of shards.

    Args:
        listing: the files.
        names: the file names of the shards.
        resolution: the stored resolution.
        may_shrink: whether larger grids are max-pooled to it.
        reading: how files are read.

    Returns:
        A plan for each name.
    """
    root, code = str(listing.root.absolute()), code_digest()
    states: dict[tuple[pathlib.Path, str], tuple[int, int]] = {}
    return tuple(
        ShardPlan(
            name,
            root,
            resolution,
            may_shrink,
            reading,
            tuple(_planned(listing, shape, states) for shape in listing.files[shard :: len(names)]),
            code,
        )
        for shard, name in enumerate(names)
    )


def read_plan(text: str) -> ShardPlan:
    """The plan from its `text`, written by the same version of this program."""
    fields = json.loads(text)
    files = tuple(PlannedFile(*row) for row in fields["files"])
    return ShardPlan(**{**fields, "reading": ReadOptions(**fields["reading"]), "files": files})


def source_of(listing: ShapeListing, shape: ShapeFile) -> str:
    """The shape's path relative to the data folder, with forward slashes."""
    return shape.path.relative_to(listing.root).as_posix()


def _planned(
    listing: ShapeListing, shape: ShapeFile, states: dict[tuple[pathlib.Path, str], tuple[int, int]]
) -> PlannedFile:
    file = split_name(shape.path).file
    size, modified = _state(file, "", states)
    found = format_of(file)
    if found is not None and found.companions:
        more, newest = _state(file.parent, found.companions, states)
        size, modified = size + more, max(modified, newest)
    return PlannedFile(source_of(listing, shape), shape.class_name, shape.label, size, modified)


def _state(
    path: pathlib.Path, companions: str, states: dict[tuple[pathlib.Path, str], tuple[int, int]]
) -> tuple[int, int]:
    """Bytes and last change of a file, or of all companion files in a folder and below. Asks the system only once."""
    key = (path, companions)
    if key not in states:
        try:
            found = [file.stat() for file in (path.rglob(companions) if companions else (path,))]
            size = sum(state.st_size for state in found)
            states[key] = (size, max((state.st_mtime_ns for state in found), default=0))
        except OSError:
            states[key] = (-1, -1)  # reading it will say what is wrong
    return states[key]


def code_digest() -> str:
    """The sha256 of the code that makes records from shape files: shards of other code are written again."""
    digest = hashlib.sha256()
    for path in sorted(pathlib.Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


NOTE_FORMAT = "vae_gan3d.shard"
NOTE_SCHEMA = 1


@dataclasses.dataclass(frozen=True)
class WrittenShard:
    """A complete shard.

    Attributes:
        shard: its entry in the manifest.
        skipped: the source files that cannot be used.
        plan: the digest of its plan.
    """

    shard: Shard
    skipped: tuple[SkippedFile, ...]
    plan: str


def write_shards(plans: Sequence[ShardPlan], folder: pathlib.Path, *, workers: int, progress: bool) -> None:
    """Writes shards one after the other, each with its note (`find_shard`). Shards before an error stay.

    Args:
        plans: at least one; all have the same reading options.
        folder: where the files and notes go; it exists.
        workers: processes that read files.
        progress: show a bar on standard error.

    Raises:
        UserError: the system refuses to write.
    """
    paths = [path for plan in plans for path in plan.paths]
    with (
        contextlib.closing(read_grids(paths, workers=workers, options=plans[0].reading)) as results,
        # The bar ends before an error is printed, so that the error has its own line.
        progress_bar(total=len(paths), desc="shapes to records", unit="shape", disable=not progress) as bar,
    ):
        stream = _counted(results, bar)
        for plan in plans:
            with write_errors_in_one_line(folder.parent):
                _write_shard(plan, folder, itertools.islice(stream, len(plan.files)))


def find_shard(plan: ShardPlan, folder: pathlib.Path, published: pathlib.Path) -> WrittenShard | None:
    """Finds the shard of a plan, if it was written completely.

    Args:
        plan: how the shard is made.
        folder: the folder of its note, and of the file until it is published.
        published: the folder of the file after that.

    Returns:
        The shard; None if it does not exist, has another plan or other bytes than its note says, or if the note is
        damaged or from a newer version.
    """
    try:
        path = note_path(folder, plan.name)
        fields = read_json(path)
        if "format" in fields:  # notes of older versions lack it
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
    try:
        is_complete = path.stat().st_size == found.shard.bytes and file_sha256(path) == found.shard.sha256
    except OSError:
        return None
    return found if is_complete else None


def note_path(folder: pathlib.Path, name: str) -> pathlib.Path:
    """The path of a shard's note."""
    return folder / f"{name}.json"


def keep_notes(folder: pathlib.Path, names: Sequence[str]) -> None:
    """Removes everything but the notes of the named shards from the folder of shards."""
    kept = {note_path(folder, name) for name in names}
    for path in set(folder.iterdir()) - kept:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def write_errors_in_one_line(output_dir: pathlib.Path) -> Iterator[None]:
    """Turns errors of the system and of TensorFlow into a `UserError` that names the folder of the records."""
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        raise write_refused(f"records to {output_dir}", error) from error


def fit_grid(grid: np.ndarray, stored: int, may_shrink: bool) -> np.ndarray:
    """Brings a grid to the stored resolution of its set.

    Args:
        grid: `[N, N, N]` uint8 in {0, 1}.
        stored: the resolution S of the set.
        may_shrink: whether larger grids are max-pooled.

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
    """An error without the file's name."""
    return error.removeprefix(f"{printable(path)}: ")


def _counted(results: Iterable[GridResult], bar: tqdm.tqdm) -> Iterator[GridResult]:
    """Moves the bar at each result. Iterating over the bar itself would stop short, because nobody asks for its end."""
    for result in results:
        bar.update()
        yield result


def _write_shard(plan: ShardPlan, folder: pathlib.Path, results: Iterable[GridResult]) -> None:
    """Writes one shard, then its note."""
    count, skipped = 0, []
    # Several machines or threads of a cluster may write the same shard at the same time.
    with scratch_folder(folder) as scratch:
        temporary = scratch / plan.name
        with tf.io.TFRecordWriter(str(temporary)) as writer:
            for file, result in zip(plan.files, results, strict=True):
                try:
                    if result.grid is None:
                        raise UserError(result.error)
                    packed = pack_grid(fit_grid(result.grid, plan.resolution, plan.may_shrink))
                    writer.write(
                        encode_example(
                            packed,
                            resolution=plan.resolution,
                            label=file.label,
                            class_name=file.class_name,
                            source=file.source,
                        )
                    )
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
