"""How shape files are read and written, and what `create_tf_record.py` does with them."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence

from vae_gan3d.config.fields import (
    CLASSES,
    OUTPUT_DIR,
    REQUIRED,
    RESOLUTION,
    RESOLUTIONS,
    SPLIT_NAME,
    Flag,
    check_fields,
    flag,
    require,
    set_paths,
    shared_flag,
)
from vae_gan3d.data.formats.registry import RESULT_GRIDS, RESULT_MESHES

FILLS = ("solid", "surface")
UP_AXES = ("x", "y", "z")
# The registry imports nothing of `config`, so that this list can come from it.
FORMATS = RESULT_MESHES + RESULT_GRIDS
# Of networks.
MODEL_FORMATS = ("onnx", "keras", "savedmodel", "litert")
COMPONENTS = ("largest", "all")
SIZES_MM = (0.001, 1e6)
RUNNERS = ("local", "beam")
DEFAULT_MESH_RESOLUTION = 32
DEFAULT_MARGIN = 1
# Phases that write shapes and the one that writes networks each have their own choices.
FILE_FORMATS = Flag(
    None,
    f"A comma list of formats. Of {', '.join(FORMATS)}: each shape that the phase makes is also written as such files, "
    f"beside the pictures. For --phase=export_model, of {', '.join(MODEL_FORMATS)}: the files of the networks.",
    "formats",
    default_text="none; with --phase=export stl,glb; with --phase=export_model onnx",
)


@dataclasses.dataclass(frozen=True)
class ReadOptions:
    """How shapes from outside are read, where a file does not say it.

    Attributes:
        resolution: voxels a side of the grid that a mesh becomes; grids keep their own.

    Raises:
        UserError: a value is not possible.
    """

    resolution: int = DEFAULT_MESH_RESOLUTION
    fill: str = flag(
        "solid",
        "A mesh becomes a solid grid, or (surface) only the voxels that its faces touch.",
        choices=FILLS,
    )
    up_axis: str | None = flag(
        None,
        "The axis that points up in meshes, .binvox and .vox files; create_tf_record.py draws RECORDS/train.png to "
        "check it. In other grids the last axis is up.",
        choices=UP_AXES,
        default_text="z; y for glTF, COLLADA and FBX, and in ShapeNetCore's folders",
    )
    margin: int = flag(
        DEFAULT_MARGIN,
        "Voxels that stay empty at both ends of a mesh's longest side, at most a quarter of the resolution. 4 at 32 "
        "voxels a side makes meshes as large as the shapes of 3D ShapeNets.",
        at_least=1,
    )

    def __post_init__(self) -> None:
        require(
            self.resolution in RESOLUTIONS,
            f"resolution {self.resolution} is not possible: give one of {', '.join(map(str, RESOLUTIONS))}",
        )
        check_fields(self)

    def at(self, resolution: int | None) -> "ReadOptions":
        """The same options with meshes at another resolution; None leaves it.

        Raises:
            UserError: the margin would leave less than half of so many voxels.
        """
        options = self if resolution is None else dataclasses.replace(self, resolution=resolution)
        most = options.resolution // 4
        require(
            options.margin <= most,
            f"--margin={options.margin} is too large at {options.resolution} voxels a side: give 1 to {most}",
        )
        return options


DEFAULT_READING = ReadOptions()


def format_names(given: Sequence[str]) -> tuple[str, ...]:
    """Formats as they are listed: in lower case, without a dot, each once."""
    return tuple(dict.fromkeys(name.lower().lstrip(".") for name in given))


@dataclasses.dataclass(frozen=True)
class ShapeFilesConfig:
    """The files that a phase writes of each shape, beside its pictures.

    Raises:
        UserError: a value is not possible.
    """

    formats: tuple[str, ...] = shared_flag(FILE_FORMATS, (), choices=FORMATS)
    components: str = flag(
        "largest", "What a mesh file keeps of a shape that falls into pieces; grid files keep all.", choices=COMPONENTS
    )
    size_mm: float = flag(100.0, "Longest side of each mesh in millimetres.", at_least=SIZES_MM[0], at_most=SIZES_MM[1])
    gif: bool = flag(True, "Also writes the pictures as a GIF of turning shapes, 16 at most.")

    def __post_init__(self) -> None:
        object.__setattr__(self, "formats", format_names(self.formats))
        for name in self.formats:
            require(
                name not in MODEL_FORMATS,
                f"--formats={name} is a format of networks, and this phase writes shapes: give --phase=export_model",
            )
        check_fields(self)

    @property
    def mesh_formats(self) -> tuple[str, ...]:
        """Those formats that hold a surface."""
        return tuple(name for name in self.formats if name in RESULT_MESHES)

    @property
    def grid_formats(self) -> tuple[str, ...]:
        """Those formats that hold voxels."""
        return tuple(name for name in self.formats if name in RESULT_GRIDS)


NO_FILES = ShapeFilesConfig(gif=False)
EXPORTED_FILES = ShapeFilesConfig(("stl", "glb"))


@dataclasses.dataclass(frozen=True)
class RecordsConfig:
    """What `create_tf_record.py` does.

    Attributes:
        folder_split: `train` or `test`, the part of the data set that is read.
        split_name: the name of the written set; with `holdout` there are two, `train` and `test`.
        reading: how meshes are read, at `resolution` where that is given.

    Raises:
        UserError: a value is not possible.
    """

    data_dir: pathlib.Path = flag(
        REQUIRED,
        "Folder of voxels or meshes, laid out as 3D ShapeNets, ModelNet, ShapeNetCore or CLASS/*; or a file of many "
        "shapes [N, R, R, R] (.npy, .npz, .h5, .mat), or a folder of such files.",
        aliases=("LOCAL_PATH",),
    )
    output_dir: pathlib.Path = shared_flag(OUTPUT_DIR, REQUIRED)
    classes: tuple[str, ...] = shared_flag(CLASSES, ("all",))
    folder_split: str = flag(
        "train",
        "Reads the training shapes; with --if_train=false the test shapes.",
        name="if_train",
        switch=("test", "train"),
    )
    split_name: str = shared_flag(SPLIT_NAME)
    resolution: int | None = shared_flag(RESOLUTION)
    shards: int = flag(1, "Number of record files.", at_least=1)
    skip_bad: bool = flag(False, "Leaves out files that cannot be read, instead of stopping.")
    workers: int = flag(
        os.cpu_count() or 1, "Processes that read files.", at_least=1, default_text="one for each processor core"
    )
    reading: ReadOptions = DEFAULT_READING
    runner: str = flag(
        "local",
        "What writes the shards: this process, or Apache Beam, on this machine or on many (docs/SHAPES.md).",
        choices=RUNNERS,
    )
    beam_options: tuple[str, ...] = flag(
        (),
        "Options of Beam and of its runner in one text, such as "
        '--beam_options="--direct_num_workers=2 --direct_running_mode=multi_processing".',
        default_text="one shard after the other, on this machine",
        kind="text",
    )
    holdout: float | None = flag(
        None,
        "Share of the models of each class that becomes a test set, such as 0.1: writes two sets, train and test, from "
        "the training shapes. Files whose names differ only in the last number (chair_000000010_1.mat to _12.mat) are "
        "one model.",
        above=0,
        below=1,
    )

    def __post_init__(self) -> None:
        set_paths(self)
        if self.split_name is None:
            object.__setattr__(self, "split_name", self.folder_split)
        check_fields(self)
        require(self.runner == "beam" or not self.beam_options, "--beam_options needs --runner=beam: give both")
