"""Saves and restores numbered checkpoints, and the weights of single networks as HDF5 files."""

import contextlib
import hashlib
import json
import pathlib
import shutil
import sys
from collections.abc import Mapping
from typing import Any

import h5py
import keras
import tensorflow as tf

import vae_gan3d
from vae_gan3d.config import ModelConfig
from vae_gan3d.errors import FileRefusedError, UserError
from vae_gan3d.files import (
    atomic_path,
    flush_folder,
    flush_to_disk,
    make_folder,
    require_known_version,
    temporary_path,
    write_refused,
    write_text,
)
from vae_gan3d.networks.build import Networks
from vae_gan3d.training.checkpoint_files import (
    Progress,
    checkpoint_epochs,
    checkpoint_prefix,
    find_fault,
    finish_saving,
    older_parts,
    ready_folder,
    require_model,
    say_if_unchecked,
    seen_epochs,
    write_digest,
)
from vae_gan3d.training.run_folder import PLOTS_NAME, read_model_config, run_id, weights_file
from vae_gan3d.training.state import TrainingState, averaged_names

_MARK = b"vae_gan3d.weights sha256 "
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_BLOCK_BYTES = 512  # HDF5 looks for itself at 0, 512, 1024, 2048 and so on
WEIGHTS_FORMAT = "vae_gan3d.weights"
WEIGHTS_SCHEMA = 1
# What h5py and Keras raise where a file is cut, changed, or of another inner layout.
_DAMAGE = (OSError, KeyError, TypeError, ValueError, RuntimeError)
# What TensorFlow raises where the bytes are bad, and where they are of other variables.
DAMAGED = (tf.errors.OpError, IndexError, RuntimeError)
MISMATCHED = (AssertionError, ValueError)
_STATE_NAME = "checkpoint"
_ANEW = "use another --save_path, or --restart"


def add_h5_checksum(path: pathlib.Path) -> None:
    """Puts the block before a closed HDF5 file that has none.

    Raises:
        OSError: the system refuses to read or to write.
    """
    contents = path.read_bytes()
    path.write_bytes(_block(contents) + contents)


def require_h5_checksum(path: pathlib.Path) -> None:
    """Refuses a file that is not the one that was written. One of HDF5 without the block is not looked at.

    Raises:
        OSError: the system refuses to read.
        ValueError: it is cut short or changed, or is no HDF5 file.
    """
    contents = path.read_bytes()
    if contents.startswith(_HDF5_SIGNATURE):
        return
    if not contents.startswith(_MARK):
        raise ValueError("it does not begin as an HDF5 file")
    if contents[:_BLOCK_BYTES] != _block(contents[_BLOCK_BYTES:]):
        raise ValueError("it was cut short or changed after it was written")


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
            add_h5_checksum(temporary)


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


