"""Devices of a run: one device, several replicas in this process, or several processes (workers)."""

import contextlib
import dataclasses
import os
import pathlib
import re
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf

from vae_gan3d.config import TrainingConfig
from vae_gan3d.config.fields import require
from vae_gan3d.errors import UserError
from vae_gan3d.files import make_folder, write_text
from vae_gan3d.replicas import Replica, acting_as
from vae_gan3d.tensorflow_start import Cluster
from vae_gan3d.text import counted

Step = Callable[[tf.Tensor, tf.Tensor | None], tf.Tensor]
# Numbers of groups of collective operations; TensorFlow's own count from 1.
_REPLICAS_GROUP, _PROCESSES_GROUP = 1_000_001, 2_000_001
_TASK = re.compile(r"/job:(\w+)/(?:replica:\d+/)?task:(\d+)")
# What a collective operation raises where a process is gone.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.InternalError,
    tf.errors.UnknownError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)
# Paths may differ from machine to machine, and these flags are of one process alone.
_OF_EACH = ("records", "save_path", "logdir", "restart", "assume_yes", "expected_count", "report", "weights")
_SECONDS = 10.0  # a network's file system may show a file so late


class Distribution:
    """One replica, on one device.

    Attributes:
        replicas: how many take part in a step.
        processes: the names of the processes that take part, the chief's first.
        process: the number of this one.
    """

    replicas = 1
    processes: tuple[str, ...] = ("this process",)
    process = 0

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run folder."""
        return self.process == 0

    def describe(self) -> str:
        """What is worth saying of it in a line; nothing of one device."""
        return ""

    def scope(self) -> contextlib.AbstractContextManager[object]:
        """Within it, networks and optimizers are made on every device."""
        return contextlib.nullcontext()

    def compiled(self, step: Step) -> tf.types.experimental.PolymorphicFunction:
        """The step on all replicas as one function, traced at its first call.

        Args:
            step: takes a replica's voxels and labels.

        Returns:
            A function of the voxels and labels of this process, which gives what the step of its first replica does.
        """
        return tf.function(step, autograph=False)

    def largest(self, number: int) -> int:
        """The largest number that any process gives; each has to ask, at the same place."""
        return number

    def gathered(self, numbers: Sequence[int]) -> list[list[int]]:
        """The numbers that each process gives, as many of each; every one has to ask, at the same place."""
        return [list(numbers)]

    @contextlib.contextmanager
    def peers_needed(self) -> Iterator[None]:
        """Tells in one line of a process that is gone.

        Raises:
            UserError: one is.
        """
        yield


ONE_DEVICE = Distribution()


class SeveralReplicas(Distribution):
    """Replicas under a strategy of `tf.distribute`, which mirrors the variables and says what runs where.

    A process makes one of these: the collective operations of two would be taken for the same.
    """

    def __init__(self, strategy: tf.distribute.Strategy, cluster: Cluster | None = None) -> None:
        """Prepares the ways between the replicas.

        Args:
            strategy: mirrored, over the devices of this process; under a cluster, over those of all processes.
            cluster: of the processes; None for this one alone.
        """
        self.replicas = strategy.num_replicas_in_sync
        self._strategy = strategy
        self._devices = tuple(strategy.extended.worker_devices)
        if cluster is not None:
            self.processes, self.process = cluster.tasks, cluster.index
        self._way = _way_between(self._devices)
        self._tokens = [_ordering_token(device) for device in self._devices]
        self._instances = [0] * len(self._devices)
        self._process_token = _ordering_token("/CPU:0")
        self._largest = tf.function(lambda number: self._over_processes(number, "Max", 1), autograph=False)
        self._sums = tf.function(self._sums_of_columns, autograph=False)

    def describe(self) -> str:
        """How many replicas there are, and of how many processes."""
        of_processes = f" of {counted(len(self.processes), 'process', 'processes')}" if len(self.processes) > 1 else ""
        return f"{counted(self.replicas, 'replica')}{of_processes}"

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """See `Distribution.scope`. Each replica assigns to its own copy of a variable what the others do to theirs."""

        def without_aggregation(make: Callable[..., tf.Variable], **options: object) -> tf.Variable:
            return make(**{**options, "aggregation": tf.VariableAggregation.NONE})

        with self._strategy.scope(), tf.variable_creator_scope(without_aggregation):
            yield

    def compiled(self, step: Step) -> tf.types.experimental.PolymorphicFunction:
        """See `Distribution.compiled`."""

        @tf.autograph.experimental.do_not_convert
        def step_of_replica(voxels: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
            index = int(tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group))
            here = index - self.process * len(self._devices)
            replica = Replica(index, self.replicas, lambda values: self._over_replicas(values, here))
            with tf.device("/CPU:0"):  # so that a device is given its own part alone
                part = [None if whole is None else _rows(whole, here, len(self._devices)) for whole in (voxels, labels)]
            with acting_as(replica):
                return step(*part)

        def step_of_all(voxels: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
            results = self._strategy.run(step_of_replica, args=(voxels, labels))
            return self._strategy.experimental_local_results(results)[0]

        return tf.function(step_of_all, autograph=False)

    def largest(self, number: int) -> int:
        """See `Distribution.largest`."""
        if len(self.processes) == 1:
            return number
        with self.peers_needed():
            return int(self._largest(tf.constant(number, tf.int64)))

    def gathered(self, numbers: Sequence[int]) -> list[list[int]]:
        """See `Distribution.gathered`."""
        if len(self.processes) == 1:
            return [list(numbers)]
        own = tf.one_hot(self.process, len(self.processes), dtype=tf.int64)[:, tf.newaxis]
        with self.peers_needed():
            return self._sums(own * tf.constant(numbers, tf.int64)).numpy().tolist()

    @contextlib.contextmanager
    def peers_needed(self) -> Iterator[None]:
        """See `Distribution.peers_needed`."""
        try:
            yield
        except _LOST as error:
            if len(self.processes) == 1:
                raise
            own = tuple(self.processes[self.process].split())
            named = sorted({" ".join(task) for task in _TASK.findall(str(error)) if task != own})
            raise UserError(
                f"{self.processes[self.process]} has lost {' and '.join(named) or 'the other workers'}: look for the "
                "reason there, then start all workers again with the same command, and training goes on from the "
                "newest checkpoint"
            ) from error

    def _over_replicas(self, values: tf.Tensor, here: int) -> tf.Tensor:
        """The sum of a vector over all replicas, for the replica of this process that is being traced."""
        self._instances[here] += 1
        return tf.raw_ops.CollectiveReduceV2(
            input=values,
            group_size=self.replicas,
            group_key=_REPLICAS_GROUP,
            # Replicas are traced one after the other, each with the same operations in the same order.
            instance_key=self._instances[here],
            ordering_token=[self._tokens[here].handle],
            merge_op="Add",
            final_op="Id",
            communication_hint=self._way,
        )

    def _sums_of_columns(self, numbers: tf.Tensor) -> tf.Tensor:
        return self._over_processes(numbers, "Add", 1 + numbers.shape[1])  # a number for each shape

    def _over_processes(self, values: tf.Tensor, operation: str, instance: int) -> tf.Tensor:
        with tf.device("/CPU:0"):
            return tf.raw_ops.CollectiveReduceV2(
                input=values,
                group_size=len(self.processes),
                group_key=_PROCESSES_GROUP,
                instance_key=instance,
                ordering_token=[self._process_token.handle],
                merge_op=operation,
                final_op="Id",
                communication_hint="ring",
            )


def choose_distribution(
    config: TrainingConfig, cluster: Cluster | None = None, strategy: tf.distribute.Strategy | None = None
) -> Distribution:
    """The distribution of a run.

    Args:
        config: the run.
        cluster: that it is part of, or None.
        strategy: over the cluster.

    Returns:
        Several replicas, or the one device, where nothing of a step is changed.

    Raises:
        UserError: the batch cannot be cut into equal parts.
    """
    distribution = ONE_DEVICE
    if strategy is not None:
        distribution = SeveralReplicas(strategy, cluster)
    elif config.devices.strategy != "single":
        devices = _devices(config.devices.strategy)
        if len(devices) > 1:
            distribution = SeveralReplicas(tf.distribute.MirroredStrategy(devices))
        elif config.devices.strategy == "mirrored":
            print(f"note: --strategy=mirrored finds one device, {devices[0]}: it trains alone", file=sys.stderr)
    _require_equal_parts(config, distribution)
    return distribution


def require_same_start(distribution: Distribution, config: TrainingConfig, *, record_count: int, step: int) -> None:
    """Refuses to train where processes would not do the same steps, or do not see one run folder.

    Args:
        distribution: of the processes; nothing is asked of one alone.
        config: of this one.
        record_count: shapes in its records.
        step: that it would go on from.

    Raises:
        UserError: the same on all of them.
    """
    if len(distribution.processes) == 1:
        return
    _require_shared_folder(distribution, config.save_path)
    found = distribution.gathered([_flags_number(config), record_count, step])
    reasons = ("has other flags than", "reads other records than", "found another checkpoint than")
    for name, numbers in zip(distribution.processes, found, strict=True):
        for reason, number, of_chief in zip(reasons, numbers, found[0], strict=True):
            if number != of_chief:
                raise UserError(
                    f"{name} {reason} {distribution.processes[0]}: start every worker with the same command, the same "
                    "records and the same --save_path"
                )


def _ordering_token(device: str) -> tf.Variable:
    """What the collective operations of a device hold, so that each device does them in the same order."""
    with tf.device(device):
        return tf.Variable(0.0, trainable=False)


def _rows(values: tf.Tensor, number: int, parts: int) -> tf.Tensor:
    """One of the equal parts of a batch."""
    rows = values.shape[0] // parts
    return values[number * rows : (number + 1) * rows]


def _way_between(devices: Sequence[str]) -> str:
    """How devices of these kinds are added up over: NCCL knows whole GPUs alone, and no part of one."""
    of_gpus = all(tf.DeviceSpec.from_string(device).device_type == "GPU" for device in devices)
    in_parts = len(tf.config.list_logical_devices("GPU")) > len(tf.config.list_physical_devices("GPU"))
    return "nccl" if of_gpus and not in_parts else "ring"


def _devices(strategy: str) -> list[str]:
    """The GPUs; where there are none, `mirrored` takes the processors that TensorFlow was told to see as several."""
    found = tf.config.list_logical_devices("GPU")
    if not found and strategy == "mirrored":
        found = tf.config.list_logical_devices("CPU")
    return [device.name for device in found]


def _require_equal_parts(config: TrainingConfig, distribution: Distribution) -> None:
    """Refuses a batch that replicas cannot share equally.

    Raises:
        UserError: it is one.
    """
    parts = distribution.replicas * config.devices.accumulate
    by_accumulation = f" and --accumulate={config.devices.accumulate}" if config.devices.accumulate > 1 else ""
    require(
        config.batch_size % parts == 0,
        f"--batch_size={config.batch_size} has no {parts} equal parts for {distribution.replicas} replicas"
        f"{by_accumulation}: give a multiple of {parts}, or --strategy=single",
    )


def _flags_number(config: TrainingConfig) -> int:
    """A number that other flags hardly share."""
    values = {name: value for name, value in dataclasses.asdict(config).items() if name not in _OF_EACH}
    return zlib.crc32(repr(values).encode())


def _require_shared_folder(distribution: Distribution, folder: pathlib.Path) -> None:
    """Refuses run folders that are not one: the chief puts a file there that the others have to find."""
    chosen = int.from_bytes(os.urandom(4), "big") + 1 if distribution.is_chief else 0
    mark = folder / f".shared-{distribution.largest(chosen)}"
    if distribution.is_chief:
        for old in make_folder(folder).glob(".shared-*"):  # of a chief that was killed: the lock keeps living ones out
            old.unlink(missing_ok=True)
        write_text(mark, "")
    distribution.largest(0)
    try:
        missing = distribution.gathered([not _appears(mark)])
    finally:
        if distribution.is_chief:
            mark.unlink(missing_ok=True)
    for name, (is_missing,) in zip(distribution.processes, missing, strict=True):
        if is_missing:
            raise UserError(
                f"{name} does not see the --save_path of {distribution.processes[0]}: give a folder that all workers "
                "share, such as one of a network file system"
            )


def _appears(path: pathlib.Path) -> bool:
    """Waits for a file for a while."""
    end = time.monotonic() + _SECONDS
    while not path.exists():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True
