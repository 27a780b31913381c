"""A batch in equal parts, one after the other, so that no more than one of them needs memory at a time."""

from collections.abc import Callable, Sequence

import tensorflow as tf


def summed_over_parts(
    count: int, compute: Callable[..., list[tf.Tensor]], tensors: Sequence[tf.Tensor | None]
) -> list[tf.Tensor]:
    """Adds up what a computation gives for each part of a batch.

    Args:
        count: of the parts; 1 calls `compute` with the tensors as they are.
        compute: takes a part of each tensor, and gives values whose shapes are known.
        tensors: `[B, ...]` each, B a multiple of `count`; None is handed on.

    Returns:
        The sums.
    """
    if count == 1:
        return compute(*tensors)
    first = compute(*_part(count, tensors, 0))

    def add_next(number: tf.Tensor, *sums: tf.Tensor) -> list[tf.Tensor]:
        values = compute(*_part(count, tensors, number))
        return [number + 1, *(total + value for total, value in zip(sums, values, strict=True))]

    _, *sums = tf.while_loop(
        lambda number, *_: number < count,
        add_next,
        [tf.constant(1), *first],
        parallel_iterations=1,
        maximum_iterations=count - 1,
    )
    return sums


def joined_over_parts(count: int, compute: Callable[..., tf.Tensor], tensors: Sequence[tf.Tensor | None]) -> tf.Tensor:
    """Puts together what a computation gives for each part of a batch.

    Args:
        count, tensors: as in `summed_over_parts`.
        compute: takes a part of each tensor, and gives a `[b, ...]` float32 for its b samples.

    Returns:
        `[B, ...]` float32.
    """
    if count == 1:
        return compute(*tensors)
    parts = tf.map_fn(
        lambda number: compute(*_part(count, tensors, number)),
        tf.range(count),
        fn_output_signature=tf.float32,
        parallel_iterations=1,
    )  # [count, b, ...]
    return tf.reshape(parts, [count * parts.shape[1], *parts.shape[2:]])


def _part(count: int, tensors: Sequence[tf.Tensor | None], number: int | tf.Tensor) -> list[tf.Tensor | None]:
    return [
        None if tensor is None else tf.reshape(tensor, [count, tensor.shape[0] // count, *tensor.shape[1:]])[number]
        for tensor in tensors
    ]
