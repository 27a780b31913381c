"""The flag that chooses what train.py and test.py do, and the configuration of that phase."""

import sys
from collections.abc import Callable

from absl import flags as absl_flags

from flags import (
    common,
    devices,
    evaluation,
    explore,
    latent_tools,
    model,
    places,
    progressive,
    reading,
    shape_files,
    testing,
    training,
    tuning,
)
from flags.help import HelpPage
from vae_gan3d.config import (
    ArithmeticConfig,
    EvaluateConfig,
    ExploreConfig,
    ExportConfig,
    MapConfig,
    NeighborsConfig,
    ProgressiveConfig,
    SampleConfig,
    TestConfig,
    TrainingConfig,
    TuneConfig,
)

FLAGS = absl_flags.FLAGS
TITLE = "Phase"
PhaseConfig = (
    TrainingConfig
    | ProgressiveConfig
    | TestConfig
    | SampleConfig
    | EvaluateConfig
    | ExportConfig
    | ExploreConfig
    | ArithmeticConfig
    | NeighborsConfig
    | MapConfig
    | TuneConfig
)
_CONFIGURATIONS: dict[str, Callable[[], PhaseConfig]] = {
    "train": progressive.train_config,
    "test": testing.test_config,
    "sample": testing.sample_config,
    "evaluate": evaluation.evaluate_config,
    "export": testing.export_config,
    "explore": explore.explore_config,
    "arithmetic": latent_tools.arithmetic_config,
    "neighbors": latent_tools.neighbors_config,
    "map": latent_tools.map_config,
    "tune": tuning.tune_config,
}

# What --help shows, by the phase that is the script's own.
HELP_PAGES = {
    "train": HelpPage(
        (sys.modules[__name__], common, places, model, training, devices, progressive, tuning),
        hidden=frozenset({"classes"}),
        closing="Every other phase runs here too, with the flags that python test.py --help shows.",
    ),
    "test": HelpPage(
        (sys.modules[__name__], common, places, testing, reading, shape_files, evaluation, latent_tools, explore),
        hidden=frozenset({"resolution"}),
        closing=(
            "Training and tuning run here too, with the flags that python train.py --help shows; the other phases "
            "accept\nthose and do not look at them: the networks are as the checkpoint's config.json says."
        ),
    ),
}

absl_flags.DEFINE_enum("phase", None, sorted(_CONFIGURATIONS), "What to do [default: that of the script's name].")
absl_flags.DEFINE_integer("seed", 0, "Of the first weights, the order of samples and every draw.")


def phase_config(default_phase: str) -> PhaseConfig:
    """The configuration of the phase that the flags choose.

    Args:
        default_phase: the script's own, where `--phase` is not given.

    Raises:
        UserError: a flag is missing or holds a bad value.
    """
    return _CONFIGURATIONS[FLAGS.phase or default_phase]()
