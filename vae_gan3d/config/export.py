"""Shapes as files that other programs open, beside the pictures of a phase, and the phase that is made for them."""

import dataclasses
import pathlib

from vae_gan3d.checks import require, require_at_least, require_between, require_choice, require_finite
from vae_gan3d.voxels.mesh_options import COMPONENTS, SIZES_MM
from vae_gan3d.voxels.read_options import DEFAULT_READING, ReadOptions

MESH_FORMATS = ("stl", "obj", "ply", "glb")
GRID_FORMATS = ("binvox", "npy", "mat", "vox")
FORMATS = MESH_FORMATS + GRID_FORMATS


@dataclasses.dataclass(frozen=True)
class ShapeFilesConfig:
    """The files that a phase writes of each shape, beside its pictures.

    Attributes:
        formats: some of `FORMATS`; none for no files.
        components: `largest`, the largest body of a mesh alone, or `all`.
        size_mm: the longest side of each mesh in millimetres.
        gif: whether the sheet is also written as a GIF in which the shapes turn.
    """

    formats: tuple[str, ...] = ()
    components: str = "largest"
    size_mm: float = 100.0
    gif: bool = False

    def __post_init__(self) -> None:
        for name in self.formats:
            require_choice("formats", name, FORMATS)
        require_choice("components", self.components, COMPONENTS)
        require_finite("size_mm", self.size_mm)
        require_between("size_mm", self.size_mm, *SIZES_MM)

    @property
    def mesh_formats(self) -> tuple[str, ...]:
        """Those formats that hold a surface."""
        return tuple(name for name in self.formats if name in MESH_FORMATS)

    @property
    def grid_formats(self) -> tuple[str, ...]:
        """Those formats that hold voxels."""
        return tuple(name for name in self.formats if name in GRID_FORMATS)


NO_FILES = ShapeFilesConfig()


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """Given shapes, as a trained checkpoint reconstructs them, as files.

    Attributes:
        checkpoint: a checkpoint's prefix, or a run folder (its newest).
        shapes: a voxel file or the index of a record each, one or more.
        given_classes: the class of each for a conditional model where it is a file; else empty.
        records: where record indices count; only needed for those.
        split_name: which set of a folder of records is read.
        output_dir: where the results go.
        project: steps of the optimisation that improves the latents which the encoder gives; 0 for none.
        threshold: voxels above this probability are inside.
        files: what is written.
        reading: how mesh files are read, at the model's resolution.
    """

    checkpoint: pathlib.Path
    shapes: tuple[str, ...]
    given_classes: tuple[str, ...]
    records: str
    split_name: str
    output_dir: pathlib.Path
    project: int
    threshold: float
    files: ShapeFilesConfig
    reading: ReadOptions = DEFAULT_READING

    def __post_init__(self) -> None:
        require(bool(self.shapes), "--shapes is empty: give files, records' indices, or a comma list of these")
        require(bool(self.files.formats), f"--formats is empty: give some of {', '.join(FORMATS)}")
        for shape, name in zip(self.shapes, self.given_classes, strict=True):
            require(
                not name or not shape.isdecimal(),
                f"the class {name} is given for record {shape}, which knows its own: leave it out",
            )
        require_at_least("project", self.project, 0)
        require(0 < self.threshold < 1, f"--threshold={self.threshold} must lie between 0 and 1")
