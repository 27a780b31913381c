"""The explorer: a page on which a checkpoint's latent space is looked at."""

import dataclasses
import pathlib

from vae_gan3d.checks import LARGEST_SEED, require, require_at_least, require_between, require_choice
from vae_gan3d.config.checkpoint_phases import PRIORS
from vae_gan3d.config.export import ShapeFilesConfig
from vae_gan3d.voxels.read_options import DEFAULT_READING, ReadOptions

_LARGEST_PORT = 65535
_LARGEST_UPLOAD_MB = 256


@dataclasses.dataclass(frozen=True)
class ExploreConfig:
    """A page on which a checkpoint's latent space is looked at.

    Attributes:
        checkpoint: a checkpoint's prefix, or a run folder (its newest).
        records: the training shapes; empty where they are not shown.
        split_name: which set of a folder of records is read.
        prior: `normal`, `mixture`, or None: a mixture where one is stored or can be fitted.
        refinements: passages of each drawn latent through generator and encoder.
        threshold: voxels above this probability count as occupied.
        seed: of the draws.
        files: the bodies and the size of downloaded meshes.
        reading: how uploaded meshes are read, at the model's resolution.
        host: the address that is listened at.
        port: 0 for any that is free.
        upload_mb: the most megabytes of an upload.
        browser: whether a browser is opened.
    """

    checkpoint: pathlib.Path
    records: str
    split_name: str
    prior: str | None
    refinements: int
    threshold: float
    seed: int
    files: ShapeFilesConfig
    reading: ReadOptions = DEFAULT_READING
    host: str = "127.0.0.1"
    port: int = 0
    upload_mb: int = 20
    browser: bool = False

    def __post_init__(self) -> None:
        if self.prior is not None:
            require_choice("prior", self.prior, PRIORS)
        require_at_least("refinements", self.refinements, 0)
        require(0 < self.threshold < 1, f"--threshold={self.threshold} must lie between 0 and 1")
        require_between("seed", self.seed, 0, LARGEST_SEED)
        require(bool(self.host), "--host is empty: give an address, such as 127.0.0.1")
        require_between("port", self.port, 0, _LARGEST_PORT)
        require_between("upload_mb", self.upload_mb, 1, _LARGEST_UPLOAD_MB)