def save_checkpoint(
    checkpoint: tf.train.Checkpoint, folder: pathlib.Path, epoch: int, keep: int, progress: Progress | None = None
) -> pathlib.Path:
    """Writes `model.ckpt-EPOCH` aside, renames it into place, and removes the oldest beyond `keep`.

    A prior that was fitted to a checkpoint goes with it, also where a new checkpoint takes its name. What was written
    whole is not lost where the process is killed between two renames, see `finish_saving`.

    Args:
        checkpoint: what to save.
        folder: the run folder.
        epoch: N of `model.ckpt-N`.
        keep: how many of the newest stay.
        progress: of the run; None where a checkpoint is of no run.

    Returns:
        The checkpoint's prefix.

    Raises:
        UserError: the system refuses the write; earlier checkpoints are as they were.
    """
    prefix = checkpoint_prefix(make_folder(folder), epoch)
    aside = temporary_path(prefix)
    try:
        aside.mkdir()
        checkpoint.write(str(checkpoint_prefix(aside, epoch)))
        model, run = _run_beside(folder)
        write_digest(checkpoint_prefix(aside, epoch), model, run=run, progress=progress)
        for written in aside.iterdir():
            flush_to_disk(written)
        flush_folder(aside)
        aside.replace(ready_folder(folder, epoch))
        finish_saving(folder)
        for path in older_parts(folder, keep):
            path.unlink(missing_ok=True)
    except (OSError, tf.errors.OpError, UserError) as error:
        reason = error.__cause__ if isinstance(error, UserError) and isinstance(error.__cause__, OSError) else error
        refused = write_refused(f"the checkpoint of epoch {epoch} in {folder}", reason)
        whole = "; earlier checkpoints are whole" if checkpoint_epochs(folder) else ""
        raise FileRefusedError(f"{refused}{whole}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    _write_state_file(folder)
    return prefix


def restore_newest(checkpoint: tf.train.Checkpoint, folder: pathlib.Path) -> int | None:
    """Restores everything from the newest checkpoint of a folder that can be read.

    Args:
        checkpoint: what to restore, with every variable made.
        folder: the run folder.

    Returns:
        The number of the one that was restored, or None where the folder holds no checkpoint at all.

    Raises:
        UserError: there are checkpoints, or were, and none can be used; training anew in silence would hide the loss.
    """
    with contextlib.suppress(OSError):  # of a folder that is only read
        finish_saving(folder)
    faults: list[str] = []
    for epoch in seen_epochs(folder):
        prefix = checkpoint_prefix(folder, epoch)
        fault = find_fault(prefix) or _read(checkpoint, prefix)
        if fault is None:
            for text in faults:
                print(f"warning: {text}; epoch {epoch} is used instead", file=sys.stderr)
            say_if_unchecked(prefix)
            return epoch
        faults.append(fault)
    if faults:
        raise UserError(f"{faults[0]}, nor can any older one in {folder} be used: {_ANEW}")
    if (folder / _STATE_NAME).is_file():
        raise UserError(f"{folder / _STATE_NAME} tells of checkpoints, and none is there: put them back, {_ANEW}")
    if (folder / PLOTS_NAME).is_dir():
        raise UserError(f"{folder / PLOTS_NAME} is drawn after checkpoints, and none is there: put them back, {_ANEW}")
    return None


def _block(contents: bytes) -> bytes:
    return (_MARK + hashlib.sha256(contents).hexdigest().encode() + b"\n").ljust(_BLOCK_BYTES, b"\0")


def _averaged(networks: Networks, average: Networks) -> dict[str, keras.Model]:
    """The averaged copies, by the names of the networks."""
    return {name: average.by_name()[name] for name in averaged_names(networks)}


def _read_description(path: pathlib.Path) -> dict[str, Any]:
    """What a file says of its network."""
    try:
        require_h5_checksum(path)
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


def _read(checkpoint: tf.train.Checkpoint, prefix: pathlib.Path) -> str | None:
    """Restores everything from one checkpoint, and says what is wrong with it otherwise."""
    model, run = _run_beside(prefix.parent)
    try:
        if model is not None:
            require_model(prefix, model, run)
        checkpoint.read(str(prefix)).assert_consumed()
    except UserError as error:
        return str(error)
    except (*DAMAGED, *MISMATCHED) as error:
        return f"{prefix} cannot be read ({str(error).splitlines()[0]})"
    return None


def _run_beside(folder: pathlib.Path) -> tuple[ModelConfig | None, str]:
    """The networks and the run of a folder, where it says so: a checkpoint is not lost for want of that."""
    try:
        return read_model_config(folder), run_id(folder)
    except UserError:
        return None, ""


def _write_state_file(folder: pathlib.Path) -> None:
    """Writes the text file `checkpoint`, by which TensorFlow's own tools find the newest."""
    names = [checkpoint_prefix(folder, epoch).name for epoch in checkpoint_epochs(folder)]
    lines = [f'model_checkpoint_path: "{names[0]}"']
    lines += [f'all_model_checkpoint_paths: "{name}"' for name in reversed(names)]
    write_text(folder / _STATE_NAME, "\n".join(lines) + "\n")
