"""Which devices a run trains on, once TensorFlow knows them."""

import sys

import tensorflow as tf

from vae_gan3d.config import TrainingConfig
from vae_gan3d.config.fields import require
from vae_gan3d.training.cluster import Cluster
from vae_gan3d.training.distribution import ONE_DEVICE, Distribution, SeveralReplicas


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
