"""What `create_tf_record.py` does."""

import dataclasses
import pathlib

from vae_gan3d.checks import require, require_at_least, require_choice
from vae_gan3d.config.model import require_resolution
from vae_gan3d.voxels.read_options import DEFAULT_READING, ReadOptions

RUNNERS = ("local", "beam")


@dataclasses.dataclass(frozen=True)
class RecordsConfig:
    """What `create_tf_record.py` does.

    Attributes:
        data_dir: folder of shapes, laid out in one of the ways of `voxels.shape_layouts`, or a data set file.
        output_dir: where the records and their manifest go.
        classes: class names in label order, or `("all",)`.
        folder_split: `train` or `test`, the part that is read.
        split_name: the name of the written set; with `holdout` the sets are `train` and `test`.
        resolution: the largest resolution that is stored; None keeps what the files hold.
        shards: the number of record files, 1 or more.
        skip_bad: leaves out files that cannot be read, instead of stopping.
        workers: processes that read files, 1 or more.
        reading: how meshes are read, at `resolution` where that is given.
        runner: what writes the shards, one of `RUNNERS`.
        beam_options: of Apache Beam and its runner, with the runner `beam` alone.
        holdout: the share of the models of each class that becomes the test set, above 0 and below 1; the others become
            the training set. None writes one set.
    """

    data_dir: pathlib.Path
    output_dir: pathlib.Path
    classes: tuple[str, ...]
    folder_split: str
    split_name: str
    resolution: int | None
    shards: int
    skip_bad: bool
    workers: int
    reading: ReadOptions = DEFAULT_READING
    runner: str = "local"
    beam_options: tuple[str, ...] = ()
    holdout: float | None = None

    def __post_init__(self) -> None:
        require_at_least("shards", self.shards, 1)
        require_at_least("workers", self.workers, 1)
        require_choice("runner", self.runner, RUNNERS)
        require(self.runner == "beam" or not self.beam_options, "--beam_options needs --runner=beam: give both")
        require(bool(self.classes), "--classes is empty: give a class, a comma list, or all")
        if self.holdout is not None:
            require(0 < self.holdout < 1, f"--holdout={self.holdout:g} is out of range: give a share such as 0.1")
        if self.resolution is not None:
            require_resolution(self.resolution)
