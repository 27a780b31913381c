"""Replicas on two virtual devices learn what one device does, and a lost process ends the others in one line."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import threading

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import THREAD_LIMITS
from tests.small_runs import make_config
from tests.training.several_replicas import SHARED, require_equal
from vae_gan3d.config import DevicesConfig
from vae_gan3d.errors import UserError
from vae_gan3d.replicas import Replica, acting_as, this_replica
from vae_gan3d.tensorflow_start import Cluster, choose_cluster, is_chief, read_cluster
from vae_gan3d.training import distribution
from vae_gan3d.training.distribution import (
    ONE_DEVICE,
    Distribution,
    SeveralReplicas,
    choose_distribution,
    require_same_start,
)

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLUSTER = Cluster(("worker 0", "worker 1"), ("a:1", "b:1"), 0)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What `tests.training.several_replicas` found: of each case, of one device and of two, arrays by name."""
    folder = tmp_path_factory.mktemp("several")
    subprocess.run(
        [sys.executable, "-m", "tests.training.several_replicas", str(folder)],
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
    assert (two["moved"] > 0) == case.startswith("gan")  # the generator's turn sees no real shapes, and stays finite


def test_a_checkpoint_of_two_replicas_goes_on_on_one_device(found):
    one, two = found["run"]["one"], found["run"]["two"]
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, rtol=0, atol=1e-5)


def test_one_device_asks_nobody():
    assert (ONE_DEVICE.process_max(3), ONE_DEVICE.process_gather([1, 2]), ONE_DEVICE.is_chief) == (3, [[1, 2]], True)
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


@pytest.mark.parametrize("strategy", ["auto", "single", "mirrored"])
def test_one_device_trains_as_it_is(tmp_path, capsys, strategy):
    config = make_config(tmp_path, devices=DevicesConfig(strategy))
    assert choose_distribution(config) is ONE_DEVICE
    assert ("finds one device" in capsys.readouterr().err) == (strategy == "mirrored")


@pytest.mark.parametrize(
    ("batch", "accumulate", "message"),
    [(4, 1, "--batch_size=4 .* 3 replicas: give a multiple of 3"), (6, 2, None), (6, 1, None)],
)
def test_a_batch_that_replicas_cannot_share_is_refused(tmp_path, monkeypatch, batch, accumulate, message):
    three = Distribution()
    three.replicas = 3
    monkeypatch.setattr(distribution, "ONE_DEVICE", three)
    config = make_config(tmp_path, batch_size=batch, devices=DevicesConfig(accumulate=accumulate))
    if message is None:
        assert choose_distribution(config) is three
        return
    with pytest.raises(UserError, match=message):
        choose_distribution(config)


def test_parts_of_parts_are_told_of(tmp_path, monkeypatch):
    two = Distribution()
    two.replicas = 2
    monkeypatch.setattr(distribution, "ONE_DEVICE", two)
    config = make_config(tmp_path, batch_size=6, devices=DevicesConfig(accumulate=3))
    assert choose_distribution(config) is two
    config = dataclasses.replace(config, batch_size=9)
    with pytest.raises(UserError, match="2 replicas and --accumulate=3: give a multiple of 6"):
        choose_distribution(config)


def beside(others, index=0):
    """A replica whose only peer sends these numbers."""
    return Replica(index, 2, lambda values: values + tf.constant(others, tf.float32))


def test_the_only_replica_changes_nothing():
    values = tf.constant([[1.0], [2.0]])
    alone = Replica()
    assert alone.all_reduce([values])[0] is values
    assert alone.whole_batch(values) is values
    assert alone.local_rows(values) is values
    assert alone.all_gather(values).shape == (1, 2, 1)


def test_values_are_added_in_one_operation_and_keep_their_shapes():
    scalar, matrix = beside([10, 20, 30]).all_reduce([tf.constant(1.0), tf.constant([[2.0, 3.0]])])
    assert float(scalar) == 11
    np.testing.assert_array_equal(matrix, [[22, 33]])


def test_gradients_of_a_sum_are_felt_by_every_replica():
    # y = x + 5, of which this replica's loss is y^2 and the other one's has the slope 7: 2 * (1 + 5) + 7.
    sent = iter([[5.0], [7.0]])
    replica = Replica(0, 2, lambda values: values + tf.constant(next(sent)))
    x = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.square(replica.all_reduce([x])[0])
    assert float(tape.gradient(loss, x)) == 19


@pytest.mark.parametrize(
    ("index", "others", "order"), [(0, [0, 0, 3, 4], [1, 2, 3, 4]), (1, [3, 4, 0, 0], [3, 4, 1, 2])]
)
def test_the_batch_is_in_the_order_of_the_replicas(index, others, order):
    replica = beside(others, index)
    values = tf.constant([1.0, 2.0])
    np.testing.assert_array_equal(tf.reshape(replica.all_gather(values), [-1]), order)
    np.testing.assert_array_equal(replica.whole_batch(values), order)
    np.testing.assert_array_equal(replica.local_rows(tf.constant(order)), [1, 2])


