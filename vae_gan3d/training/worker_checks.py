"""Whether the processes of one run were started alike and share the run folder, asked before the first step."""

import dataclasses
import os
import pathlib
import time
import zlib

from vae_gan3d.config import TrainingConfig
from vae_gan3d.errors import UserError
from vae_gan3d.files import make_folder, write_text
from vae_gan3d.training.distribution import Distribution

# Paths may differ from machine to machine, and these flags are of one process alone.
_OF_EACH = ("records", "save_path", "logdir", "restart", "assume_yes", "expected_count", "report", "weights")
_SECONDS = 10.0  # a network's file system may show a file so late


def require_same_start(distribution: Distribution, config: TrainingConfig, *, record_count: int, step: int) -> None:
    """Refuses to train where processes would not do the same steps, or do not see one run folder.

    Args:
        distribution: of the processes; nothing is asked of one alone.
        config: of this one.
        record_count: shapes in its records.
        step: that it would go on from.

    Raises:
        UserError: the same on all of them.
    """
    if len(distribution.processes) == 1:
        return
    _require_shared_folder(distribution, config.save_path)
    found = distribution.gathered([_flags_number(config), record_count, step])
    reasons = ("has other flags than", "reads other records than", "found another checkpoint than")
    for name, numbers in zip(distribution.processes, found, strict=True):
        for reason, number, of_chief in zip(reasons, numbers, found[0], strict=True):
            if number != of_chief:
                raise UserError(
                    f"{name} {reason} {distribution.processes[0]}: start every worker with the same command, the same "
                    "records and the same --save_path"
                )


def _flags_number(config: TrainingConfig) -> int:
    """A number that other flags hardly share."""
    values = {name: value for name, value in dataclasses.asdict(config).items() if name not in _OF_EACH}
    return zlib.crc32(repr(values).encode())


def _require_shared_folder(distribution: Distribution, folder: pathlib.Path) -> None:
    """Refuses run folders that are not one: the chief puts a file there that the others have to find."""
    chosen = int.from_bytes(os.urandom(4), "big") + 1 if distribution.is_chief else 0
    mark = folder / f".shared-{distribution.largest(chosen)}"
    if distribution.is_chief:
        for old in make_folder(folder).glob(".shared-*"):  # of a chief that was killed: the lock keeps living ones out
            old.unlink(missing_ok=True)
        write_text(mark, "")
    distribution.largest(0)
    try:
        missing = distribution.gathered([not _appears(mark)])
    finally:
        if distribution.is_chief:
            mark.unlink(missing_ok=True)
    for name, (is_missing,) in zip(distribution.processes, missing, strict=True):
        if is_missing:
            raise UserError(
                f"{name} does not see the --save_path of {distribution.processes[0]}: give a folder that all workers "
                "share, such as one of a network file system"
            )


def _appears(path: pathlib.Path) -> bool:
    """Waits for a file for a while."""
    end = time.monotonic() + _SECONDS
    while not path.exists():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True
