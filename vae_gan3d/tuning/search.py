"""`--phase=tune`: runs the trials of a study one after the other. Does not import TensorFlow."""

import dataclasses
import math
import pathlib
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from vae_gan3d.command_line import print_next
from vae_gan3d.config import TrainingConfig, TuneConfig
from vae_gan3d.data.record_set import RecordSet, find_records
from vae_gan3d.errors import UserError
from vae_gan3d.files import make_folder
from vae_gan3d.progress import progress_bar
from vae_gan3d.text import counted
from vae_gan3d.training.schedule import Schedule
from vae_gan3d.training.stop_request import stop_request
from vae_gan3d.tuning.results import BEST_NAME, best_trial, describe_trial, write_results
from vae_gan3d.tuning.study import (
    Parameters,
    draw_parameters,
    make_sampler,
    open_study,
    queue_again,
    require_optuna,
    with_parameters,
)
from vae_gan3d.tuning.worker import TrialFailed, TrialStopped, TrialTask, run_trial

if TYPE_CHECKING:
    import optuna

_NEVER = 10**6  # steps between pictures; the last step always draws some


class Objective:
    """The objective function for Optuna: trains and measures one trial.

    Attributes:
        number: of the newest trial; None before the first.
    """

    def __init__(
        self, config: TuneConfig, *, stopping: Callable[[], bool] = lambda: False, run: Callable[..., float] = run_trial
    ) -> None:
        """Stores what all trials share.

        Args:
            config: of the study.
            stopping: whether the user asked to stop.
            run: runs one trial, see `run_trial`.
        """
        self.number: int | None = None
        self._config = config
        self._stopping = stopping
        self._run = run

    def __call__(self, trial: "optuna.Trial") -> float:
        """Trains and measures one trial.

        Args:
            trial: a new trial, or one that continues a stopped trial in its folder.

        Returns:
            The value of the objective.

        Raises:
            optuna.TrialPruned: the trial is worse than the median at the same epoch.
            TrialFailed: there is no value; the trial's attribute `reason` says why.
            TrialStopped: the user asked to stop; the study's queue has a trial that continues this one.
        """
        self.number = trial.number
        trial.study.sampler = make_sampler(self._config.training.seed, trial.number)
        spent, start = float(trial.user_attrs.get("seconds", 0.0)), time.monotonic()
        try:
            return self._run_trial(trial, spent)
        except TrialFailed as error:
            trial.set_user_attr("reason", str(error))
            raise
        except (TrialStopped, KeyboardInterrupt):
            trial.set_user_attr("reason", "stopped; will continue")
            trial.set_user_attr("seconds", spent + time.monotonic() - start)
            queue_again(trial.study, trial.number)
            raise
        finally:
            trial.set_user_attr("seconds", spent + time.monotonic() - start)

    def _run_trial(self, trial: "optuna.Trial", spent: float) -> float:
        config = self._config
        parameters = draw_parameters(trial, config.search, config.training, config.trial_epochs)
        folder = trial.user_attrs.get("folder", f"trial-{trial.number:04d}")
        trial.set_user_attr("folder", folder)
        for epoch, value in trial.user_attrs.get("reports", ()):
            trial.report(value, int(epoch))
        task = TrialTask(
            trial_run(config, parameters, folder),
            config.held_out_records,
            config.held_out_split_name,
            config.objective,
        )
        return self._run(
            task,
            seconds=config.trial_minutes * 60 - spent if config.trial_minutes else math.inf,
            on_report=lambda epoch, iou: self._report(trial, epoch, iou),
            stopping=self._stopping,
        )

    def _report(self, trial: "optuna.Trial", epoch: int, iou: float) -> None:
        """Reports the IoU to Optuna, as 1 - IoU if the objective is minimised; prunes a bad trial."""
        import optuna

        trial.report(iou if self._config.direction == "maximize" else 1 - iou, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned(f"held-out IoU {iou:.3f} at epoch {epoch}")


def trial_run(config: TuneConfig, parameters: Parameters, folder: str) -> TrainingConfig:
    """The training run of one trial.

    Args:
        config: of the study.
        parameters: hyperparameters of the trial.
        folder: name of the trial's folder in the folder of the study.
    """
    path = config.output_dir / folder
    run = dataclasses.replace(
        config.training,
        epochs=config.trial_epochs,
        train_steps=None,
        save_path=path,
        logdir=path,
        checkpoint_every=config.report_every,
        keep_checkpoints=1,
        image_every=_NEVER,
        restart=False,
        assume_yes=False,
        expected_count=None,
    )
    return with_parameters(run, parameters)


def tune(config: TuneConfig) -> int:
    """Runs more trials of a study, and writes its results after each.

    Args:
        config: of the study.

    Returns:
        The exit status: 0, or 128 plus the number of the signal that stopped the study.

    Raises:
        UserError: Optuna or records are missing, the folder has another study, or no trial was completed.
    """
    require_optuna()
    records = find_records(config.training.records, config.training.split_name)
    config = _with_held_out_records(config, records)
    make_folder(config.output_dir)
    study = open_study(config)
    before = len(study.get_trials(deepcopy=False))
    beginning = f"continues after {counted(before, 'trial')}" if before else "a new study"
    print(
        f"{beginning} in {config.output_dir}: {counted(config.trials, 'trial')} of "
        f"{counted(config.trial_epochs, 'epoch')} at most on {counted(records.count, 'shape')}, by {config.objective}; "
        f"searches {', '.join(config.search)}"
    )
    _note_useless_parameters(config, records)
    with stop_request("stopping this trial") as stop, progress_bar(total=config.trials, unit="trial") as bar:
        objective = Objective(config, stopping=lambda: bool(stop))
        for _ in range(config.trials):
            study.optimize(objective, n_trials=1, catch=(TrialFailed, TrialStopped))
            if objective.number is not None:
                ended = study.get_trials(deepcopy=False)[objective.number]
                bar.write(describe_trial(ended, config.objective), file=sys.stdout)
            write_results(study, config)
            bar.update()
            if stop:
                bar.write("stopped: the same command continues the study", file=sys.stderr)
                return stop.exit_status
    best = best_trial(study)
    if best is None:
        raise UserError(f"no trial was completed: see trials.csv and the logs in {config.output_dir}")
    print(f"the best is trial {best.number}, {config.objective} {best.value:.4f}")
    print_next("train.py", f"--flagfile={config.output_dir / BEST_NAME}", "--save_path=RUN")
    return 0


def _with_held_out_records(config: TuneConfig, records: RecordSet) -> TuneConfig:
    """The configuration with the folder of the held-out shapes, which must not be the training shapes."""
    place = config.held_out_records
    if not place:
        training = pathlib.Path(config.training.records)
        place = str(training if training.is_dir() else training.parent)
    held_out = find_records(place, config.held_out_split_name)
    if set(held_out.files) & set(records.files):
        raise UserError(
            f"{held_out.files[0]} has the training shapes, but trials need other shapes: write records of test shapes "
            "with create_tf_record.py --if_train=false, or give --held_out_records"
        )
    return dataclasses.replace(config, held_out_records=place)


def _note_useless_parameters(config: TuneConfig, records: RecordSet) -> None:
    """Notes hyperparameters that cannot improve the objective."""
    run: TrainingConfig = config.training
    if config.objective == "iou" and {"kl_weight", "adversarial_weight"} & set(config.search):
        print(
            "note: --objective=iou measures only reconstructions, which the KL and the adversarial term make worse: "
            "give --objective=mmd to measure samples",
            file=sys.stderr,
        )
    steps = Schedule(records.count, run.batch_size, config.trial_epochs, 1).total_steps
    searched = {"d_learning_rate", "adversarial_weight"} & set(config.search)
    if searched and run.model.kind == "vae_gan" and steps <= run.loss.adversarial_warmup:
        print(
            f"note: {counted(steps, 'step')} of {run.batch_size} end before "
            f"--adversarial_warmup={run.loss.adversarial_warmup}, so {' and '.join(sorted(searched))} may have no "
            "effect: give a lower --adversarial_warmup, or more --trial_epochs",
            file=sys.stderr,
        )
