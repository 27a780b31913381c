"""A search for hyperparameters."""

import dataclasses
import pathlib
from typing import Literal

from vae_gan3d.checks import require, require_at_least, require_choice
from vae_gan3d.config.training import TrainingConfig

# An optimizer is drawn before the learning rates, whose range depends on it.
SEARCHABLE = (
    "optimizer",
    "learning_rate",
    "d_learning_rate",
    "batch_size",
    "epochs",
    "activation",
    "base_width",
    "depth",
    "kl_weight",
    "adversarial_weight",
)
# What a study makes small or large.
Direction = Literal["maximize", "minimize"]
OBJECTIVES: dict[str, Direction] = {
    "iou": "maximize",
    "coverage": "maximize",
    "mmd": "minimize",
    "one_nna": "minimize",
    "jsd": "minimize",
}
_WITHOUT_USE = {"gan": ("kl_weight", "adversarial_weight"), "vae": ("d_learning_rate", "adversarial_weight")}


@dataclasses.dataclass(frozen=True)
class TuneConfig:
    """A study: what all of its trials have in common, and what is searched.

    Attributes:
        training: the run that trials vary; its folders and its last epoch are replaced in each.
        base_flags: the flags, such as `--resolution=16`, that make `training` of a command line without any.
        output_dir: the study's folder.
        held_out_records: the shapes that trials are judged by: a file, a folder or a pattern; empty for those beside
            the training records.
        held_out_split_name: which set of a folder of such records is read.
        search: what is searched, of `SEARCHABLE`.
        objective: what trials are judged by, of `OBJECTIVES`.
        trials: how many more are made.
        trial_epochs: the epoch that a trial trains up to.
        trial_minutes: the longest time that it trains; 0 for any.
    """

    training: TrainingConfig
    base_flags: tuple[str, ...]
    output_dir: pathlib.Path
    held_out_records: str
    held_out_split_name: str
    search: tuple[str, ...]
    objective: str
    trials: int
    trial_epochs: int
    trial_minutes: float

    def __post_init__(self) -> None:
        require(bool(self.search), f"--search is empty: give some of {', '.join(SEARCHABLE)}")
        for name in self.search:
            require_choice("search", name, SEARCHABLE)
        require_choice("objective", self.objective, tuple(OBJECTIVES))
        for flag in ("trials", "trial_epochs"):
            require_at_least(flag, getattr(self, flag), 1)
        require_at_least("trial_minutes", self.trial_minutes, 0)
        self._check_model()

    def _check_model(self) -> None:
        """Refuses what the chosen model has no use for."""
        kind = self.training.model.kind
        for name in _WITHOUT_USE.get(kind, ()):
            require(name not in self.search, f"--search={name} is without effect in --model={kind}: leave it out")
        require(
            kind != "gan" or self.objective != "iou",
            "--objective=iou is of reconstructions, which --model=gan has not: give one of "
            f"{', '.join(name for name in OBJECTIVES if name != 'iou')}",
        )

    @property
    def direction(self) -> Direction:
        """What a study does with the objective."""
        return OBJECTIVES[self.objective]

    @property
    def report_every(self) -> int:
        """Epochs between two looks at a trial: about ten in all."""
        return max(1, self.trial_epochs // 10)
