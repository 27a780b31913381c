"""Flags of progressive growing, and the configuration of training with and without it."""

import dataclasses

from absl import flags as absl_flags

from flags import common, training
from vae_gan3d.checks import require
from vae_gan3d.config import ProgressiveConfig, TrainingConfig
from vae_gan3d.errors import UserError

FLAGS = absl_flags.FLAGS
TITLE = "Progressive growing"

absl_flags.DEFINE_string(
    "progressive",
    None,
    "A comma list of resolutions, each twice the one before, such as 16,32,64: trains at each in turn, and every stage "
    "begins with the inner layers of the one before. --base_width is the last stage's [default: none].",
)
absl_flags.DEFINE_string(
    "stage_epochs",
    None,
    "A comma list of the epochs of each stage [default: --epochs or --train_steps for every stage].",
)
absl_flags.DEFINE_integer(
    "fade_samples",
    None,
    "Samples over which each stage but the first fades in; 0: at once [default: half of the stage's].",
)


def train_config() -> TrainingConfig | ProgressiveConfig:
    """The run that the flags describe.

    Raises:
        UserError: a flag is missing or holds a bad value.
    """
    if not FLAGS.progressive:
        for flag in ("stage_epochs", "fade_samples"):
            require(
                FLAGS[flag].value is None,
                f"--{flag}={FLAGS[flag].value} is of --progressive: give that too, or leave it out",
            )
        return training.training_config()
    resolutions = _whole_numbers("progressive")
    config = training.training_config()
    if FLAGS.stage_epochs:
        training.refuse_together("stage_epochs", "train_steps")
        config = dataclasses.replace(config, train_steps=None)
    resolution = resolutions[-1] if FLAGS.resolution is None else FLAGS.resolution
    return ProgressiveConfig(
        training=dataclasses.replace(config, model=dataclasses.replace(config.model, resolution=resolution)),
        resolutions=resolutions,
        epochs=_whole_numbers("stage_epochs") if FLAGS.stage_epochs else (FLAGS.epochs,) * len(resolutions),
        fade_samples=FLAGS.fade_samples,
    )


def refuse_stages(phase: str) -> None:
    """Refuses a phase that cannot train in stages.

    Raises:
        UserError: stages were asked for.
    """
    require(not FLAGS.progressive, f"--progressive={FLAGS.progressive} is not for --phase={phase}: leave it out")


def _whole_numbers(flag: str) -> tuple[int, ...]:
    """The numbers in a flag's comma list, one or more."""
    text = str(FLAGS[flag].value)
    try:
        numbers = tuple(int(item) for item in common.comma_list(text))
    except ValueError as error:
        raise UserError(f"--{flag}={text} is not a comma list of whole numbers: give one such as 16,32") from error
    require(bool(numbers), f"--{flag}={text} is empty: give whole numbers such as 16,32")
    return numbers
