"""Everything that training changes, and that a checkpoint holds."""

from typing import Any

import keras
import tensorflow as tf

from vae_gan3d.networks.factory import Networks, build_networks
from vae_gan3d.training.optimizers import make_optimizer


class TrainingState:
    """Networks, their averaged copies, optimizers and the step.

    Attributes:
        networks: encoder (none in a plain GAN), generator and discriminator, as trained.
        average: the same, where encoder and generator hold an exponential moving average of the weights and of the
            normalisation's statistics; the test phases use these.
        optimizer: of encoder and generator.
        d_optimizer: of the discriminator.
        learning_rate, d_learning_rate: of the two, before warm-up and decay.
        step: int64 variable, the number of steps taken.
    """

    def __init__(
        self,
        network_arguments: dict[str, Any],
        *,
        learning_rate: float,
        d_learning_rate: float,
        beta1: float,
        seed: int,
        optimizer: str = "adam",
    ) -> None:
        """Builds everything, before anything is traced.

        Args:
            network_arguments: of `build_networks`, by name.
            learning_rate: of encoder and generator.
            d_learning_rate: of the discriminator.
            beta1: Adam's first decay.
            seed: of the first weights.
            optimizer: the kind of both, see `make_optimizer`.

        Raises:
            ValueError: the networks refuse their arguments, or the kind is not known.
        """
        self.networks = build_networks(**network_arguments, seed=seed)
        self.average = build_networks(**network_arguments, seed=seed)
        self.learning_rate, self.d_learning_rate = learning_rate, d_learning_rate
        self.optimizer = make_optimizer(optimizer, learning_rate, beta1=beta1, name=optimizer)
        self.optimizer.build(self.trained_variables)
        self.d_optimizer = make_optimizer(optimizer, d_learning_rate, beta1=beta1, name=f"d_{optimizer}")
        self.d_optimizer.build(self.networks.discriminator.trainable_variables)
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")

    @property
    def steps_taken(self) -> int:
        """The value of `step`, outside of a compiled step."""
        return int(self.step.numpy())

    @property
    def trained_variables(self) -> list[keras.Variable]:
        """The encoder's, if there is one, and the generator's trainable variables, in this order."""
        encoder, generator, _ = self.networks
        return [*([] if encoder is None else encoder.trainable_variables), *generator.trainable_variables]

    def averaged_pairs(self) -> list[tuple[keras.Variable, keras.Variable]]:
        """Every averaged variable beside the variable that it follows; a share that fades is set, and not averaged."""
        averaged, trained = self.average.by_name(), self.networks.by_name()
        fades = {id(fade) for fade in self.average.fades}
        return [
            pair
            for name in averaged_names(self.networks)
            for pair in zip(averaged[name].variables, trained[name].variables, strict=True)
            if id(pair[0]) not in fades
        ]

    def is_finite(self) -> bool:
        """Whether no weight, averaged weight or slot is NaN or infinite."""
        networks = [*self.networks.by_name().values(), *self.average.by_name().values()]
        holders = (*networks, self.optimizer, self.d_optimizer)
        variables = [variable for holder in holders for variable in holder.variables]
        values = [tf.convert_to_tensor(variable) for variable in variables]
        return all(tf.reduce_all(tf.math.is_finite(value)) for value in values if value.dtype.is_floating)

    def checkpoint(self) -> tf.train.Checkpoint:
        """What is saved and restored, under the names that stand in a checkpoint.

        Learning rates are left out, so that a resumed run takes those of its command line.
        """
        return tf.train.Checkpoint(
            **{name: _by_path(network.variables) for name, network in self.networks.by_name().items()},
            **_averaged_parts(self.average),
            optimizer=_by_path(_without_learning_rate(self.optimizer)),
            d_optimizer=_by_path(_without_learning_rate(self.d_optimizer)),
            step=self.step,
        )


def inference_checkpoint(networks: Networks) -> tf.train.Checkpoint:
    """The part of a checkpoint that the test phases read: the averaged networks, and the discriminator."""
    return tf.train.Checkpoint(**_averaged_parts(networks), discriminator=_by_path(networks.discriminator.variables))


def averaged_names(networks: Networks) -> list[str]:
    """The names of the networks of which the test phases use an averaged copy."""
    return [name for name in networks.by_name() if name != "discriminator"]


def _averaged_parts(averaged: Networks) -> dict[str, dict[str, tf.Variable]]:
    """What a checkpoint holds of the averaged copies."""
    networks = averaged.by_name()
    return {f"average_{name}": _by_path(networks[name].variables) for name in averaged_names(averaged)}


def _without_learning_rate(optimizer: keras.optimizers.Optimizer) -> list[keras.Variable]:
    return [variable for variable in optimizer.variables if not variable.path.endswith("/learning_rate")]


def _by_path(variables: list[keras.Variable]) -> dict[str, tf.Variable]:
    """Variables by their Keras paths, written out because `tf.train.Checkpoint` misses layers kept in lists.

    Raises:
        ValueError: two variables share a path, so that one of them would be lost.
    """
    named = {variable.path: variable.value for variable in variables}
    if len(named) != len(variables):
        raise ValueError(f"{len(variables)} variables have {len(named)} paths: give every layer a name of its own")
    return named
