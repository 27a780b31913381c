"""`--phase=tune`: trial after trial. This process needs no TensorFlow."""

import dataclasses
import math
import pathlib
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

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

_NEVER = 10**6  # steps between pictures, of which the last step makes some in any case


class RunTrial(Protocol):
    """`trial_runner.run_trial`, or what stands in for it."""

    def __call__(
        self,
        task: TrialTask,
        *,
        seconds: float,
        on_report: Callable[[int, float], None],
        stopping: Callable[[], bool],
    ) -> float:
        """See `trial_runner.run_trial`."""


class Objective:
    """One trial after the other.

    Attributes:
        number: of the newest trial that was begun; None before the first.
    """

    def __init__(
        self, config: TuneConfig, *, stopping: Callable[[], bool] = lambda: False, run: RunTrial = run_trial
    ) -> None:
        """Sets what all trials have in common.

        Args:
            config: of the study.
            stopping: whether the user asked to stop.
            run: what makes a number of a task.
        """
        self.number: int | None = None
        self._config = config
        self._stopping = stopping
        self._run = run

    def __call__(self, trial: "optuna.Trial") -> float:
        """Trains and measures.

        Args:
            trial: a new one, or one that goes on in the folder of a stopped one.

        Returns:
            The objective's value.

        Raises:
            optuna.TrialPruned: the trial is worse than most were at the same epoch.
            TrialFailed: there is no value; the attribute `reason` of the trial says why.
            TrialStopped: the user asked to stop; what goes on from here waits in the study.
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
            trial.set_user_attr("reason", "stopped, and waits to go on")
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
        """Tells Optuna how a trial does, turned so that it is better in the objective's direction."""
        import optuna

        trial.report(iou if self._config.direction == "maximize" else 1 - iou, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned(f"held-out IoU {iou:.3f} at epoch {epoch}")


def trial_run(config: TuneConfig, parameters: Parameters, folder: str) -> TrainingConfig:
    """The training run of one trial.

    Args:
        config: of the study.
        parameters: what was drawn.
        folder: the trial's folder, within the study's.

    Returns:
        The run.
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
    """Makes some more trials of a study, and writes its results after each.

    Args:
        config: of the study.

    Returns:
        0, or 128 plus the signal's number where a signal stopped it.

    Raises:
        UserError: Optuna or records are missing, the folder holds another study, or no trial was completed.
    """
    require_optuna()
    records = find_records(config.training.records, config.training.split_name)
    config = _with_held_out_records(config, records)
    make_folder(config.output_dir)
    study = open_study(config)
    before = len(study.get_trials(deepcopy=False))
    beginning = f"on from {counted(before, 'trial')}" if before else "a new study"
    print(
        f"{beginning} in {config.output_dir}: {counted(config.trials, 'trial')} of "
        f"{counted(config.trial_epochs, 'epoch')} at most on {counted(records.count, 'shape')}, by {config.objective}; "
        f"searched: {', '.join(config.search)}"
    )
    _note_what_has_no_effect(config, records)
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
                bar.write("stopped: the same command goes on from there", file=sys.stderr)
                return stop.exit_status
    best = best_trial(study)
    if best is None:
        raise UserError(f"no trial was completed: see trials.csv and the logs in {config.output_dir}")
    print(f"the best is trial {best.number}, {config.objective} {best.value:.4f}")
    print_next("train.py", f"--flagfile={config.output_dir / BEST_NAME}", "--save_path=RUN")
    return 0


def _with_held_out_records(config: TuneConfig, records: RecordSet) -> TuneConfig:
    """The configuration with the place of the held-out shapes, which must not be the training shapes."""
    place = config.held_out_records
    if not place:
        training = pathlib.Path(config.training.records)
        place = str(training if training.is_dir() else training.parent)
    held_out = find_records(place, config.held_out_split_name)
    if set(held_out.files) & set(records.files):
        raise UserError(
            f"{held_out.files[0]} holds the training shapes, and trials are judged by others: make records of the "
            "test shapes with create_tf_record.py --if_train=false, or give --held_out_records"
        )
    return dataclasses.replace(config, held_out_records=place)


def _note_what_has_no_effect(config: TuneConfig, records: RecordSet) -> None:
    run: TrainingConfig = config.training
    if config.objective == "iou" and {"kl_weight", "adversarial_weight"} & set(config.search):
        print(
            "note: --objective=iou measures reconstructions alone, which the KL and the adversarial term only make "
            "worse: give --objective=mmd to judge samples",
            file=sys.stderr,
        )
    steps = Schedule(records.count, run.batch_size, config.trial_epochs, 1).total_steps
    searched = {"d_learning_rate", "adversarial_weight"} & set(config.search)
    if searched and run.model.kind == "vae_gan" and steps <= run.loss.adversarial_warmup:
        print(
            f"note: {counted(steps, 'step')} of {run.batch_size} end before "
            f"--adversarial_warmup={run.loss.adversarial_warmup}, so {' and '.join(sorted(searched))} may "
            "change nothing: give a lower one, or more --trial_epochs",
            file=sys.stderr,
        )
