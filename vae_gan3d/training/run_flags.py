"""`flags.json`, the flags of a run, and TensorBoard's table of hyperparameters."""

import dataclasses
import json
import math
import pathlib
from collections.abc import Mapping
from typing import Any

from vae_gan3d.config import TrainingConfig
from vae_gan3d.files import file_version, read_json, write_text
from vae_gan3d.training.run_folder import FLAGS_NAME

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


FLAGS_FORMAT = "vae_gan3d.flags"
FLAGS_SCHEMA = 1


def run_flags(config: TrainingConfig) -> dict[str, str]:
    """Everything that shapes a run, as texts by the names of its flags.

    Args:
        config: the run.
    """
    values: dict[str, bool | float | str] = {
        "records": config.records,
        "split_name": config.split_name,
        "save_path": str(config.save_path),
        **run_hyperparameters(config),
    }
    for name in ("checkpoint_every", "keep_checkpoints", "image_every", "log_every", "deterministic", "max_bad_steps"):
        if (value := getattr(config, name)) is not None:
            values[name] = value
    for network, path in config.weights.items():
        values[f"{network}_weights"] = str(path)
    return {name: _text(value) for name, value in values.items()}


def write_flags(folder: pathlib.Path, flags: Mapping[str, str]) -> None:
    """Writes `flags.json`.

    Args:
        folder: the run folder.
        flags: texts by name.

    Raises:
        UserError: it cannot be written.
    """
    text = json.dumps({**file_version(FLAGS_FORMAT, FLAGS_SCHEMA), **flags}, indent=2)
    write_text(folder / FLAGS_NAME, text + "\n")


def read_flags(folder: pathlib.Path) -> dict[str, str]:
    """The flags of a run; none where they are not known, as of runs of older versions."""
    found = read_object(folder / FLAGS_NAME)
    return {name: str(value) for name, value in found.items() if name not in file_version(FLAGS_FORMAT, FLAGS_SCHEMA)}


def read_object(path: pathlib.Path) -> dict[str, Any]:
    """An object of a JSON file; an empty one where there is none."""
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: bool | float | str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else f"{value:.10g}"
