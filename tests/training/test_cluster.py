"""What TF_CONFIG may say, and that a port needs to be allowed."""

import json

import pytest

from vae_gan3d.config import DevicesConfig
from vae_gan3d.errors import UserError
from vae_gan3d.training.cluster import Cluster, choose_cluster, is_chief, read_cluster

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
