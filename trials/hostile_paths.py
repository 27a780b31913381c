"""Files whose names, kinds and places are made to do harm."""

import os
import pathlib
from collections.abc import Iterator

from trials.hostile_grids import grid_of_ones, mat_bytes

# A path, and words of the line that refuses it; None where it is read.
HostilePath = tuple[pathlib.Path, str | None]

_NAMES = (
    "new\nline",
    "escape\x1b[31m\x1b]0;title\x07",
    "'quotes\" `and` $(touch pwned)",
    "$mathtext_{$",
    "<b>markup&amp;",
    "-leading",
    "--skip_bad",
    "%s%n{0}",
    "two  blanks ",
    "right\u202eto left",
    "bytes\udcff\udc80",
    "long" * 60,
    "日本語",
)


def write_hostile_paths(folder: pathlib.Path) -> Iterator[HostilePath]:
    """Writes them.

    Args:
        folder: is there.

    Yields:
        Each, and what is said of it.
    """
    good = mat_bytes(grid_of_ones())
    for name in _NAMES:
        for end, contents, words in ((".mat", good, None), ("_bad.mat", b"\0\0no shape", "is a MATLAB 4 file")):
            path = folder / f"{name}{end}"
            path.write_bytes(contents)
            yield path, words
    yield from _links(folder, good)
    (folder / "folder.mat").mkdir()
    yield folder / "folder.mat", "is not a file but a folder"
    os.mkfifo(folder / "pipe.mat")
    yield folder / "pipe.mat", "is not a file but a device or pipe"
    (folder / "empty.mat").touch()
    yield folder / "empty.mat", "the file is empty"
    with open(folder / "sparse.npy", "wb") as file:
        file.truncate(1 << 40)
    yield folder / "sparse.npy", "is too large for one shape"


def _links(folder: pathlib.Path, good: bytes) -> Iterator[HostilePath]:
    outside = folder.parent / "outside.mat"
    outside.write_bytes(good)
    for name, target, words in (
        ("zeros.mat", "/dev/zero", "is not a file but a device or pipe"),
        ("memory.npy", "/proc/self/mem", "the file is empty"),
        ("to_folder.mat", "/", "is not a file but a folder"),
        ("dangling.mat", "absent.mat", "is a symbolic link to nothing"),
        ("loop.mat", "loop.mat", "cannot be read (Too many levels of symbolic links)"),
        ("passwords.mat", "/etc/passwd", "is not a MATLAB file"),
        ("outside.mat", str(outside), None),
    ):
        (folder / name).symlink_to(target)
        yield folder / name, words
