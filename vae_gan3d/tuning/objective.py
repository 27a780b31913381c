"""What Optuna makes small or large: a trial's parameters become a run, and the run becomes a number."""

import dataclasses
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from vae_gan3d.config import TrainingConfig, TuneConfig
from vae_gan3d.tuning.search_space import Parameters, draw_parameters, with_parameters
from vae_gan3d.tuning.study import make_sampler, queue_again
from vae_gan3d.tuning.trial_process import TrialTask
from vae_gan3d.tuning.trial_runner import TrialFailed, TrialStopped, run_trial

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
