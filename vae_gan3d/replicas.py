"""The replicas of a training step: each takes an equal part of the batch, and their results are added up.

On one device there is one replica, and nothing here adds an operation to its step.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf


class Replica:
    """One of the equal copies of the networks, or the only one.

    Attributes:
        index: its number, from 0; it takes this part of each batch.
        count: the number of replicas.
    """

    def __init__(self, index: int = 0, count: int = 1, reduce: Callable[[tf.Tensor], tf.Tensor] | None = None) -> None:
        """Creates a replica.

        Args:
            index: from 0.
            count: the number of replicas.
            reduce: maps a vector of this replica to the sum over all replicas; needed if there are several.

        Raises:
            ValueError: the index is not below the count, or `reduce` is missing.
        """
        if not 0 <= index < count:
            raise ValueError(f"index={index} is not below count={count}: give 0 to {count - 1}")
        if count > 1 and reduce is None:
            raise ValueError(f"count={count} replicas need reduce, the sum over them: give it")
        self.index = index
        self.count = count
        self._reduce = reduce or tf.identity

    def all_reduce(self, values: Any) -> Any:  # noqa: ANN401 (as nested as the caller likes)
        """Sums values over all replicas, in one operation; differentiable twice.

        Args:
            values: a nested structure of tensors of one type, each of the same known shape on every replica.

        Returns:
            The sums in the same structure, the same on every replica.
        """
        if self.count == 1:
            return values
        tensors = tf.nest.flatten(values)
        flat = tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0)
        sums = tf.split(self._total(flat), [tensor.shape.num_elements() for tensor in tensors])
        shaped = [tf.reshape(part, tensor.shape) for part, tensor in zip(sums, tensors, strict=True)]
        return tf.nest.pack_sequence_as(values, shaped)

    def all_gather(self, values: tf.Tensor) -> tf.Tensor:
        """The values `[...]` of all replicas: `[count, ...]`, the same on every replica."""
        if self.count == 1:
            return values[tf.newaxis]
        others = [[self.index, self.count - 1 - self.index], *([0, 0] for _ in values.shape)]
        return self.all_reduce([tf.pad(values[tf.newaxis], others)])[0]

    def whole_batch(self, values: tf.Tensor, groups: int = 1) -> tf.Tensor:
        """The values of all samples of the batch, in its order.

        Args:
            values: `[groups B, ...]`, values of this replica's B samples, `groups` times one after the other.
            groups: how often.

        Returns:
            `[groups count B, ...]`.
        """
        if self.count == 1:
            return values
        samples, *rest = values.shape
        parts = tf.reshape(values, [groups, samples // groups, *rest])
        gathered = self.all_gather(parts)  # [count, groups, B, ...]
        ordered = tf.transpose(gathered, [1, 0, *range(2, gathered.shape.rank)])  # [groups, count, B, ...]
        return tf.reshape(ordered, [self.count * samples, *rest])

    def local_rows(self, values: tf.Tensor) -> tf.Tensor:
        """This replica's rows `[B, ...]` of values `[count B, ...]` of the whole batch."""
        if self.count == 1:
            return values
        rows = values.shape[0] // self.count
        return values[self.index * rows : (self.index + 1) * rows]

    def _total(self, values: tf.Tensor) -> tf.Tensor:
        @tf.custom_gradient
        def total(values: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
            # Every replica's loss is a share of the whole loss, so the gradient of a sum is summed over replicas too.
            return self._reduce(values), self._total

        return total(values)


_SINGLE_REPLICA = Replica()
_traced = threading.local()


def this_replica() -> Replica:
    """The replica whose step this thread is tracing; the single one outside of `acting_as`."""
    return getattr(_traced, "replica", _SINGLE_REPLICA)


@contextlib.contextmanager
def acting_as(replica: Replica) -> Iterator[None]:
    """Makes `replica` the replica of this thread within the block."""
    before = this_replica()
    _traced.replica = replica
    try:
        yield
    finally:
        _traced.replica = before
