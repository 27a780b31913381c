"""What each shard of a set is to be made of, as a text: shards of the same text are the same, byte for byte."""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Sequence

from vae_gan3d.voxels.numbered_shapes import split_name
from vae_gan3d.voxels.read_options import ReadOptions
from vae_gan3d.voxels.shape_folders import ShapeFile, ShapeListing

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
