"""Replicas on two virtual devices learn what one device does, and a process that is gone is told of in one line."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import THREAD_LIMITS
from tests.several_replicas import SHARED, require_equal
from vae_gan3d.errors import UserError
from vae_gan3d.training.cluster import Cluster
from vae_gan3d.training.distribution import ONE_DEVICE, SeveralReplicas

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLUSTER = Cluster(("worker 0", "worker 1"), ("a:1", "b:1"), 0)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What `tests.several_replicas` found: of each case, of one device and of two, arrays by name."""
    folder = tmp_path_factory.mktemp("several")
    subprocess.run(
        [sys.executable, "-m", "tests.several_replicas", str(folder)],
        cwd=ROOT,
        env={**os.environ, **dict.fromkeys(THREAD_LIMITS, "1")},
        check=True,
    )
    sorted_out = {}
    with np.load(folder / "found.npz") as file:
        for key in file.files:
            case, where, name = key.split("|")
            sorted_out.setdefault(case, {}).setdefault(where, {})[name] = file[key]
    return sorted_out


@pytest.mark.parametrize("case", SHARED)
def test_two_replicas_take_the_steps_of_one_device(found, case):
    require_equal(found[case]["two"], found[case]["one"])


@pytest.mark.parametrize("case", SHARED)
def test_a_nan_on_one_replica_alone_moves_no_replica(found, case):
    two = found[case]["two"]
    assert np.isnan(two["bad metrics"]).all()
    assert two["apart"] == 0
    assert (two["moved"] > 0) == case.startswith("gan")  # whose generator's turn sees no real shapes, and is sound


def test_a_checkpoint_of_two_replicas_goes_on_on_one_device(found):
    one, two = found["run"]["one"], found["run"]["two"]
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, rtol=0, atol=1e-5)


def test_one_device_asks_nobody():
    assert (ONE_DEVICE.largest(3), ONE_DEVICE.gathered([1, 2]), ONE_DEVICE.is_chief) == (3, [[1, 2]], True)
    assert ONE_DEVICE.describe() == ""
    with pytest.raises(tf.errors.UnavailableError), ONE_DEVICE.peers_needed():
        raise tf.errors.UnavailableError(None, None, "")


def two_processes():
    """As it is in the first of two, but for the other one."""
    distribution = SeveralReplicas(tf.distribute.OneDeviceStrategy("/CPU:0"), CLUSTER)
    distribution.replicas = 2
    return distribution


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("/job:worker/task:0 hears nothing of /job:worker/replica:0/task:1 any more", "worker 1: "),
        ("Socket closed", "the other workers: "),
    ],
)
def test_who_is_gone_is_named(message, named):
    distribution = two_processes()
    with pytest.raises(UserError, match=f"^worker 0 has lost {named}look for the reason"), distribution.peers_needed():
        raise tf.errors.UnavailableError(None, None, message)


def test_other_errors_pass():
    with pytest.raises(tf.errors.ResourceExhaustedError), two_processes().peers_needed():
        raise tf.errors.ResourceExhaustedError(None, None, "")


def test_processes_are_counted():
    assert two_processes().describe() == "2 replicas of 2 processes"
    assert two_processes().is_chief
