"""A run's flags and its last numbers as the columns of TensorBoard's table of runs."""

import dataclasses
import math
from collections.abc import Mapping

from vae_gan3d.config import TrainingConfig

# A capital letter sorts before all other tags, and the table shows the first ones.
_FINAL = "Final"
_FINAL_METRICS = ("iou", "kl", "occupancy_ratio", "reconstruction_loss")


def run_hyperparameters(config: TrainingConfig) -> dict[str, bool | float | str]:
    """What distinguishes a run, by the names of its flags.

    Paths and what only says how often something is written are left out.

    Args:
        config: the run.

    Returns:
        Numbers as floats; several values of one flag as a comma list; "" where a flag has none.
    """
    model = dataclasses.asdict(config.model)
    values = {"model": model.pop("kind"), **model, **dataclasses.asdict(config.loss)}
    optimizer = dataclasses.asdict(config.optimizer)
    values |= {"optimizer": optimizer.pop("kind"), **optimizer}
    for name in ("epochs", "train_steps", "batch_size", "seed", "precision", "mirror"):
        values[name] = getattr(config, name)
    if config.train_steps is not None:
        values["epochs"] = None  # they follow from the steps
    return {name: _plain(value) for name, value in values.items()}


def final_metrics(values: Mapping[str, float]) -> dict[str, float]:
    """The numbers of a run's last row by which runs are compared, under tags of their own.

    Args:
        values: of the row; NaN where one is not known.
    """
    return {f"{_FINAL}/{name}": values[name] for name in _FINAL_METRICS if not math.isnan(values[name])}


def _plain(value: object) -> bool | float | str:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return "" if value is None else str(value)
