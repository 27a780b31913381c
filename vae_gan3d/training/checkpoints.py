"""Numbered checkpoints that are complete or absent, and restoring from the newest that is whole."""

import contextlib
import pathlib
import shutil
import sys

import tensorflow as tf

from vae_gan3d.config import ModelConfig
from vae_gan3d.errors import FileRefusedError, UserError
from vae_gan3d.files import flush_folder, flush_to_disk, make_folder, temporary_path, write_refused, write_text
from vae_gan3d.training.checkpoint_digest import Progress, find_fault, require_model, say_if_unchecked, write_digest
from vae_gan3d.training.checkpoint_places import finish_saving, older_parts, ready_folder
from vae_gan3d.training.run_folder import (
    PLOTS_NAME,
    checkpoint_epochs,
    checkpoint_prefix,
    read_model_config,
    run_id,
    seen_epochs,
)

# What TensorFlow raises where the bytes are bad, and where they are of other variables.
DAMAGED = (tf.errors.OpError, IndexError, RuntimeError)
MISMATCHED = (AssertionError, ValueError)
_STATE_NAME = "checkpoint"
_ANEW = "use another --save_path, or --restart"


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
