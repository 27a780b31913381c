"""Which machines train together, as `TF_CONFIG` says, and whether they may. Needs no TensorFlow."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from vae_gan3d.config import DevicesConfig
from vae_gan3d.errors import UserError

VARIABLE = "TF_CONFIG"
_JOBS = ("chief", "worker")  # in this order
_EXAMPLE = '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type": "worker", "index": 0}}'


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes that train together, and which of them this one is.

    Attributes:
        tasks: their names, such as `worker 0`; the first is the chief.
        addresses: of each, `host:port`.
        index: of this process among them.
    """

    tasks: tuple[str, ...]
    addresses: tuple[str, ...]
    index: int


def read_cluster(text: str) -> Cluster:
    """Reads the value of `TF_CONFIG`.

    Args:
        text: the value.

    Returns:
        The cluster.

    Raises:
        UserError: it is no cluster that trains together.
    """
    try:
        contents = json.loads(text)
        jobs, task = dict(contents["cluster"]), contents["task"]
        name, index = str(task["type"]), int(task["index"])
        members = {job: _addresses(addresses) for job, addresses in jobs.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{VARIABLE} is not understood ({type(error).__name__}: {error}): give such as {_EXAMPLE}"
        ) from error
    other = [job for job in (*members, name) if job not in _JOBS]
    if other:
        raise UserError(f"{VARIABLE} names the job {other[0]!r}: only chief and worker train here, such as {_EXAMPLE}")
    if not 0 <= index < len(members.get(name, ())):
        raise UserError(f"{VARIABLE}: the task {name} {index} is not in the cluster: give an index of its list, from 0")
    named = [(f"{job} {number}", address) for job in _JOBS for number, address in enumerate(members.get(job, ()))]
    tasks, addresses = zip(*named, strict=True)
    return Cluster(tasks, addresses, tasks.index(f"{name} {index}"))


def is_chief(cluster: Cluster | None) -> bool:
    """Whether this process, of a cluster or alone, writes the run folder."""
    return cluster is None or cluster.index == 0


def choose_cluster(devices: DevicesConfig, environment: Mapping[str, str]) -> Cluster | None:
    """The cluster that a run is part of.

    Args:
        devices: what the user asked for and allowed.
        environment: of the process.

    Returns:
        None where the run is of this process alone.

    Raises:
        UserError: the cluster is missing or not understood, or the port was not allowed.
    """
    text, strategy = environment.get(VARIABLE, ""), devices.strategy
    if strategy in ("single", "mirrored") or (strategy == "auto" and not text):
        return None
    if not text:
        raise UserError(f"--strategy=multi_worker needs the environment variable {VARIABLE}, such as {_EXAMPLE}")
    cluster = read_cluster(text)
    if len(cluster.tasks) == 1:
        if strategy == "auto":
            return None
        raise UserError(f"{VARIABLE} names one process: name two or more, or give --strategy=mirrored or single")
    if not devices.listen:
        port = cluster.addresses[cluster.index].rpartition(":")[2]
        raise UserError(
            f"{VARIABLE} names {len(cluster.tasks)} processes, for which this one opens port {port} on every network "
            "interface, and whoever reaches it runs code here: add --listen in a network where nobody else does, or "
            "--strategy=single"
        )
    return cluster


def _addresses(given: Any) -> tuple[str, ...]:  # noqa: ANN401 (of JSON)
    """Addresses of one job, each with a port."""
    if not isinstance(given, list) or not given:
        raise ValueError(f"{given!r} is no list of addresses")
    for address in given:
        host, _, port = str(address).rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 2**16:
            raise ValueError(f"{address!r} is not host:port")
    return tuple(map(str, given))
