"""What a trial's process says at its end and at each checkpoint. The process itself is in test_trial_runner.py."""

import dataclasses
import multiprocessing
import os
import signal
import types

import numpy as np
import pytest

from tests.configs import TRAINING
from vae_gan3d.config import ModelConfig
from vae_gan3d.errors import UserError
from vae_gan3d.networks.factory import build_networks
from vae_gan3d.tuning import measure, trial_process
from vae_gan3d.tuning.trial_process import Failed, Measured, Report, TrialTask, run_trial_process

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

    monkeypatch.setattr(trial_process, "_train_and_measure", train_and_measure)
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
    report = trial_process._Reporter(theirs, dataclasses.replace(TRAINING, model=model), "held out")
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
    bias = state.average.generator.voxels.bias
    bias.assign(np.full(bias.shape, np.nan))
    report = trial_process._Reporter(theirs, dataclasses.replace(TRAINING, model=SMALL), "held out")
    with pytest.raises(UserError, match="training diverged"):
        report(2, state)
    assert (measured, ours.poll()) == ([], False)