def test_values_that_come_twice_keep_the_order_of_each_time():
    # This replica's two samples, as a and b and again as c and d; the other one's are 5, 6 and 7, 8.
    whole = beside([0, 0, 0, 0, 5, 6, 7, 8]).whole_batch(tf.constant([1.0, 2.0, 3.0, 4.0]), groups=2)
    np.testing.assert_array_equal(whole, [1, 2, 5, 6, 3, 4, 7, 8])


def test_a_replica_is_that_of_its_thread_alone():
    found = []
    with acting_as(beside([0])):
        assert this_replica().count == 2
        thread = threading.Thread(target=lambda: found.append(this_replica().count))
        thread.start()
        thread.join()
    assert (found, this_replica().count) == ([1], 1)


def test_refusals():
    with pytest.raises(ValueError, match="index=2"):
        Replica(2, 2, tf.identity)
    with pytest.raises(ValueError, match="need reduce"):
        Replica(0, 2)


TWO = {"worker": ["10.0.0.1:2222", "10.0.0.2:2223"]}


def config(cluster=TWO, kind="worker", index=1):
    return json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})


def choose(text, **devices):
    return choose_cluster(DevicesConfig(**devices), {} if text is None else {"TF_CONFIG": text})


def test_the_first_worker_is_the_chief_unless_there_is_one_of_that_name():
    found = read_cluster(config())
    assert found == Cluster(("worker 0", "worker 1"), ("10.0.0.1:2222", "10.0.0.2:2223"), 1)
    assert not is_chief(found)
    assert is_chief(read_cluster(config(index=0)))
    with_chief = read_cluster(config({**TWO, "chief": ["c:1"]}, index=0))
    assert (with_chief.tasks[0], with_chief.index, is_chief(with_chief)) == ("chief 0", 1, False)
    assert is_chief(None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not understood"),
        ("[]", "not understood"),
        ('{"cluster": {}}', "not understood"),
        (config({"worker": []}), "no list of addresses"),
        (config({"worker": ["here"]}), "'here' is not host:port"),
        (config({"worker": ["here:70000"]}), "is not host:port"),
        (config({**TWO, "ps": ["p:1"]}), "the job 'ps'"),
        (config(kind="evaluator"), "the job 'evaluator'"),
        (config(index=2), "worker 2 is not in the cluster"),
        (config(kind="chief", index=0), "chief 0 is not in the cluster"),
    ],
)
def test_what_is_no_cluster_is_refused(text, message):
    with pytest.raises(UserError, match=message):
        read_cluster(text)


def test_auto_heeds_the_variable_and_the_others_do_not():
    assert choose(None) is None
    assert choose(config(), strategy="single") is None
    assert choose(config(), strategy="mirrored") is None
    assert choose(config(), listen=True).index == 1
    assert choose(config({"worker": ["a:1"]}, index=0)) is None


def test_a_port_has_to_be_allowed():
    with pytest.raises(UserError, match=r"opens port 2223 on every network interface.*add --listen"):
        choose(config())


def test_many_workers_need_a_cluster():
    with pytest.raises(UserError, match="needs the environment variable TF_CONFIG"):
        choose(None, strategy="multi_worker", listen=True)
    with pytest.raises(UserError, match="names one process"):
        choose(config({"worker": ["a:1"]}, index=0), strategy="multi_worker", listen=True)


class Beside(Distribution):
    """The chief of two processes; a function makes the numbers of the other."""

    processes = ("worker 0", "worker 1")

    def __init__(self, other):
        self.other = other

    def process_gather(self, numbers):
        return [list(numbers), self.other(list(numbers))]


def start(folder, other, **changed):
    require_same_start(Beside(other), make_config(folder, **changed), record_count=10, step=5)


def test_processes_that_agree_go_on_and_leave_nothing(tmp_path):
    start(tmp_path, lambda numbers: numbers)
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize(
    ("place", "message"),
    [(0, "worker 1 has other flags than worker 0"), (1, "reads other records"), (2, "found another checkpoint")],
)
def test_what_differs_is_named(tmp_path, place, message):
    def other(numbers):
        if len(numbers) == 3:
            numbers[place] += 1
        return numbers

    with pytest.raises(UserError, match=message):
        start(tmp_path, other)


def test_a_folder_that_is_not_shared_is_refused(tmp_path):
    with pytest.raises(UserError, match="worker 1 does not see the --save_path of worker 0"):
        start(tmp_path, lambda numbers: [True] if len(numbers) == 1 else numbers)
    assert list((tmp_path / "run").iterdir()) == []


def test_flags_count_and_paths_do_not(tmp_path):
    def flags_number(config):
        asked = []
        require_same_start(Beside(lambda numbers: asked.append(numbers) or numbers), config, record_count=10, step=5)
        return asked[-1][0]

    config = make_config(tmp_path)
    number = flags_number(config)
    assert flags_number(dataclasses.replace(config, save_path=tmp_path, report=False)) == number
    assert flags_number(dataclasses.replace(config, seed=1)) != number


def test_one_process_asks_nothing(tmp_path):
    require_same_start(Distribution(), make_config(tmp_path), record_count=10, step=0)
    assert not (tmp_path / "run").exists()
