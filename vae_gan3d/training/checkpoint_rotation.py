"""How the files of a checkpoint get their names, all or none, and which of them are too old. Needs no TensorFlow."""

import pathlib
import re

from vae_gan3d.files import flush_folder
from vae_gan3d.training.run_folder import (
    CHECKPOINT_STEM,
    checkpoint_epochs,
    checkpoint_prefix,
    index_file,
    newest_first,
    prior_file,
)

_READY_PATTERN = re.compile(rf"\.{re.escape(CHECKPOINT_STEM)}-(\d+)\.ready")
_PART_PATTERN = re.compile(rf"{re.escape(CHECKPOINT_STEM)}-(\d+)\..+")


def ready_folder(folder: pathlib.Path, epoch: int) -> pathlib.Path:
    """Where a checkpoint lies from the moment that it is whole until each of its files has its name."""
    return folder / f".{CHECKPOINT_STEM}-{epoch}.ready"


def finish_saving(folder: pathlib.Path) -> None:
    """Gives the files of whole checkpoints their names, also where a process was killed while it did so.

    A checkpoint counts from the moment that its index is there, so an older one of the same epoch loses its index
    first, and the new index comes last: in between there is none, and never one of two halves.

    Args:
        folder: a run folder, which no other process writes; it may be absent.

    Raises:
        OSError: the system refuses; what is not renamed is kept for the next call.
    """
    for ready in sorted(folder.glob(f".{CHECKPOINT_STEM}-*.ready")):
        match = _READY_PATTERN.fullmatch(ready.name)
        if match is None:
            continue
        epoch = int(match.group(1))
        index = index_file(folder, epoch)
        if (ready / index.name).exists():
            index.unlink(missing_ok=True)
            prior_file(checkpoint_prefix(folder, epoch)).unlink(missing_ok=True)  # of other weights
            flush_folder(folder)
        for part in sorted(ready.iterdir(), key=lambda part: part.name == index.name):
            part.replace(folder / part.name)
        flush_folder(folder)
        ready.rmdir()


def older_parts(folder: pathlib.Path, keep: int) -> list[pathlib.Path]:
    """The files of checkpoints that are older than the newest few, each index before the rest of its checkpoint.

    Also the rest alone, where a process was killed between the two.

    Args:
        folder: the run folder.
        keep: how many of the newest stay; at least 1.
    """
    kept = checkpoint_epochs(folder)[:keep]
    if len(kept) < keep:
        return []
    found = [(path, _PART_PATTERN.fullmatch(path.name)) for path in folder.iterdir()]
    parts = [(path, int(match.group(1))) for path, match in found if match]
    order = newest_first(folder, {epoch for _, epoch in parts})
    too_old = set(order[order.index(kept[-1]) + 1 :])
    older = [path for path, epoch in parts if epoch in too_old]
    return sorted(older, key=lambda path: (path.suffix != ".index", path.name))
