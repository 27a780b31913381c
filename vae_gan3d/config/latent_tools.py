"""What the phases do that work on the latents of many shapes: arithmetic, neighbours, maps."""

import dataclasses
import pathlib

from vae_gan3d.checks import LARGEST_SEED, require, require_at_least, require_between, require_choice
from vae_gan3d.config.export import NO_FILES, ShapeFilesConfig
from vae_gan3d.voxels.read_options import DEFAULT_READING, ReadOptions

MAPS = ("pca", "tsne")


@dataclasses.dataclass(frozen=True)
class ArithmeticConfig:
    """Latent arithmetic, v = A - B + C.

    Attributes:
        checkpoint: a checkpoint's prefix, or a run folder (its newest).
        start: A: voxel files, record indices and `class:NAME`, one or more; the mean of all their latents.
        minus: B, likewise.
        plus: C, likewise.
        records: where record indices count and whose classes are meant; only needed for those.
        split_name: which set of a folder of records is read.
        output_dir: where the results go.
        threshold: voxels above this probability count as occupied.
        files: what is written of each shape beside the pictures.
        reading: how mesh files are read, at the model's resolution.
    """

    checkpoint: pathlib.Path
    start: tuple[str, ...]
    minus: tuple[str, ...]
    plus: tuple[str, ...]
    records: str
    split_name: str
    output_dir: pathlib.Path
    threshold: float
    files: ShapeFilesConfig = NO_FILES
    reading: ReadOptions = DEFAULT_READING

    def __post_init__(self) -> None:
        for flag, shapes in (("shape1", self.start), ("minus", self.minus), ("plus", self.plus)):
            require(
                bool(shapes),
                f"--{flag} is missing, v = A - B + C takes --shape1=A, --minus=B and --plus=C: give a file, a record's "
                "index, class:NAME, or a comma list of these",
            )
        require(0 < self.threshold < 1, f"--threshold={self.threshold} must lie between 0 and 1")


@dataclasses.dataclass(frozen=True)
class NeighborsConfig:
    """The shapes of a set that are nearest to one.

    Attributes:
        checkpoint: a checkpoint's prefix, or a run folder (its newest).
        shape: a voxel file, or the index of a record.
        records: where the index counts, and, unless `searched_records` are given, the neighbours are searched.
        split_name: which set of a folder of these records is read.
        searched_records: other records whose shapes are searched; empty for `records`.
        searched_split_name: which set of a folder of those is read.
        output_dir: where the results go.
        count: how many neighbours.
        reading: how mesh files are read, at the model's resolution.
    """

    checkpoint: pathlib.Path
    shape: str
    records: str
    split_name: str
    searched_records: str
    searched_split_name: str
    output_dir: pathlib.Path
    count: int
    reading: ReadOptions = DEFAULT_READING

    def __post_init__(self) -> None:
        require(bool(self.shape), "--shape1 is missing: give a file of voxels or a mesh, or a record's index")
        require(bool(self.records or self.searched_records), "--records is missing: give the records that are searched")
        require_at_least("neighbors", self.count, 1)


@dataclasses.dataclass(frozen=True)
class MapConfig:
    """A picture of the latents of a set in two dimensions.

    Attributes:
        checkpoint: a checkpoint's prefix, or a run folder (its newest).
        records: the shapes.
        split_name: which set of a folder of records is read.
        output_dir: where the results go.
        method: `pca` or `tsne`.
        max_shapes: the most shapes that are drawn; of more, as many, spread evenly.
        seed: of t-SNE.
    """

    checkpoint: pathlib.Path
    records: str
    split_name: str
    output_dir: pathlib.Path
    method: str
    max_shapes: int
    seed: int

    def __post_init__(self) -> None:
        require(bool(self.records), "--records is missing: give the records of the shapes that are drawn")
        require_choice("map", self.method, MAPS)
        require_at_least("map_shapes", self.max_shapes, 3)
        require_between("seed", self.seed, 0, LARGEST_SEED)
