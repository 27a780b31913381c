"""A run whose networks grow from one resolution to the next."""

import dataclasses
import itertools

from vae_gan3d.checks import require, require_at_least
from vae_gan3d.config.model import require_resolution
from vae_gan3d.config.training import TrainingConfig


@dataclasses.dataclass(frozen=True)
class ProgressiveConfig:
    """Progressive growing.

    Attributes:
        training: the last stage, but for the folder: `save_path` and `logdir` are those of all stages together.
        resolutions: of the stages, each twice the one before.
        epochs: the epoch that each stage trains up to.
        fade_samples: samples over which each stage but the first fades in; 0 for none, None for half of the stage's.
    """

    training: TrainingConfig
    resolutions: tuple[int, ...]
    epochs: tuple[int, ...]
    fade_samples: int | None = None

    def __post_init__(self) -> None:
        named = ",".join(map(str, self.resolutions))
        require(len(self.resolutions) >= 2, f"--progressive={named} is no growth: give two resolutions or more")
        for resolution in self.resolutions:
            require_resolution(resolution)
        for smaller, larger in itertools.pairwise(self.resolutions):
            require(
                larger == 2 * smaller,
                f"--progressive={named}: {larger} is not twice {smaller}: give resolutions that double each time",
            )
        require(
            self.training.model.resolution == self.resolutions[-1],
            f"--resolution={self.training.model.resolution} is not the last of --progressive={named}: leave it out",
        )
        epochs = ",".join(map(str, self.epochs))
        require(
            len(self.epochs) == len(self.resolutions),
            f"--stage_epochs={epochs}: --progressive={named} has {len(self.resolutions)} stages: give as many",
        )
        for number in self.epochs:
            require_at_least("stage_epochs", number, 1)
        if self.fade_samples is not None:
            require_at_least("fade_samples", self.fade_samples, 0)
