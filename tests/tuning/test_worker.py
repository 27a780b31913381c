"""What a trial's process says at its end and at each checkpoint. The process itself is in test_trial_runner.py."""

import dataclasses
import math
import multiprocessing
import os
import pathlib
import signal
import time
import types

import numpy as np
import optuna
import pytest

from tests.conftest import TRAINING
from tests.tuning import conftest as tuning_studies
from vae_gan3d.config import ModelConfig
from vae_gan3d.errors import UserError
from vae_gan3d.networks.build import build_networks
from vae_gan3d.tuning import measure, worker
from vae_gan3d.tuning.worker import (
    Failed,
    Measured,
    Report,
    TrialFailed,
    TrialStopped,
    TrialTask,
    run_trial,
    run_trial_process,
)

SMALL = ModelConfig(16, 4, "default", 8, "group", "relu", ("chair",))


@pytest.fixture
def ends():
    """Both ends of the connection to the study."""
    ours, theirs = multiprocessing.Pipe()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def task(tmp_path):
    """A task; this process has its terminal and its answer to Ctrl-C again afterwards."""
    heard = signal.getsignal(signal.SIGINT)
    terminals = {number: os.dup(number) for number in (1, 2)}
    yield TrialTask(dataclasses.replace(TRAINING, save_path=tmp_path / "trial"), "H", "test", "iou")
    signal.signal(signal.SIGINT, heard)
    for number, kept in terminals.items():
        os.dup2(kept, number)
        os.close(kept)


def run_with(monkeypatch, connection, task, ending):
    """Runs a process's work here, the training replaced; returns its log."""

    def train_and_measure(connection, task):
        os.write(1, b"training\n")
        if isinstance(ending, BaseException):
            raise ending
        return ending

    monkeypatch.setattr(worker, "_train_and_measure", train_and_measure)
    # As in a process of its own, and not in what pytest collects.
    with open(1, "w", closefd=False) as out, open(2, "w", closefd=False) as error:
        monkeypatch.setattr("sys.stdout", out)
        monkeypatch.setattr("sys.stderr", error)
        run_trial_process(connection, task)
    return (task.training.save_path / "trial.log").read_text()


@pytest.mark.parametrize(
    ("ending", "message", "last_line"),
    [
        (0.75, Measured(0.75), "training"),
        (UserError("training diverged"), Failed("training diverged"), "error: training diverged"),
        (RuntimeError("out of\n  luck"), Failed("RuntimeError: out of luck"), "  luck"),
    ],
)
def test_the_last_message_is_the_value_or_the_reason(monkeypatch, ends, task, ending, message, last_line):
    ours, theirs = ends
    log = run_with(monkeypatch, theirs, task, ending)
    assert ours.recv() == message
    assert not ours.poll()
    assert log.splitlines()[0] == "training"
    assert log.splitlines()[-1] == last_line
    # Of what nobody foresaw the log tells where it happened.
    assert ("Traceback" in log) == isinstance(ending, RuntimeError)


@pytest.mark.parametrize("ending", [EOFError(), BrokenPipeError()])
def test_where_the_study_has_ended_there_is_nobody_to_tell(monkeypatch, ends, task, ending):
    ours, theirs = ends
    assert run_with(monkeypatch, theirs, task, ending) == "training\n"
    assert not ours.poll()


def test_a_trial_that_goes_on_keeps_its_log(monkeypatch, ends, task):
    for _ in range(2):
        log = run_with(monkeypatch, ends[1], task, 0.5)
    assert log == "training\ntraining\n"


@pytest.fixture
def measured(monkeypatch):
    """The models whose IoU was asked for; it is 0.25."""
    models = []
    monkeypatch.setattr(measure, "held_out_iou", lambda model, held_out: models.append(model) or 0.25)
    return models


@pytest.mark.parametrize("kind", ["vae_gan", "gan"])
def test_a_checkpoint_is_reported_where_there_are_reconstructions(ends, measured, kind):
    ours, theirs = ends
    model = dataclasses.replace(SMALL, kind=kind)
    state = types.SimpleNamespace(average=build_networks(**model.network_arguments()))
    report = worker._Reporter(theirs, dataclasses.replace(TRAINING, model=model), "held out")
    for epoch in (2, 4):
        ours.send(None)
        report(epoch, state)
    if kind == "gan":
        assert not ours.poll()
        return
    assert [ours.recv(), ours.recv()] == [Report(2, 0.25), Report(4, 0.25)]
    assert not theirs.poll()  # an answer was awaited each time
    # One model for all checkpoints, whose networks are traced once.
    assert measured[0] is measured[1]
    assert measured[0].networks is state.average


def test_a_checkpoint_of_a_diverged_run_is_not_reported(ends, measured):
    ours, theirs = ends
    state = types.SimpleNamespace(average=build_networks(**SMALL.network_arguments()))
    bias = state.average.generator.to_logits.bias
    bias.assign(np.full(bias.shape, np.nan))
    report = worker._Reporter(theirs, dataclasses.replace(TRAINING, model=SMALL), "held out")
    with pytest.raises(UserError, match="training diverged"):
        report(2, state)
    assert (measured, ours.poll()) == ([], False)


TASK = TrialTask(TRAINING, "H", "test", "iou")


@pytest.fixture
def run(monkeypatch):
    """A function that runs a stand-in for a trial's process; and what that one reported."""
    reports = []

    def run_stand_in(process, *, seconds=math.inf, on_report=None, stopping=lambda: False):
        monkeypatch.setattr(worker, "run_trial_process", process)
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
        (tuning_studies.killed_process, r"ended early \(SIGKILL, perhaps because memory ran out\)"),
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
