"""The state of a training run, which a checkpoint holds, and the hyperparameters of its steps."""

import dataclasses
from typing import Any

import keras
import tensorflow as tf

from vae_gan3d.config import LossConfig, TrainingConfig
from vae_gan3d.networks.build import Networks, build_networks
from vae_gan3d.replicas import this_replica
from vae_gan3d.training.optimizers import learning_rate_scale, make_optimizer


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hyperparameters(LossConfig):
    """The constants of a training step: those of `LossConfig`, and these.

    Attributes:
        seed: of the noise.
        global_batch: samples of a step over all replicas.
        ema_decay: decay of the averaged weights, in [0, 1).
        learning_rate_decay, learning_rate_warmup, d_steps, g_steps: see `OptimizerConfig`.
        total_steps: of the whole run, for the learning rates.
        latent_deviation: standard deviation of a plain GAN's prior.
        fade_samples: samples over which networks that have grown fade in their new layers; 0 for others.
        accumulate: micro-batches in which a replica processes its samples.
    """

    seed: int
    global_batch: int
    ema_decay: float
    learning_rate_decay: str = "none"
    learning_rate_warmup: int = 0
    total_steps: int = 1
    d_steps: int = 1
    g_steps: int = 1
    latent_deviation: float = 1.0
    fade_samples: int = 0
    accumulate: int = 1

    @classmethod
    def of_run(cls, config: TrainingConfig, total_steps: int) -> "Hyperparameters":
        """Those of a run of `total_steps` in all."""
        return cls(
            **{field.name: getattr(config.loss, field.name) for field in dataclasses.fields(config.loss)},
            seed=config.seed,
            global_batch=config.batch_size,
            ema_decay=config.optimizer.ema_decay,
            learning_rate_decay=config.optimizer.learning_rate_decay,
            learning_rate_warmup=config.optimizer.learning_rate_warmup,
            total_steps=total_steps,
            d_steps=config.optimizer.d_steps,
            g_steps=config.optimizer.g_steps,
            latent_deviation=config.model.latent_deviation,
            fade_samples=config.model.fade_samples,
            accumulate=config.devices.accumulate,
        )

    def batch_mean(self, values: tf.Tensor) -> tf.Tensor:
        """The sum of `[b]` values of a micro-batch divided by the global batch."""
        return tf.reduce_sum(values) / self.global_batch

    def share_of_mean(self, value: tf.Tensor) -> tf.Tensor:
        """What a micro-batch's mean adds to the mean over the global batch."""
        parts = self.accumulate * this_replica().count
        return value if parts == 1 else value / parts


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

    def set_schedules(self, hp: Hyperparameters, *, d_start: int) -> None:
        """Sets what depends on the step's number: learning rates, and the share of new layers while networks grow.

        Args:
            hp: hyperparameters.
            d_start: the first step that trains the discriminator. Its learning rate rises and falls from there on: a
                discriminator that entered late, at what was left of the common rate, learned nothing (docs/RECIPE.md).
        """
        warmup, kind = hp.learning_rate_warmup, hp.learning_rate_decay
        scale = learning_rate_scale(self.step, hp.total_steps, warmup, kind)
        self.optimizer.learning_rate.assign(scale * self.learning_rate)
        d_step = tf.maximum(self.step - d_start, 0)
        d_scale = learning_rate_scale(d_step, hp.total_steps - d_start, warmup, kind)
        self.d_optimizer.learning_rate.assign(d_scale * self.d_learning_rate)
        if hp.fade_samples:
            # Counts this step's samples too, so that it is never 0: the new layers would learn nothing.
            seen = tf.cast((self.step + 1) * hp.global_batch, tf.float32)
            for fade in (*self.networks.fades, *self.average.fades):
                fade.assign(tf.minimum(1.0, seen / hp.fade_samples))

    def is_finite(self) -> bool:
        """Whether no weight, averaged weight or slot is NaN or infinite."""
        networks = [*self.networks.by_name().values(), *self.average.by_name().values()]
        holders = (*networks, self.optimizer, self.d_optimizer)
        variables = [variable for holder in holders for variable in holder.variables]
        values = [tf.convert_to_tensor(variable) for variable in variables]
        return all(tf.reduce_all(tf.math.is_finite(value)) for value in values if value.dtype.is_floating)

    def checkpoint(self) -> tf.train.Checkpoint:
        """The checkpoint of this state.

        It has no learning rates: a resumed run takes those of its command line.
        """
        return tf.train.Checkpoint(
            **{name: _by_path(network.variables) for name, network in self.networks.by_name().items()},
            **_averaged_parts(self.average),
            optimizer=_by_path(_without_learning_rate(self.optimizer)),
            d_optimizer=_by_path(_without_learning_rate(self.d_optimizer)),
            step=self.step,
        )


def build_state(config: TrainingConfig) -> TrainingState:
    """The networks and optimizers of a new run."""
    return TrainingState(
        config.model.network_arguments(),
        learning_rate=config.optimizer.learning_rate,
        d_learning_rate=config.optimizer.d_learning_rate,
        beta1=config.optimizer.beta1,
        seed=config.seed,
        optimizer=config.optimizer.kind,
    )


def inference_checkpoint(networks: Networks) -> tf.train.Checkpoint:
    """The part of a checkpoint that the test phases read: the averaged networks, and the discriminator."""
    return tf.train.Checkpoint(**_averaged_parts(networks), discriminator=_by_path(networks.discriminator.variables))


def averaged_names(networks: Networks) -> list[str]:
    """The names of the networks with an averaged copy."""
    return [name for name in networks.by_name() if name != "discriminator"]


def _averaged_parts(averaged: Networks) -> dict[str, dict[str, tf.Variable]]:
    """The averaged copies in a checkpoint."""
    networks = averaged.by_name()
    return {f"average_{name}": _by_path(networks[name].variables) for name in averaged_names(averaged)}


def _without_learning_rate(optimizer: keras.optimizers.Optimizer) -> list[keras.Variable]:
    return [variable for variable in optimizer.variables if not variable.path.endswith("/learning_rate")]


def _by_path(variables: list[keras.Variable]) -> dict[str, tf.Variable]:
    """Variables by their Keras paths, written out because `tf.train.Checkpoint` misses layers kept in lists.

    Raises:
        ValueError: two variables have the same path, and one would be lost.
    """
    named = {variable.path: variable.value for variable in variables}
    if len(named) != len(variables):
        raise ValueError(f"{len(variables)} variables have {len(named)} paths: give every layer a name of its own")
    return named
