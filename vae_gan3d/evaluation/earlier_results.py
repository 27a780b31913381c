"""Results of an earlier run of a phase, which the next one in the same folder does not replace but moves aside."""

import pathlib
import re
import sys
from collections.abc import Sequence

from vae_gan3d.errors import UserError
from vae_gan3d.files import make_folder

_ASIDE = re.compile(r"earlier-(\d+)")


def keep_earlier_results(folder: pathlib.Path, patterns: Sequence[str], inputs: Sequence[str] = ()) -> None:
    """Moves the files that a phase wrote before into a sub-folder `earlier-N`, and says so.

    Args:
        folder: where the phase is about to write.
        patterns: the names of its files, with `*` where they differ from run to run.
        inputs: what the phase reads, which stays where it is if it is such a file: the same command shall run again.

    Raises:
        UserError: the system refuses to move one.
    """
    read = {pathlib.Path(text).resolve() for text in inputs}
    found = sorted(path for pattern in patterns for path in folder.glob(pattern) if path.is_file())
    moved = [path for path in dict.fromkeys(found) if path.resolve() not in read]
    if not moved:
        return
    numbers = [int(match.group(1)) for path in folder.iterdir() if (match := _ASIDE.fullmatch(path.name))]
    aside = make_folder(folder / f"earlier-{max(numbers, default=0) + 1}")
    try:
        for path in moved:
            path.replace(aside / path.name)
    except OSError as error:
        raise UserError(f"cannot move {error.filename} to {aside}: {error.strerror}; give another folder") from error
    print(f"note: the earlier result in {folder} was moved to {aside}", file=sys.stderr)
