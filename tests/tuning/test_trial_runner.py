"""A trial's process is listened to, stopped, and outlived."""

import math
import pathlib
import time

import optuna
import pytest

from tests import tuning_studies
from tests.configs import TRAINING
from vae_gan3d.tuning import trial_runner
from vae_gan3d.tuning.trial_process import TrialTask
from vae_gan3d.tuning.trial_runner import TrialFailed, TrialStopped, run_trial

TASK = TrialTask(TRAINING, "H", "test", "iou")


@pytest.fixture
def run(monkeypatch):
    """A function that runs a stand-in for a trial's process; and what that one reported."""
    reports = []

    def run_stand_in(process, *, seconds=math.inf, on_report=None, stopping=lambda: False):
        monkeypatch.setattr(trial_runner, "run_trial_process", process)
        told = on_report or (lambda epoch, iou: reports.append((epoch, iou)))
        return run_trial(TASK, seconds=seconds, on_report=told, stopping=stopping)

    run_stand_in.reports = reports
    return run_stand_in


def test_reports_come_before_the_value(run):
    assert run(tuning_studies.reporting_process) == 0.75
    assert run.reports == [(2, 0.25), (4, 0.5)]


def test_what_a_report_raises_ends_the_trial(run):
    def prune(epoch, iou):
        raise optuna.TrialPruned

    with pytest.raises(optuna.TrialPruned):
        run(tuning_studies.reporting_process, on_report=prune)


@pytest.mark.parametrize(
    ("process", "message"),
    [
        (tuning_studies.failing_process, "^training diverged$"),
        (tuning_studies.crashing_process, rf"ended early \(exit status 3\); see {pathlib.Path('RUN/trial.log')}$"),
        (tuning_studies.killed_process, r"ended early \(SIGKILL, which the system sends where memory is short\)"),
    ],
)
def test_a_process_that_breaks_is_a_failed_trial(run, process, message):
    with pytest.raises(TrialFailed, match=message):
        run(process)


def test_a_trial_whose_time_is_over_is_measured(run):
    assert run(tuning_studies.endless_process, seconds=0.1) == 0.25


def test_a_trial_that_the_user_stops_is_not(run):
    start = time.monotonic()
    with pytest.raises(TrialStopped):
        run(tuning_studies.endless_process, stopping=lambda: time.monotonic() > start + 0.5)


def test_a_process_that_breaks_while_the_user_stops_it_is_a_stopped_trial(run):
    with pytest.raises(TrialStopped):
        run(tuning_studies.crashing_process, stopping=lambda: True)
