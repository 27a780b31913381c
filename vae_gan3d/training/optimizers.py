"""From gradients to weights: accumulation, optimizers, learning rates, skipped updates and averaged weights."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import tensorflow as tf

from vae_gan3d.replicas import this_replica

_SECOND_DECAY = 0.99
_WEIGHT_DECAY = 0.01
_MOMENTUM = 0.9
# Scales and biases are few, and are not what overfits.
_NOT_DECAYED = ["bias", "gamma", "beta", "scale", "offset"]

# Variables, each with the value that it had.
Snapshot = Sequence[tuple[keras.Variable, tf.Tensor]]


class Adam(keras.optimizers.Adam):
    """`keras.optimizers.Adam` that moves a variable and both its moments by one operation in place of a dozen.

    With `weight_decay` it is `keras.optimizers.AdamW`.
    """

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor) -> None:
        """Does what `keras.optimizers.Adam.update_step` does: Kingma and Ba 2015, the form before section 2.1.

        Args:
            gradient: dense, of the variable's shape.
            variable: one that the optimizer was built for, float32.
            learning_rate: a float32 scalar.
        """
        index = self._get_variable_index(variable)
        step = tf.cast(tf.convert_to_tensor(self.iterations), tf.float32) + 1.0
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


def make_optimizer(kind: str, learning_rate: float, *, beta1: float, name: str) -> keras.optimizers.Optimizer:
    """Makes an optimizer, not built yet.

    Args:
        kind: `adam` (Kingma and Ba 2015); `adamw`, the same with a decoupled weight decay of 0.01 on kernels
            (Loshchilov and Hutter 2019); `sgd`, with a momentum of 0.9; `rmsprop`, with the decay 0.99; or `adadelta`
            (Zeiler 2012), whose learning rate is near 1.
        learning_rate: above 0.
        beta1: the first decay of Adam and AdamW; the others have none.
        name: what the optimizer's variables begin with in a checkpoint.

    Raises:
        ValueError: the kind is not known.
    """
    if kind == "adam":
        return Adam(learning_rate, beta_1=beta1, beta_2=_SECOND_DECAY, name=name)
    if kind == "adamw":
        optimizer = Adam(learning_rate, beta_1=beta1, beta_2=_SECOND_DECAY, weight_decay=_WEIGHT_DECAY, name=name)
        optimizer.exclude_from_weight_decay(var_names=_NOT_DECAYED)
        return optimizer
    if kind == "sgd":
        return keras.optimizers.SGD(learning_rate, momentum=_MOMENTUM, name=name)
    if kind == "rmsprop":
        return keras.optimizers.RMSprop(learning_rate, rho=_SECOND_DECAY, name=name)
    if kind == "adadelta":
        return keras.optimizers.Adadelta(learning_rate, name=name)
    raise ValueError(f"optimizer={kind!r} is not known: give adam, adamw, sgd, rmsprop or adadelta")


def learning_rate_scale(step: tf.Tensor, total_steps: int, warmup: int, kind: str) -> tf.Tensor:
    """The factor of a learning rate at a step.

    It is a pure function of the step, so a resumed run continues exactly. A run that is resumed with more epochs
    follows the curve of the longer run from there: a rate that was nearly 0 rises again.

    Args:
        step: int64 scalar, steps taken before this one.
        total_steps: of the whole run; the factor would be 0 at this step, the first that is not taken.
        warmup: the first steps, over which the factor rises linearly: 1 / warmup, 2 / warmup, to 1; 0 for none.
        kind: the fall from there: `none`, `linear`, or `cosine`, half a period (Loshchilov and Hutter 2017,
            equation 5, without restarts).

    Returns:
        A float32 scalar in [0, 1].

    Raises:
        ValueError: the kind is not known.
    """
    now = tf.cast(step, tf.float32)
    rise = tf.minimum(1.0, (now + 1.0) / warmup) if warmup else tf.constant(1.0)
    done = tf.clip_by_value((now - warmup) / max(total_steps - warmup, 1), 0.0, 1.0)
    if kind == "none":
        return rise
    if kind == "linear":
        return rise * (1.0 - done)
    if kind == "cosine":
        return rise * 0.5 * (1.0 + tf.cos(math.pi * done))
    raise ValueError(f"learning rate decay {kind!r} is not known: give none, linear or cosine")


def add(first: list[tf.Tensor], second: list[tf.Tensor]) -> list[tf.Tensor]:
    """The sums of two lists of gradients."""
    return [mine + other for mine, other in zip(first, second, strict=True)]


def accumulate_sum(parts: int, compute: Callable[..., Any], tensors: Sequence[tf.Tensor | None]) -> Any:  # noqa: ANN401
    """Runs a computation on equal parts of a batch, one after the other, and adds up the results.

    Args:
        parts: how many; 1 calls `compute` with the tensors as they are.
        compute: takes a part of each tensor; returns any nested structure of tensors whose shapes are known.
        tensors: `[B, ...]` each, B a multiple of `parts`; None is passed on.

    Returns:
        The sums, in the structure that `compute` returns.
    """
    if parts == 1:
        return compute(*tensors)
    first = compute(*_part(parts, tensors, 0))

    def add_next(number: tf.Tensor, sums: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        return number + 1, add(sums, tf.nest.flatten(compute(*_part(parts, tensors, number))))

    _, sums = tf.while_loop(
        lambda number, _: number < parts,
        add_next,
        (tf.constant(1), tf.nest.flatten(first)),
        parallel_iterations=1,
        maximum_iterations=parts - 1,
    )
    return tf.nest.pack_sequence_as(first, sums)


def accumulate_concat(parts: int, compute: Callable[..., tf.Tensor], tensors: Sequence[tf.Tensor | None]) -> tf.Tensor:
    """Like `accumulate_sum`, but joins the results `[b, ...]` float32 of the parts to `[B, ...]`."""
    if parts == 1:
        return compute(*tensors)
    outputs = tf.map_fn(
        lambda number: compute(*_part(parts, tensors, number)),
        tf.range(parts),
        fn_output_signature=tf.float32,
        parallel_iterations=1,
    )  # [parts, b, ...]
    return tf.reshape(outputs, [parts * outputs.shape[1], *outputs.shape[2:]])


def _part(parts: int, tensors: Sequence[tf.Tensor | None], number: int | tf.Tensor) -> list[tf.Tensor | None]:
    return [
        None if tensor is None else tf.reshape(tensor, [parts, tensor.shape[0] // parts, *tensor.shape[1:]])[number]
        for tensor in tensors
    ]


def apply_gradients(
    optimizer: keras.optimizers.Optimizer, gradients: list[tf.Tensor], variables: list[keras.Variable]
) -> None:
    """Updates variables by one step of their optimizer.

    Each replica updates its own copy, all alike: Keras's `apply` would add the gradients of the replicas again.

    Args:
        optimizer: built for the variables.
        gradients: one for each variable, the same on every replica.
        variables: trainable ones.
    """
    if this_replica().count == 1:
        optimizer.apply(gradients, variables)
        return
    rate = tf.convert_to_tensor(optimizer.learning_rate)
    for gradient, variable in zip(gradients, variables, strict=True):
        if optimizer.weight_decay and optimizer._use_weight_decay(variable.value):
            variable.assign_sub(tf.convert_to_tensor(variable) * (optimizer.weight_decay * rate))
        optimizer.update_step(gradient, variable.value, rate)
    optimizer.iterations.assign_add(1)


def is_finite(numbers: Sequence[tf.Tensor], penalties: tf.Tensor) -> tf.Tensor:
    """Whether a step, or a turn of one, may update weights.

    Args:
        numbers: losses and norms of gradients, summed over replicas: a NaN on one replica is then in the sums of all.
        penalties: `[2]`, NaN if not measured. A NaN in one that is measured is in the norm of its gradient too.

    Returns:
        A bool scalar, the same on every replica: no number is NaN or infinite, and no penalty is infinite.
    """
    known = tf.concat([tf.reshape(number, [-1]) for number in numbers], axis=0)
    return tf.reduce_all(tf.math.is_finite(known)) & ~tf.reduce_any(tf.math.is_inf(penalties))


def snapshot(variables: Iterable[keras.Variable]) -> Snapshot:
    """The values that variables have now, for `restore` and `apply_if`."""
    return [(variable, tf.identity(tf.convert_to_tensor(variable))) for variable in variables]


def restore(before: Snapshot) -> None:
    """Gives variables the values of a snapshot."""
    for variable, value in before:
        variable.assign(value)


def apply_if(
    condition: tf.Tensor, apply: Callable[[], None], variables: Iterable[keras.Variable], before: Snapshot = ()
) -> None:
    """Updates variables if a condition holds; otherwise they keep their values, bit for bit.

    A gradient of zeros would not do: it still moves Adam. One device skips the update. Several replicas update, and
    then restore, because mirrored variables cannot be assigned inside `tf.cond`.

    Args:
        condition: bool scalar, the same on every replica.
        apply: assigns the variables.
        variables: all that `apply` assigns.
        before: variables that this step has changed already, with their old values, which they get back if the
            condition does not hold.
    """
    if this_replica().count == 1:
        tf.cond(condition, apply, lambda: restore(before))
        return
    old = [*before, *snapshot(variables)]
    apply()
    restore([(variable, tf.where(condition, tf.convert_to_tensor(variable), value)) for variable, value in old])


def update_average(pairs: Iterable[tuple[keras.Variable, keras.Variable]], step: tf.Tensor, decay: float) -> None:
    """Moves averaged weights towards the trained ones: an exponential moving average.

    Args:
        pairs: averaged variables, each with the one that it follows.
        step: int64 scalar, steps taken before this one.
        decay: in [0, 1). The first steps use (1 + step) / (10 + step), as long as that is smaller.
    """
    step = tf.cast(step, tf.float32)
    decay_now = tf.minimum(decay, (1.0 + step) / (10.0 + step))
    for averaged, trained in pairs:
        averaged.assign(decay_now * averaged + (1.0 - decay_now) * trained)
