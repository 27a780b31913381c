"""One shape of a file that holds several, by its number: `samples.npy:3`."""

import pathlib
import re

_NUMBERED = re.compile(r"(.+\.npy):([0-9]+)", re.IGNORECASE)


def split_number(path: pathlib.Path) -> tuple[pathlib.Path, int | None]:
    """Parts a file from the number of the shape in it.

    Args:
        path: as the command line gives it. A file that is there by this full name is meant itself.

    Returns:
        The file, and the number from 0, or None where the path names none.
    """
    match = _NUMBERED.fullmatch(path.name)
    if match is None or path.exists():
        return path, None
    return path.with_name(match.group(1)), int(match.group(2))


def shape_stem(path: pathlib.Path) -> str:
    """What the files of a shape are called: `chair` of `chair.mat`, `samples-3` of `samples.npy:3`."""
    file, number = split_number(path)
    return file.stem if number is None else f"{file.stem}-{number}"
