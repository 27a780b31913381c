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
# Keys of groups of collective operations; TensorFlow's own start at 1.
_REPLICAS_GROUP, _PROCESSES_GROUP = 1_000_001, 2_000_001
_TASK = re.compile(r"/job:(\w+)/(?:replica:\d+/)?task:(\d+)")
# Errors of a collective operation if a process has ended.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.InternalError,
    tf.errors.UnknownError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)
# Fields that may differ between processes: paths, and flags that concern one process only.
_PER_PROCESS = ("records", "save_path", "logdir", "restart", "assume_yes", "expected_count", "report", "weights")
_SECONDS = 10.0  # a network file system may show a file late


class Distribution:
    """One replica, on one device.

    Attributes:
        replicas: the number of replicas.
        processes: the names of the processes, the chief's first.
        process: the index of this process.
    """

    replicas = 1
    processes: tuple[str, ...] = ("this process",)
    process = 0

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run folder."""
        return self.process == 0

    def describe(self) -> str:
        """Replicas and processes in words; empty for one device."""
        return ""

    def scope(self) -> contextlib.AbstractContextManager[object]:
        """A context in which variables are created on every device."""
        return contextlib.nullcontext()

    def compiled(self, step: Step) -> tf.types.experimental.PolymorphicFunction:
        """Compiles a step for all replicas; it is traced at its first call.

        Args:
            step: takes the voxels and labels of one replica.

        Returns:
            A function of this process's voxels and labels. It returns the result of the first replica.
        """
        return tf.function(step, autograph=False)

    def process_max(self, number: int) -> int:
        """The largest of all processes' numbers. All processes must make the same calls in the same order."""
        return number

    def process_gather(self, numbers: Sequence[int]) -> list[list[int]]:
        """The numbers of every process, equally many of each. All processes must make the same calls in order."""
        return [list(numbers)]

    @contextlib.contextmanager
    def peers_needed(self) -> Iterator[None]:
        """Turns the error of a lost process into one line.

        Raises:
            UserError: another process has ended.
        """
        yield


ONE_DEVICE = Distribution()


class SeveralReplicas(Distribution):
    """Replicas under a `tf.distribute` strategy, which mirrors the variables.

    One per process: the collective operations of two would have the same keys.
    """

    def __init__(self, strategy: tf.distribute.Strategy, cluster: Cluster | None = None) -> None:
        """Prepares the communication.

        Args:
            strategy: mirrored, over the devices of this process, or with a cluster over those of all processes.
            cluster: the processes; None for this one alone.
        """
        self.replicas = strategy.num_replicas_in_sync
        self._strategy = strategy
        self._devices = tuple(strategy.extended.worker_devices)
        if cluster is not None:
            self.processes, self.process = cluster.tasks, cluster.index
        self._communication = _communication(self._devices)
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
        """See `Distribution.scope`. All replicas assign the same values, each to its own copy of a variable."""

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
            with tf.device("/CPU:0"):  # so that a device gets only its own part
                part = [None if whole is None else _rows(whole, here, len(self._devices)) for whole in (voxels, labels)]
            with acting_as(replica):
                return step(*part)

        def step_of_all(voxels: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
            results = self._strategy.run(step_of_replica, args=(voxels, labels))
            return self._strategy.experimental_local_results(results)[0]

        return tf.function(step_of_all, autograph=False)

    def process_max(self, number: int) -> int:
        """See `Distribution.process_max`."""
        if len(self.processes) == 1:
            return number
        with self.peers_needed():
            return int(self._largest(tf.constant(number, tf.int64)))

    def process_gather(self, numbers: Sequence[int]) -> list[list[int]]:
        """See `Distribution.process_gather`."""
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
                "reason there, then start all workers again with the same command; training goes on from the newest "
                "checkpoint"
            ) from error

    def _over_replicas(self, values: tf.Tensor, here: int) -> tf.Tensor:
        """The sum of a vector over all replicas, for the local replica `here`."""
        self._instances[here] += 1
        return tf.raw_ops.CollectiveReduceV2(
            input=values,
            group_size=self.replicas,
            group_key=_REPLICAS_GROUP,
            # All replicas are traced with the same operations in the same order.
            instance_key=self._instances[here],
            ordering_token=[self._tokens[here].handle],
            merge_op="Add",
            final_op="Id",
            communication_hint=self._communication,
        )

    def _sums_of_columns(self, numbers: tf.Tensor) -> tf.Tensor:
        return self._over_processes(numbers, "Add", 1 + numbers.shape[1])  # one key per shape

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
        cluster: the processes of the run, or None.
        strategy: over the cluster.

    Returns:
        `SeveralReplicas`, or `ONE_DEVICE`.

    Raises:
        UserError: the batch cannot be divided equally.
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
    """Checks that all processes take the same steps and share the run folder; one process alone is not checked.

    Args:
        distribution: the processes.
        config: of this process.
        record_count: shapes in its records.
        step: the step that it resumes at.

    Raises:
        UserError: they do not; all processes raise the same error.
    """
    if len(distribution.processes) == 1:
        return
    _require_shared_folder(distribution, config.save_path)
    found = distribution.process_gather([_flags_checksum(config), record_count, step])
    reasons = ("has other flags than", "reads other records than", "found another checkpoint than")
    for name, numbers in zip(distribution.processes, found, strict=True):
        for reason, number, of_chief in zip(reasons, numbers, found[0], strict=True):
            if number != of_chief:
                raise UserError(
                    f"{name} {reason} {distribution.processes[0]}: start every worker with the same command, the same "
                    "records and the same --save_path"
                )


