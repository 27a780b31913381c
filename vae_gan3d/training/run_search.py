"""What to give where a run folder is asked for that is not there."""

import contextlib
import difflib
import itertools
import pathlib
from collections.abc import Callable

from vae_gan3d.wording import name_some

_SEARCHED = 200


def name_runs_near(folder: pathlib.Path, has_checkpoint: Callable[[pathlib.Path], bool]) -> str:
    """What to give in place of a folder without checkpoints.

    Args:
        folder: which may be absent.
        has_checkpoint: whether a folder holds one.

    Returns:
        The end of an error's line: the folders in it, or else beside it, that hold checkpoints, those of a like name
        first.
    """
    runs = _runs_in(folder, has_checkpoint) or _runs_in(folder.parent, has_checkpoint)
    if not runs:
        return "train first, or give a run folder, or a prefix such as RUN/model.ckpt-40"
    alike = difflib.get_close_matches(folder.name, {run.name for run in runs}, n=len(runs))
    runs.sort(key=lambda run: alike.index(run.name) if run.name in alike else len(alike))
    return f"give a run folder that holds checkpoints: {name_some([str(run) for run in runs])}"


def _runs_in(place: pathlib.Path, has_checkpoint: Callable[[pathlib.Path], bool]) -> list[pathlib.Path]:
    """The sub-folders with checkpoints, in order of their names; of what cannot be listed nothing is said."""
    with contextlib.suppress(OSError):
        children = (path for path in sorted(place.iterdir()) if path.is_dir())
        return [path for path in itertools.islice(children, _SEARCHED) if has_checkpoint(path)]
    return []
