"""What a run is made of, from its configuration."""

import dataclasses

import numpy as np
import tensorflow as tf

from vae_gan3d.config import MIRROR_AXES, TrainingConfig
from vae_gan3d.records.pipeline import read_labeled_record, training_batches
from vae_gan3d.records.record_set import NEWEST_ORDER, RecordSet
from vae_gan3d.training.distribution import ONE_DEVICE, Distribution
from vae_gan3d.training.gan_step import gan_step
from vae_gan3d.training.schedule import Schedule
from vae_gan3d.training.state import TrainingState
from vae_gan3d.training.step_options import StepOptions
from vae_gan3d.training.train_step import train_step
from vae_gan3d.training.updates import set_fade

_MONITORED = 64


def build_state(config: TrainingConfig) -> TrainingState:
    """Networks and optimizers for a run, before anything is restored."""
    return TrainingState(
        config.model.network_arguments(),
        learning_rate=config.optimizer.learning_rate,
        d_learning_rate=config.optimizer.d_learning_rate,
        beta1=config.optimizer.beta1,
        seed=config.seed,
        optimizer=config.optimizer.kind,
    )


def step_options(config: TrainingConfig, total_steps: int) -> StepOptions:
    """The constants of a step for a run of `total_steps` in all."""
    return StepOptions(
        **dataclasses.asdict(config.loss),
        seed=config.seed,
        global_batch=config.batch_size,
        ema_decay=config.optimizer.ema_decay,
        d_steps=config.optimizer.d_steps,
        g_steps=config.optimizer.g_steps,
        latent_deviation=config.model.latent_deviation,
        fade_samples=config.model.fade_samples,
        learning_rate_decay=config.optimizer.learning_rate_decay,
        learning_rate_warmup=config.optimizer.learning_rate_warmup,
        total_steps=total_steps,
        accumulate=config.devices.accumulate,
    )


def run_batches(
    config: TrainingConfig,
    records: RecordSet,
    schedule: Schedule,
    start_step: int,
    order: int = NEWEST_ORDER,
    distribution: Distribution = ONE_DEVICE,
) -> tf.data.Dataset:
    """The batches of a run from a step up to its last, or this process's part of each, see `training_batches`."""
    return training_batches(
        records,
        resolution=config.model.resolution,
        batch_size=config.batch_size,
        seed=config.seed,
        start_step=start_step,
        stop_step=schedule.total_steps,
        begin=(schedule.from_step, schedule.from_epoch),
        order=order,
        mirror_axes=[MIRROR_AXES.index(axis) for axis in config.mirror],
        part=(distribution.process, len(distribution.processes)),
    )


def compiled_step(
    state: TrainingState, options: StepOptions, kind: str, distribution: Distribution = ONE_DEVICE
) -> tf.types.experimental.PolymorphicFunction:
    """The step of a kind of model, `vae_gan`, `gan` or `vae`, on all replicas; traced at its first call."""
    step_of_kind = gan_step if kind == "gan" else train_step

    def take_step(voxels: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
        set_fade(state, options)
        return step_of_kind(state, options, voxels, labels)

    return distribution.compiled(take_step)


def spread_shapes(records: RecordSet, resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """Shapes from all over the records, so of every class: `[K, R, R, R, 1]` float32 in {0, 1}, and labels `[K]`."""
    numbers = np.unique(np.linspace(0, records.count - 1, _MONITORED).astype(int))
    found = [read_labeled_record(records, int(number), resolution) for number in numbers]
    voxels, labels = zip(*found, strict=True)
    return np.stack(voxels)[..., np.newaxis].astype(np.float32), np.array(labels, np.int64)
