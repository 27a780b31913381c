"""Results of a study: a table, a plot, and the flags of the best trial."""

import csv
import io
from typing import TYPE_CHECKING

import vae_gan3d
from vae_gan3d.command_line import command_text
from vae_gan3d.config import SEARCHABLE, TuneConfig
from vae_gan3d.files import write_text
from vae_gan3d.text import counted
from vae_gan3d.tuning.study import parameter_flags
from vae_gan3d.viewing.plots import PlottedTrial, save_trials

if TYPE_CHECKING:
    import optuna

TABLE_NAME = "trials.csv"
BEST_NAME = "best.flags"
PLOT_NAME = "trials.png"
_STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running"}


def write_results(study: "optuna.Study", config: TuneConfig) -> None:
    """Writes `trials.csv`, and once a trial is complete `trials.png` and `best.flags`.

    Args:
        study: the study, with the trials of all processes.
        config: its configuration.

    Raises:
        UserError: a file cannot be written.
    """
    trials = [trial for trial in study.get_trials(deepcopy=False) if trial.state.name in _STATES]
    names = [name for name in SEARCHABLE if any(name in trial.params for trial in trials)]
    write_text(config.output_dir / TABLE_NAME, _table(trials, names, config.objective))
    best = best_trial(study)
    if best is None:
        return
    write_text(config.output_dir / BEST_NAME, best_flags(config, best))
    plotted = [
        PlottedTrial(trial.number, trial.value, dict(trial.params))
        for trial in trials
        if trial.state.name == "COMPLETE" and trial.value is not None
    ]
    path = config.output_dir / PLOT_NAME
    save_trials(path, plotted, names, objective=config.objective, maximize=config.direction == "maximize")


def best_trial(study: "optuna.Study") -> "optuna.trial.FrozenTrial | None":
    """The best complete trial; None if there is none."""
    import optuna

    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    return study.best_trial if complete else None


def best_flags(config: TuneConfig, best: "optuna.trial.FrozenTrial") -> str:
    """The contents of `best.flags`: the flags of the study's command line with the hyperparameters of the best trial.

    Args:
        config: of the study.
        best: the trial.

    Returns:
        A comment, and one flag on each line.
    """
    searched = {name: best.params[name] for name in SEARCHABLE if name in best.params}
    base = [line for line in config.base_flags if line.partition("=")[0].removeprefix("--") not in searched]
    comment = (
        f"# vae_gan3d {vae_gan3d.__version__}: {config.objective} {best.value:.4f} after "
        f"{counted(config.trial_epochs, 'epoch')} at most, "
        f"of trial {best.number}: {command_text('train.py', f'--flagfile=STUDY/{BEST_NAME}', '--save_path=RUN')}"
    )
    return "\n".join([comment, *base, *parameter_flags(searched)]) + "\n"


def describe_trial(trial: "optuna.trial.FrozenTrial", objective: str) -> str:
    """One line about a trial that has ended."""
    drawn = ", ".join(f"{name} {_short(value)}" for name, value in trial.params.items())
    seconds = f"{trial.user_attrs.get('seconds', 0):.0f} s"
    match trial.state.name:
        case "COMPLETE":
            outcome = f"{objective} {trial.value:.4f}"
        case "PRUNED":
            outcome = f"pruned at epoch {trial.last_step}"
        case _:
            outcome = str(trial.user_attrs.get("reason", "failed"))
    return f"trial {trial.number}: {outcome} ({drawn}; {seconds})"


def _table(trials: list["optuna.trial.FrozenTrial"], names: list[str], objective: str) -> str:
    text = io.StringIO()
    columns = ["trial", "state", objective, *names, "epoch", "seconds", "folder", "reason"]
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for trial in trials:
        state = _STATES[trial.state.name]
        row = {"trial": trial.number, "state": state, "folder": trial.user_attrs.get("folder", "")}
        row |= {name: trial.params.get(name, "") for name in names}
        row["epoch"] = "" if trial.last_step is None else trial.last_step
        row["seconds"] = f"{trial.user_attrs['seconds']:.1f}" if "seconds" in trial.user_attrs else ""
        row["reason"] = trial.user_attrs.get("reason", "")
        row[objective] = f"{trial.value:.6f}" if state == "complete" else ""
        writer.writerow(row)
    return text.getvalue()


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