def _ordering_token(device: str) -> tf.Variable:
    """A variable that orders the collective operations of a device."""
    with tf.device(device):
        return tf.Variable(0.0, trainable=False)


def _rows(values: tf.Tensor, number: int, parts: int) -> tf.Tensor:
    """One of `parts` equal parts of a batch."""
    rows = values.shape[0] // parts
    return values[number * rows : (number + 1) * rows]


def _communication(devices: Sequence[str]) -> str:
    """The communication between devices: NCCL for whole GPUs, else ring."""
    of_gpus = all(tf.DeviceSpec.from_string(device).device_type == "GPU" for device in devices)
    in_parts = len(tf.config.list_logical_devices("GPU")) > len(tf.config.list_physical_devices("GPU"))
    return "nccl" if of_gpus and not in_parts else "ring"


def _devices(strategy: str) -> list[str]:
    """The GPUs; without any, `mirrored` takes the CPU's logical devices."""
    found = tf.config.list_logical_devices("GPU")
    if not found and strategy == "mirrored":
        found = tf.config.list_logical_devices("CPU")
    return [device.name for device in found]


def _require_equal_parts(config: TrainingConfig, distribution: Distribution) -> None:
    """Refuses a batch that cannot be divided equally among replicas."""
    parts = distribution.replicas * config.devices.accumulate
    by_accumulation = f" and --accumulate={config.devices.accumulate}" if config.devices.accumulate > 1 else ""
    require(
        config.batch_size % parts == 0,
        f"--batch_size={config.batch_size} does not divide into {parts} parts for {distribution.replicas} replicas"
        f"{by_accumulation}: give a multiple of {parts}, or --strategy=single",
    )


def _flags_checksum(config: TrainingConfig) -> int:
    """A checksum of the flags."""
    values = {name: value for name, value in dataclasses.asdict(config).items() if name not in _PER_PROCESS}
    return zlib.crc32(repr(values).encode())


def _require_shared_folder(distribution: Distribution, folder: pathlib.Path) -> None:
    """Checks that all processes see one run folder: the chief creates a file there, and the others look for it."""
    chosen = int.from_bytes(os.urandom(4), "big") + 1 if distribution.is_chief else 0
    mark = folder / f".shared-{distribution.process_max(chosen)}"
    if distribution.is_chief:
        for old in make_folder(folder).glob(".shared-*"):  # left by a killed chief; the lock keeps running ones out
            old.unlink(missing_ok=True)
        write_text(mark, "")
    distribution.process_max(0)
    try:
        missing = distribution.process_gather([not _appears(mark)])
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
    """Waits up to 10 seconds for a file."""
    end = time.monotonic() + _SECONDS
    while not path.exists():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True
