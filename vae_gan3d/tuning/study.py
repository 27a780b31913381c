"""An Optuna study in a SQLite file, which resumes and which several processes can share."""

import importlib.util
import pathlib
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

import vae_gan3d
from vae_gan3d.config import TuneConfig
from vae_gan3d.errors import UserError

if TYPE_CHECKING:
    import optuna

STUDY_NAME = "study.db"
_NAME = "vae_gan3d"
_CONDITIONS = "conditions"
_HEARTBEAT_SECONDS, _GRACE_SECONDS = 20, 90
_LOCK_SECONDS = 60
_ATTEMPTS = 5
_TRIALS_BEFORE_PRUNING = 4


def require_optuna() -> None:
    """Refuses to tune where Optuna is not there; it is not imported.

    Raises:
        UserError: it is not installed.
    """
    if importlib.util.find_spec("optuna") is None:
        raise UserError('--phase=tune needs Optuna: pip install "optuna>=5,<6"')


def open_study(config: TuneConfig) -> "optuna.Study":
    """Opens the study of a folder, or begins it.

    A trial whose process was killed is noticed by its missing heartbeat, and put in the queue again.

    Args:
        config: of the study.

    Returns:
        The study.

    Raises:
        UserError: the file is damaged, or holds a study of other conditions, whose values cannot be compared.
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
        except failures as error:  # two processes that begin a study at once: one finds the other's half-made tables
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
                f"{path} is a study with {there}, whose trials cannot be compared with those of {here}: give the same, "
                "or another --output_dir"
            )


def make_sampler(seed: int, number: int) -> "optuna.samplers.BaseSampler":
    """The sampler of one trial (Bergstra et al. 2011, TPE).

    Seeded by the trial's number, so that a study that resumes goes on as one that was never stopped, and processes
    that share a study do not draw the same.

    Args:
        seed: of the study.
        number: of the trial.
    """
    import optuna

    return optuna.samplers.TPESampler(seed=int(np.random.SeedSequence([seed, number]).generate_state(1)[0]))


def queue_again(study: "optuna.Study", number: int) -> None:
    """Lets the next trial go on where an unfinished one was stopped, in its folder.

    Args:
        study: of the trial.
        number: of the trial that was stopped.
    """
    stopped = study.get_trials(deepcopy=False)[number]
    reports = sorted(stopped.intermediate_values.items())
    carried: dict[str, Any] = {
        name: stopped.user_attrs[name] for name in ("folder", "seconds") if name in stopped.user_attrs
    }
    study.enqueue_trial(stopped.params, user_attrs={**carried, "reports": reports, "goes_on": number})
