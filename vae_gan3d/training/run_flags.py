"""`SAVE_PATH/flags.json`, what a run was told, for who reads it: nothing is built from it."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from vae_gan3d.config import TrainingConfig
from vae_gan3d.file_versions import file_version
from vae_gan3d.files import write_text
from vae_gan3d.sealed_json import read_json
from vae_gan3d.training.hyperparameters import run_hyperparameters
from vae_gan3d.training.run_folder import FLAGS_NAME

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
