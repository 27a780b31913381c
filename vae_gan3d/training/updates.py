"""What moves when a step has its gradients: learning rates, weights that may rest, averaged copies."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence

import keras
import tensorflow as tf

from vae_gan3d.replicas import this_replica
from vae_gan3d.training.learning_rate import learning_rate_scale
from vae_gan3d.training.state import TrainingState
from vae_gan3d.training.step_options import StepOptions

# Variables beside what they held.
Remembered = Sequence[tuple[keras.Variable, tf.Tensor]]


def set_learning_rates(state: TrainingState, options: StepOptions, *, discriminator_enters: int) -> None:
    """Gives both optimizers the learning rate of this step.

    The discriminator's rises and falls over the steps from its entry on: one that entered late at the rate that had
    remained of the common one learned nothing (docs/RECIPE.md).

    Args:
        state: the optimizers are changed.
        options: the constants.
        discriminator_enters: the first step at which the discriminator is trained.
    """
    warmup, kind = options.learning_rate_warmup, options.learning_rate_decay
    scale = learning_rate_scale(state.step, options.total_steps, warmup, kind)
    state.optimizer.learning_rate.assign(scale * state.learning_rate)
    playing = tf.maximum(state.step - discriminator_enters, 0)
    d_scale = learning_rate_scale(playing, options.total_steps - discriminator_enters, warmup, kind)
    state.d_optimizer.learning_rate.assign(d_scale * state.d_learning_rate)


def set_fade(state: TrainingState, options: StepOptions) -> None:
    """Gives networks that have grown, and their averaged copies, the share of their own ends in this step.

    It is the share of `fade_samples` that are seen when the step is done: a pure function of the step, never 0, at
    which the new layers would learn nothing.

    Args:
        state: the shares are changed.
        options: the constants.
    """
    if options.fade_samples:
        seen = tf.cast((state.step + 1) * options.global_batch, tf.float32)
        share = tf.minimum(1.0, seen / options.fade_samples)
        for fade in (*state.networks.fades, *state.average.fades):
            fade.assign(share)


def apply_gradients(
    optimizer: keras.optimizers.Optimizer, gradients: list[tf.Tensor], variables: list[keras.Variable]
) -> None:
    """Moves variables by gradients of the whole batch.

    With several replicas each of them moves its own copy, all alike: Keras's `apply` would add the gradients up again.

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


def apply_where(
    condition: tf.Tensor,
    optimizer: keras.optimizers.Optimizer,
    gradients: list[tf.Tensor],
    variables: list[keras.Variable],
) -> None:
    """Applies gradients where a condition holds; otherwise weights and slots stay as they are, bit for bit.

    A zeroed gradient would still move Adam.

    Args:
        condition: bool scalar, the same on every replica.
        optimizer: of the variables.
        gradients: one for each variable, of the whole batch.
        variables: trainable ones.
    """

    def apply() -> None:
        apply_gradients(optimizer, gradients, variables)

    move_where(condition, apply, [*variables, *optimizer.variables])


def move_where(
    condition: tf.Tensor, move: Callable[[], None], variables: Iterable[keras.Variable], before: Remembered = ()
) -> None:
    """Moves variables where a condition holds; otherwise they stay as they are, bit for bit.

    One device then moves nothing at all. Several replicas move, and put everything back, because they cannot assign
    mirrored variables inside of `tf.cond`.

    Args:
        condition: bool scalar, the same on every replica.
        move: assigns the variables.
        variables: all that `move` assigns.
        before: what other variables held that have moved already; they get it back where the condition does not hold.
    """
    if this_replica().count == 1:
        tf.cond(condition, move, lambda: _put_back(before))
        return
    kept = [*before, *_remembered(variables)]
    move()
    for variable, old in kept:
        variable.assign(tf.where(condition, tf.convert_to_tensor(variable), old))


def remembered_statistics(networks: Iterable[keras.Model]) -> Remembered:
    """What networks keep beside their weights, such as BatchNorm's moving statistics, as it is now."""
    return _remembered(variable for network in networks for variable in network.non_trainable_variables)


@contextlib.contextmanager
def statistics_kept(network: keras.Model) -> Iterator[None]:
    """Leaves what a network keeps beside its weights, BatchNorm's moving statistics, as it was before the block.

    Within the block the network may be called with `training=True`, so that BatchNorm takes its statistics of the
    batch, without a trace of it afterwards.

    Args:
        network: any.

    Yields:
        Nothing.
    """
    before = remembered_statistics([network])
    yield
    _put_back(before)


def _remembered(variables: Iterable[keras.Variable]) -> Remembered:
    return [(variable, tf.identity(tf.convert_to_tensor(variable))) for variable in variables]


def _put_back(before: Remembered) -> None:
    for variable, old in before:
        variable.assign(old)


def update_average(state: TrainingState, decay: float) -> None:
    """Moves the averaged copies towards the weights; slower from step to step until `decay` is reached."""
    step = tf.cast(state.step, tf.float32)
    decay_now = tf.minimum(decay, (1.0 + step) / (10.0 + step))
    for averaged, trained in state.averaged_pairs():
        averaged.assign(decay_now * averaged + (1.0 - decay_now) * trained)
