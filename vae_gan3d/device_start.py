"""Starts TensorFlow on the devices that a run trains on: alone, or together with other machines."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from vae_gan3d.config import TrainingConfig
from vae_gan3d.tensorflow_start import start_in_cluster
from vae_gan3d.training.cluster import Cluster

if TYPE_CHECKING:
    from vae_gan3d.training.distribution import Distribution


def start_devices(
    config: TrainingConfig, cluster: Cluster | None, start_alone: Callable[..., None], *, verbose: bool
) -> "Distribution":
    """Starts TensorFlow, and finds the devices.

    Args:
        config: the run.
        cluster: that it is part of; None starts this process alone.
        start_alone: `start_tensorflow`.
        verbose: shows TensorFlow's own messages.

    Returns:
        Where the replicas are.

    Raises:
        UserError: the other processes cannot be met, or the batch cannot be cut into equal parts.
    """
    strategy = None
    if cluster is None:
        start_alone(verbose=verbose)
    else:
        print(f"{cluster.tasks[cluster.index]} of {len(cluster.tasks)} waits until all have started", flush=True)
        strategy = start_in_cluster(verbose=verbose)
    from vae_gan3d.training.device_choice import choose_distribution

    return choose_distribution(config, cluster, strategy)
