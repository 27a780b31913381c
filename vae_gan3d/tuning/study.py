"""The search space, and the Optuna study in an SQLite file that several processes can share."""

import dataclasses
import pathlib
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import vae_gan3d
from vae_gan3d.config import ACTIVATIONS, OPTIMIZERS, SEARCHABLE, TrainingConfig, TuneConfig
from vae_gan3d.errors import UserError, require_packages

if TYPE_CHECKING:
    import optuna

Parameters = dict[str, int | float | str]

STUDY_NAME = "study.db"
_NAME = "vae_gan3d"
_CONDITIONS = "conditions"
_HEARTBEAT_SECONDS, _GRACE_SECONDS = 20, 90
_LOCK_SECONDS = 60
_ATTEMPTS = 5
_TRIALS_BEFORE_PRUNING = 4

# From too slow to unstable, for losses that are sums over voxels.
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
# Fields of TrainingConfig; other parameters are fields of the same name.
_FIELDS = {
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
    """Draws a value for each hyperparameter of the search.

    Args:
        trial: suggests values.
        search: hyperparameters, of `SEARCHABLE`.
        base: the run to vary. Its optimizer sets the range of learning rates if the optimizer is not searched.
        trial_epochs: upper limit of epochs.

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
    """The run with these hyperparameters.

    Args:
        base: the run.
        parameters: values by name, see `SEARCHABLE`.

    Raises:
        UserError: the values do not fit together.
    """
    changes: dict[str, dict[str, int | float | str]] = {}
    own: dict[str, int | float | str] = {}
    for name, value in parameters.items():
        part, field = _FIELDS.get(name, ("", name))
        (changes.setdefault(part, {}) if part else own)[field] = value
    parts = {part: dataclasses.replace(getattr(base, part), **fields) for part, fields in changes.items()}
    return dataclasses.replace(base, **own, **parts)  # type: ignore[arg-type]


def parameter_flags(parameters: Mapping[str, int | float | str]) -> list[str]:
    """Hyperparameters as lines of a flag file."""
    return [f"--{name}={value}" for name, value in parameters.items()]


def require_optuna() -> None:
    """Checks that Optuna is installed. Does not import it.

    Raises:
        UserError: it is not installed.
    """
    require_packages("--phase=tune", {"optuna": "optuna"})


def open_study(config: TuneConfig) -> "optuna.Study":
    """Opens the study of a folder, or creates it.

    Optuna notices a killed trial by its missing heartbeat; the trial is queued again.

    Args:
        config: of the study.

    Raises:
        UserError: the file is damaged, or has a study with other flags, whose values cannot be compared.
    """
    import optuna
    import sqlalchemy.exc

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = config.output_dir / STUDY_NAME
    failures = (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.OptunaError, RuntimeError, AssertionError)
    for attempt in range(_ATTEMPTS):
        try:
            study = _open(path, config)
            break
        except failures as error:  # if two processes create a study at once, one may find incomplete tables
            if attempt == _ATTEMPTS - 1:
                reason = str(error).splitlines()[0]
                raise UserError(f"{path} cannot be used ({reason}): give another --output_dir") from error
    _require_same_conditions(study, config, path)
    return study


def _open(path: pathlib.Path, config: TuneConfig) -> "optuna.Study":
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = optuna.storages.RDBStorage(
            f"sqlite:///{path}",
            engine_kwargs={"connect_args": {"timeout": _LOCK_SECONDS}},
            heartbeat_interval=_HEARTBEAT_SECONDS,
            grace_period=_GRACE_SECONDS,
            heartbeat_stale_trial_callback=lambda study, trial: queue_again(study, trial.number),
        )
    return optuna.create_study(
        storage=storage,
        pruner=optuna.pruners.MedianPruner(_TRIALS_BEFORE_PRUNING, n_warmup_steps=config.trial_epochs // 5),
        study_name=_NAME,
        direction=config.direction,
        load_if_exists=True,
    )


def _require_same_conditions(study: "optuna.Study", config: TuneConfig, path: pathlib.Path) -> None:
    ours = {
        "objective": config.objective,
        "trial_epochs": str(config.trial_epochs),
        "trial_minutes": f"{config.trial_minutes:g}",
        "held_out_records": config.held_out_records,
        "held_out_split_name": config.held_out_split_name,
        **dict(line.removeprefix("--").partition("=")[::2] for line in config.base_flags),
    }
    theirs = study.user_attrs.get(_CONDITIONS)
    if theirs is None:
        study.set_user_attr(_CONDITIONS, ours)
        study.set_user_attr("version", vae_gan3d.__version__)
        return
    for name in sorted({*ours, *theirs}):
        if ours.get(name) != theirs.get(name):
            there = f"--{name}={theirs[name]}" if name in theirs else f"no --{name}"
            here = f"--{name}={ours[name]}" if name in ours else f"no --{name}"
            raise UserError(
                f"{path} is a study with {there}, and its trials cannot be compared with trials with {here}: give the "
                "same flag, or another --output_dir"
            )


def make_sampler(seed: int, number: int) -> "optuna.samplers.BaseSampler":
    """The sampler of one trial: TPE (Bergstra et al. 2011).

    The seed depends on the trial's number. So a resumed study continues exactly, and processes that share a study draw
    different values.

    Args:
        seed: of the study.
        number: of the trial.
    """
    import optuna

    return optuna.samplers.TPESampler(seed=int(np.random.SeedSequence([seed, number]).generate_state(1)[0]))


def queue_again(study: "optuna.Study", number: int) -> None:
    """Queues a trial that continues a stopped one in its folder.

    Args:
        study: of the trial.
        number: of the stopped trial.
    """
    stopped = study.get_trials(deepcopy=False)[number]
    reports = sorted(stopped.intermediate_values.items())
    carried: dict[str, Any] = {
        name: stopped.user_attrs[name] for name in ("folder", "seconds") if name in stopped.user_attrs
    }
    study.enqueue_trial(stopped.params, user_attrs={**carried, "reports": reports, "goes_on": number})
