"""Each network's weights in a file of its own, for whoever wants one network: written at checkpoints, read by new runs.

A checkpoint is what a run goes on from; these files hold no optimizer, no step and no second network.
"""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import h5py
import keras

import vae_gan3d
from vae_gan3d.errors import UserError
from vae_gan3d.file_versions import require_known_version
from vae_gan3d.files import atomic_path
from vae_gan3d.networks.factory import Networks
from vae_gan3d.training.digest_block import add_digest_block, require_digest
from vae_gan3d.training.run_folder import weights_file
from vae_gan3d.training.state import TrainingState, averaged_names

WEIGHTS_FORMAT = "vae_gan3d.weights"
WEIGHTS_SCHEMA = 1
# What h5py and Keras raise where a file is cut, changed, or of another inner layout.
_DAMAGE = (OSError, KeyError, TypeError, ValueError, RuntimeError)


def save_weight_files(state: TrainingState, folder: pathlib.Path) -> None:
    """Writes `encoder.weights.h5`, if there is one, `generator.weights.h5` and `discriminator.weights.h5`.

    Keras's own format, so that `load_weights` of the same network reads them too. Encoder and generator are the
    averaged ones, as in the test phases.

    Args:
        state: after a step.
        folder: the run folder.

    Raises:
        UserError: the system refuses the write.
    """
    networks = {**state.networks.by_name(), **_averaged(state.networks, state.average)}
    for name, network in networks.items():
        with atomic_path(weights_file(folder, name)) as temporary:
            network.save_weights(temporary)
            with h5py.File(temporary, "r+") as file:
                file.attrs["format"] = WEIGHTS_FORMAT
                file.attrs["schema"] = WEIGHTS_SCHEMA
                file.attrs["version"] = vae_gan3d.__version__
                file.attrs["network"] = json.dumps({"name": name, **network.arguments})
            add_digest_block(temporary)


def load_weight_files(state: TrainingState, files: Mapping[str, pathlib.Path]) -> None:
    """Puts the weights of files in the place of the first ones, of the averaged copy too.

    Args:
        state: before the first step; changed.
        files: paths by the names of the networks.

    Raises:
        UserError: a file cannot be read, or is of another network.
    """
    for name, path in files.items():
        network = state.networks.by_name()[name]
        _require_same_network(path, {"name": name, **network.arguments}, _read_description(path))
        try:
            network.load_weights(path)
        except _DAMAGE as error:
            raise _unreadable(path, error) from error
    for name, averaged in _averaged(state.networks, state.average).items():
        if name in files:
            averaged.set_weights(state.networks.by_name()[name].get_weights())


def _averaged(networks: Networks, average: Networks) -> dict[str, keras.Model]:
    """The averaged copies, by the names of the networks."""
    return {name: average.by_name()[name] for name in averaged_names(networks)}


def _read_description(path: pathlib.Path) -> dict[str, Any]:
    """What a file says of its network."""
    try:
        require_digest(path)
        with h5py.File(path, "r") as file:
            require_known_version(path, file.attrs, WEIGHTS_FORMAT, WEIGHTS_SCHEMA)
            return dict(json.loads(file.attrs["network"]))
    except FileNotFoundError as error:
        raise UserError(f"{path} is not there: give a file such as RUN/generator.weights.h5") from error
    except UserError:  # of a newer version
        raise
    except _DAMAGE as error:
        raise _unreadable(path, error) from error


def _unreadable(path: pathlib.Path, error: Exception) -> UserError:
    reason = " ".join(str(error).split())
    return UserError(f"{path} is not a file of weights that training wrote, or is damaged ({reason}): give another")


def _require_same_network(path: pathlib.Path, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> None:
    """Refuses a file of another network.

    Raises:
        UserError: one is; the message names what differs of both.
    """
    if theirs.get("name") != ours["name"]:
        raise UserError(f"{path} holds the weights of {theirs.get('name')!r}, not of {ours['name']!r}: give another")
    differing = [key for key in sorted({*ours, *theirs}) if ours.get(key) != theirs.get(key)]
    if differing:
        raise UserError(
            f"{path} is of another {ours['name']} ({_listed(theirs, differing)}) than this run's "
            f"({_listed(ours, differing)}): give the same flags, or another file"
        )


def _listed(description: Mapping[str, Any], keys: list[str]) -> str:
    return ", ".join(f"{key} {description.get(key)}" for key in keys)
