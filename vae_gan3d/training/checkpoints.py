"""Numbered checkpoints that are complete or absent, and restoring from the newest that is whole."""

import pathlib
import shutil
import sys

import tensorflow as tf

from vae_gan3d.errors import UserError
from vae_gan3d.files import flush_to_disk, make_folder, write_text
from vae_gan3d.training.run_folder import (
    CHECKPOINT_STEM,
    checkpoint_epochs,
    checkpoint_prefix,
    data_file,
    index_file,
    prior_file,
)

# What TensorFlow raises where the bytes are bad, and where they are of other variables.
DAMAGED = (tf.errors.OpError, IndexError, RuntimeError)
MISMATCHED = (AssertionError, ValueError)


def save_checkpoint(checkpoint: tf.train.Checkpoint, folder: pathlib.Path, epoch: int, keep: int) -> pathlib.Path:
    """Writes `model.ckpt-EPOCH` aside, renames it into place, and removes the oldest beyond `keep`.

    A prior that was fitted to a checkpoint goes with it, also where a new checkpoint takes its name.
    The data file is renamed before the index: a checkpoint counts from the moment that its index is there.

    Args:
        checkpoint: what to save.
        folder: the run folder.
        epoch: N of `model.ckpt-N`.
        keep: how many of the newest stay.

    Returns:
        The checkpoint's prefix.

    Raises:
        UserError: the system refuses the write; earlier checkpoints are as they were.
    """
    aside = make_folder(folder) / f".{CHECKPOINT_STEM}-{epoch}.tmp"
    try:
        shutil.rmtree(aside, ignore_errors=True)
        checkpoint.write(str(checkpoint_prefix(aside, epoch)))
        prior_file(checkpoint_prefix(folder, epoch)).unlink(missing_ok=True)  # of other weights, where it is replaced
        for written, target in (
            (data_file(aside, epoch), data_file(folder, epoch)),
            (index_file(aside, epoch), index_file(folder, epoch)),
        ):
            flush_to_disk(written)
            written.replace(target)
    except (OSError, tf.errors.OpError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise UserError(
            f"cannot write the checkpoint of epoch {epoch} in {folder}: {reason}; earlier checkpoints are whole"
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    _remove_oldest(folder, keep)
    _write_state_file(folder)
    return checkpoint_prefix(folder, epoch)


def restore_newest(checkpoint: tf.train.Checkpoint, folder: pathlib.Path) -> int | None:
    """Restores everything from the newest checkpoint of a folder that can be read.

    Args:
        checkpoint: what to restore, with every variable made.
        folder: the run folder.

    Returns:
        The epoch that was restored, or None where the folder holds no checkpoint at all.

    Raises:
        UserError: there are checkpoints and none can be read; training anew in silence would hide the loss.
    """
    epochs = checkpoint_epochs(folder)
    failures = []
    for epoch in epochs:
        try:
            checkpoint.read(str(checkpoint_prefix(folder, epoch))).assert_consumed()
        except (*DAMAGED, *MISMATCHED) as error:
            failures.append(f"{checkpoint_prefix(folder, epoch)} cannot be read ({str(error).splitlines()[0]})")
            continue
        for failure in failures:
            print(f"warning: {failure}; epoch {epoch} is used instead", file=sys.stderr)
        return epoch
    if failures:
        raise UserError(f"{failures[0]}, nor can any older one in {folder}: use another --save_path, or --restart")
    return None


def _remove_oldest(folder: pathlib.Path, keep: int) -> None:
    for epoch in checkpoint_epochs(folder)[keep:]:
        for path in (index_file, data_file):
            path(folder, epoch).unlink(missing_ok=True)
        prior_file(checkpoint_prefix(folder, epoch)).unlink(missing_ok=True)


def _write_state_file(folder: pathlib.Path) -> None:
    """Writes the text file `checkpoint`, by which TensorFlow's own tools find the newest."""
    names = [checkpoint_prefix(folder, epoch).name for epoch in checkpoint_epochs(folder)]
    lines = [f'model_checkpoint_path: "{names[0]}"']
    lines += [f'all_model_checkpoint_paths: "{name}"' for name in reversed(names)]
    write_text(folder / "checkpoint", "\n".join(lines) + "\n")
