"""A writer for `tests.robustness.kills`."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Callable

from vae_gan3d.files import make_folder

# Contents of files, or of sets of files, by name. An absent file has no entry; an incomplete one describes itself.
Found = dict[str, str]


def read_bytes(folder: pathlib.Path) -> Found:
    """Digests of all files in a folder except hidden ones."""
    return {path.name: digest(path.read_bytes()) for path in sorted(folder.glob("[!.]*")) if path.is_file()}


def digest(contents: bytes) -> str:
    """A short hash of bytes."""
    return hashlib.sha256(contents).hexdigest()[:16]


def leftovers(folder: pathlib.Path) -> list[pathlib.Path]:
    """Unfinished files in a folder and its subfolders."""
    return [path for path in folder.rglob("*") if ".tmp." in path.name or path.suffix in (".ready", ".tmp")]


@dataclasses.dataclass(frozen=True)
class Writer:
    """A function of the project that writes files.

    Attributes:
        name: a short name.
        files: description of the files.
        write: takes a folder, a folder of inputs and 0 or 1, and writes one of two contents.
        read: reads the folder as a user of the files does.
        prepare: makes the inputs, once.
        start: what the program does first in the folder.
    """

    name: str
    files: str
    write: Callable[[pathlib.Path, pathlib.Path, int], object]
    read: Callable[[pathlib.Path], Found] = read_bytes
    prepare: Callable[[pathlib.Path], object] | None = None
    start: Callable[[pathlib.Path], object] = make_folder
