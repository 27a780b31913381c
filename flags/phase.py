"""The flag that chooses what train.py and test.py do, and the configuration of that phase."""

from collections.abc import Callable

from absl import flags as absl_flags

from flags import evaluation, latent_tools, testing, training, tuning
from vae_gan3d.config import (
    ArithmeticConfig,
    EvaluateConfig,
    MapConfig,
    NeighborsConfig,
    SampleConfig,
    TestConfig,
    TrainingConfig,
    TuneConfig,
)

FLAGS = absl_flags.FLAGS
TITLE = "Phase"
PhaseConfig = (
    TrainingConfig
    | TestConfig
    | SampleConfig
    | EvaluateConfig
    | ArithmeticConfig
    | NeighborsConfig
    | MapConfig
    | TuneConfig
)
_CONFIGURATIONS: dict[str, Callable[[], PhaseConfig]] = {
    "train": training.training_config,
    "test": testing.test_config,
    "sample": testing.sample_config,
    "evaluate": evaluation.evaluate_config,
    "arithmetic": latent_tools.arithmetic_config,
    "neighbors": latent_tools.neighbors_config,
    "map": latent_tools.map_config,
    "tune": tuning.tune_config,
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
