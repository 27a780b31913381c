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
from vae_gan3d.networks.build import Networks, build_networks, copy_weights
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
from vae_gan3d.training.init_from import Source
from vae_gan3d.training.run_folder import PLOTS_NAME, read_model_config, run_id, weights_file
from vae_gan3d.training.state import TrainingState, averaged_names, inference_checkpoint

_MARK = b"vae_gan3d.weights sha256 "
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_BLOCK_BYTES = 512  # HDF5 searches its signature at 0, 512, 1024, 2048 and so on
WEIGHTS_FORMAT = "vae_gan3d.weights"
WEIGHTS_SCHEMA = 1
# Errors of h5py and Keras for a file that is cut, changed, or of another layout.
_DAMAGE = (OSError, KeyError, TypeError, ValueError, RuntimeError)
# Errors of TensorFlow for damaged files, and for other variables.
DAMAGED = (tf.errors.OpError, IndexError, RuntimeError)
MISMATCHED = (AssertionError, ValueError)
_STATE_NAME = "checkpoint"
_RESTART = "use another --save_path, or --restart"


def add_h5_checksum(path: pathlib.Path) -> None:
    """Puts a block with the file's SHA-256 before the contents of a closed HDF5 file.

    Raises:
        OSError: the system refuses to read or to write.
    """
    contents = path.read_bytes()
    path.write_bytes(_block(contents) + contents)


def require_h5_checksum(path: pathlib.Path) -> None:
    """Checks the SHA-256 of an HDF5 file; one without it, as of older versions, is not checked.

    Raises:
        OSError: the system refuses to read.
        ValueError: the file is cut short, changed, or no HDF5 file.
    """
    contents = path.read_bytes()
    if contents.startswith(_HDF5_SIGNATURE):
        return
    if not contents.startswith(_MARK):
        raise ValueError("it does not begin as an HDF5 file")
    if contents[:_BLOCK_BYTES] != _block(contents[_BLOCK_BYTES:]):
        raise ValueError("it was cut short or changed after it was written")


def save_weight_files(state: TrainingState, folder: pathlib.Path) -> None:
    """Writes `encoder.weights.h5` (not for a plain GAN), `generator.weights.h5` and `discriminator.weights.h5`.

    In Keras's format, so `load_weights` of the same network reads them too. Encoder and generator are the averaged
    ones, as in the test phases.

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
    """Loads weights from files into new networks and their averaged copies.

    Args:
        state: before the first step; changed.
        files: paths by network name.

    Raises:
        UserError: a file cannot be read, or is for another network.
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


def load_source(state: TrainingState, model: ModelConfig, source: Source) -> str:
    """Copies the weights of another run's checkpoint into new networks and their averaged copies.

    Encoder and generator are the averaged ones, as in the test phases.

    Args:
        state: before the first step; changed.
        model: its configuration, the same networks as the source's.
        source: the checkpoint.

    Returns:
        What the run starts from, for a line on the terminal.

    Raises:
        UserError: the checkpoint cannot be read, or its networks have not faded in all of their layers.
    """
    say_if_unchecked(source.prefix)
    networks = build_networks(**source.model.network_arguments())
    try:
        inference_checkpoint(networks).read(str(source.prefix)).assert_existing_objects_matched()
    except (*DAMAGED, *MISMATCHED) as error:
        raise UserError(f"{source.prefix} cannot be read ({str(error).splitlines()[0]}): give another") from error
    if any(float(fade) < 1 for fade in networks.fades):
        raise UserError(
            f"{source.prefix} is of a stage of --progressive whose new layers fade in: train it to its end, or give "
            "another --init_from"
        )
    ours, theirs = model.known_classes, source.model.known_classes
    rows = {number: theirs.index(name) for number, name in enumerate(ours) if name in theirs}
    for target in (state.networks, state.average):
        copy_weights(networks, target, rows)
    new = [name for name in ours if name not in theirs]
    return f"from the weights of {source.prefix}" + (f", {', '.join(new)} as new classes" if new else "")


def save_checkpoint(
    checkpoint: tf.train.Checkpoint, folder: pathlib.Path, epoch: int, keep: int, progress: Progress | None = None
) -> pathlib.Path:
    """Writes `model.ckpt-EPOCH` under a temporary name, renames it, and removes the oldest checkpoints beyond `keep`.

    The prior of a checkpoint is removed with it, also when a new checkpoint takes its name. If the process is killed
    between two renames, `finish_saving` completes them.

    Args:
        checkpoint: what to save.
        folder: the run folder.
        epoch: N of `model.ckpt-N`.
        keep: how many of the newest are kept.
        progress: of the run; None if unknown.

    Returns:
        The checkpoint's prefix.

    Raises:
        UserError: the system refuses the write; earlier checkpoints do not change.
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
    """Restores the newest readable checkpoint of a folder.

    Args:
        checkpoint: what to restore; all variables exist.
        folder: the run folder.

    Returns:
        The number of the restored checkpoint; None if the folder holds no checkpoint.

    Raises:
        UserError: there are, or were, checkpoints, and none can be read: a new run would hide the loss.
    """
    with contextlib.suppress(OSError):  # a read-only folder
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
        raise UserError(f"{faults[0]}, and no older checkpoint in {folder} can be used: {_RESTART}")
    if (folder / _STATE_NAME).is_file():
        raise UserError(f"{folder / _STATE_NAME} lists checkpoints, but there are none: put them back, {_RESTART}")
    if (folder / PLOTS_NAME).is_dir():
        raise UserError(f"{folder / PLOTS_NAME} shows a run whose checkpoints are gone: put them back, {_RESTART}")
    return None


def _block(contents: bytes) -> bytes:
    return (_MARK + hashlib.sha256(contents).hexdigest().encode() + b"\n").ljust(_BLOCK_BYTES, b"\0")


def _averaged(networks: Networks, average: Networks) -> dict[str, keras.Model]:
    """The averaged copies by network name."""
    return {name: average.by_name()[name] for name in averaged_names(networks)}


def _read_description(path: pathlib.Path) -> dict[str, Any]:
    """The description of the network in a file of weights."""
    try:
        require_h5_checksum(path)
        with h5py.File(path, "r") as file:
            require_known_version(path, file.attrs, WEIGHTS_FORMAT, WEIGHTS_SCHEMA)
            return dict(json.loads(file.attrs["network"]))
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist: give a file such as RUN/generator.weights.h5") from error
    except UserError:  # of a newer version
        raise
    except _DAMAGE as error:
        raise _unreadable(path, error) from error


def _unreadable(path: pathlib.Path, error: Exception) -> UserError:
    reason = " ".join(str(error).split())
    return UserError(f"{path} is not a file of weights that training wrote, or is damaged ({reason}): give another")


def _require_same_network(path: pathlib.Path, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> None:
    """Refuses the weights of another network.

    Raises:
        UserError: they are; the line says what differs.
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
    """Restores one checkpoint; returns its fault, or None."""
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
    """The networks and the run id of a folder; None and empty if `config.json` cannot be read."""
    try:
        return read_model_config(folder), run_id(folder)
    except UserError:
        return None, ""


def _write_state_file(folder: pathlib.Path) -> None:
    """Writes the text file `checkpoint`, in which TensorFlow's own tools find the newest."""
    names = [checkpoint_prefix(folder, epoch).name for epoch in checkpoint_epochs(folder)]
    lines = [f'model_checkpoint_path: "{names[0]}"']
    lines += [f'all_model_checkpoint_paths: "{name}"' for name in reversed(names)]
    write_text(folder / _STATE_NAME, "\n".join(lines) + "\n")
