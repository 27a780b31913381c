"""Studies whose trials train nothing, and what they are made of."""

import contextlib
import os
import signal
import time

from tests.conftest import TRAINING
from vae_gan3d.config import TuneConfig
from vae_gan3d.tuning.search import Objective
from vae_gan3d.tuning.study import open_study
from vae_gan3d.tuning.worker import Failed, Measured, Report, Started, Trained, TrialFailed, TrialStopped

FLAGS = ("--records=R", "--kl_weight=3.0", "--depth=1")


def tune_config(folder, **changes):
    """A study of a folder that searches the learning rate and the depth."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {"search": ("learning_rate", "depth"), "objective": "iou", "trials": 1, "trial_epochs": 20}
    values |= {"base_flags": FLAGS, "trial_minutes": 0.0, "held_out_records": "H", "held_out_split_name": "test"}
    return TuneConfig(**{"training": TRAINING, "output_dir": folder, **values, **changes})


class FakeRun:
    """Stands in for training: reports an IoU at every second epoch, and ends with the last of them.

    Attributes:
        tasks: what it was asked for.
        limits: the seconds that it was given.
    """

    def __init__(self, iou=lambda epoch, task: 0.5, last=20, outcome=None, seconds=0.0):
        self.tasks, self.limits = [], []
        self._iou, self._last, self._outcome, self._seconds = iou, last, outcome, seconds

    def __call__(self, task, *, seconds, on_report, stopping):
        self.tasks.append(task)
        self.limits.append(seconds)
        time.sleep(self._seconds)
        for epoch in range(2, self._last + 1, 2):
            on_report(epoch, self._iou(epoch, task))
        if self._outcome is not None:
            raise self._outcome
        return self._iou(self._last, task)


def by_learning_rate(epoch, task):
    """An IoU that grows with the epochs, and is 0.9 at the end where the learning rate is 1e-3."""
    rate = task.training.optimizer.learning_rate
    return 0.9 * epoch / 20 - abs(rate - 1e-3)


def make_trials(config, count, run):
    """Makes trials; returns the study."""
    study = open_study(config)
    objective = Objective(config, run=run)
    for _ in range(count):
        with contextlib.suppress(KeyboardInterrupt):
            study.optimize(objective, n_trials=1, catch=(TrialFailed, TrialStopped))
    return study


def make_slow_trials(folder, count):
    """What one of several processes does that share a study."""
    make_trials(tune_config(folder), count, FakeRun(by_learning_rate, seconds=0.2))


def parameters(study):
    """What each trial has drawn."""
    return [trial.params for trial in study.get_trials(deepcopy=False)]


def states(study):
    """How each trial stands."""
    return [trial.state.name for trial in study.get_trials(deepcopy=False)]


def reporting_process(connection, task):
    """Reports twice and ends, as a trial's process does."""
    connection.send(Started())
    for epoch, iou in ((2, 0.25), (4, 0.5)):
        connection.send(Report(epoch, iou))
        connection.recv()
    connection.send(Trained())
    connection.recv()
    connection.send(Measured(0.75))


def failing_process(connection, task):
    """Finds nothing to measure."""
    connection.send(Started())
    connection.send(Failed("training diverged"))


def crashing_process(connection, task):
    """Ends without a word."""
    os._exit(3)


def killed_process(connection, task):
    """Is ended by the system."""
    os.kill(os.getpid(), signal.SIGKILL)


def endless_process(connection, task):
    """Trains until it is asked to stop, deaf at first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection.send(Started())
    time.sleep(0.5)
    heard = []
    signal.signal(signal.SIGINT, lambda *_: heard.append(True))
    while not heard:
        time.sleep(0.01)
    connection.send(Trained())
    connection.recv()
    connection.send(Measured(0.25))
