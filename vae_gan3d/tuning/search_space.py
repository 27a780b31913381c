"""What can be searched, and how what was drawn changes a run."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vae_gan3d.config import ACTIVATIONS, OPTIMIZERS, SEARCHABLE, TrainingConfig

if TYPE_CHECKING:
    import optuna

Parameters = dict[str, int | float | str]

# From the rate that hardly moves to the one that breaks, with losses that are sums over voxels.
_LEARNING_RATES = {
    "adam": (1e-4, 1e-2),
    "adamw": (1e-4, 1e-2),
    "rmsprop": (1e-4, 1e-2),
    "sgd": (1e-6, 1e-4),
    "adadelta": (1e-1, 1e1),
}
_BATCH_SIZES = (8, 16, 32, 64)
_WIDTHS = (8, 16, 32)
_DEPTHS = (0, 2)
_KL_WEIGHTS = (0.1, 10.0)
_ADVERSARIAL_WEIGHTS = (0.03, 1.0)
# Where each stands in a TrainingConfig; what is not named here is a field of its own.
_PLACES = {
    "optimizer": ("optimizer", "kind"),
    "learning_rate": ("optimizer", "learning_rate"),
    "d_learning_rate": ("optimizer", "d_learning_rate"),
    "activation": ("model", "activation"),
    "base_width": ("model", "base_width"),
    "depth": ("model", "depth"),
    "kl_weight": ("loss", "kl_weight"),
    "adversarial_weight": ("loss", "adversarial_weight"),
}


def draw_parameters(
    trial: "optuna.Trial", search: Sequence[str], base: TrainingConfig, trial_epochs: int
) -> Parameters:
    """Draws a value for everything that is searched.

    Args:
        trial: draws by what was learned of earlier ones.
        search: names of `SEARCHABLE`.
        base: the run that is varied; its optimizer decides over the learning rates' range where none is drawn.
        trial_epochs: the most epochs.

    Returns:
        The values by name, in the order of `SEARCHABLE`.
    """
    drawn: Parameters = {}
    for name in SEARCHABLE:
        if name in search:
            drawn[name] = _draw(trial, name, str(drawn.get("optimizer", base.optimizer.kind)), trial_epochs)
    return drawn


def _draw(trial: "optuna.Trial", name: str, optimizer: str, trial_epochs: int) -> int | float | str:
    match name:
        case "optimizer":
            return trial.suggest_categorical(name, OPTIMIZERS)
        case "learning_rate" | "d_learning_rate":
            return trial.suggest_float(name, *_LEARNING_RATES[optimizer], log=True)
        case "batch_size":
            return trial.suggest_categorical(name, _BATCH_SIZES)
        case "epochs":
            return trial.suggest_int(name, -(-trial_epochs // 4), trial_epochs)
        case "activation":
            return trial.suggest_categorical(name, ACTIVATIONS)
        case "base_width":
            return trial.suggest_categorical(name, _WIDTHS)
        case "depth":
            return trial.suggest_int(name, *_DEPTHS)
        case "kl_weight":
            return trial.suggest_float(name, *_KL_WEIGHTS, log=True)
        case "adversarial_weight":
            return trial.suggest_float(name, *_ADVERSARIAL_WEIGHTS, log=True)
    raise ValueError(f"{name!r} cannot be searched: give one of {', '.join(SEARCHABLE)}")


def with_parameters(base: TrainingConfig, parameters: Mapping[str, int | float | str]) -> TrainingConfig:
    """The run with other values of some parameters.

    Args:
        base: the run.
        parameters: values by the names of `SEARCHABLE`.

    Raises:
        UserError: the values do not go together.
    """
    changes: dict[str, dict[str, int | float | str]] = {}
    own: dict[str, int | float | str] = {}
    for name, value in parameters.items():
        part, field = _PLACES.get(name, ("", name))
        (changes.setdefault(part, {}) if part else own)[field] = value
    parts = {part: dataclasses.replace(getattr(base, part), **fields) for part, fields in changes.items()}
    return dataclasses.replace(base, **own, **parts)  # type: ignore[arg-type]


def parameter_flags(parameters: Mapping[str, int | float | str]) -> list[str]:
    """Parameters as lines of a file of flags."""
    return [f"--{name}={value}" for name, value in parameters.items()]
