"""What is known of a writer that is killed."""

import dataclasses
import hashlib
import pathlib
from collections.abc import Callable

from vae_gan3d.files import make_folder

# The contents of files, or of sets of them, by their names; what is absent has no entry, and a half says what it is.
Found = dict[str, str]


def read_bytes(folder: pathlib.Path) -> Found:
    """The digests of all files in a folder but those with hidden names."""
    return {path.name: digest(path.read_bytes()) for path in sorted(folder.glob("[!.]*")) if path.is_file()}


def digest(contents: bytes) -> str:
    """Bytes as a short text."""
    return hashlib.sha256(contents).hexdigest()[:16]


def leftovers(folder: pathlib.Path) -> list[pathlib.Path]:
    """What lies unfinished in a folder or within its sub-folders."""
    return [path for path in folder.rglob("*") if ".tmp." in path.name or path.suffix in (".ready", ".tmp")]


@dataclasses.dataclass(frozen=True)
class Writer:
    """A writer of the project.

    Attributes:
        name: short.
        files: what it writes.
        write: given a folder, a folder of inputs and 0 or 1, writes one of two contents as the project does.
        read: what lies in the folder, as one who reads it finds it.
        prepare: makes the inputs, once.
        start: what the owner of the folder does first.
    """

    name: str
    files: str
    write: Callable[[pathlib.Path, pathlib.Path, int], object]
    read: Callable[[pathlib.Path], Found] = read_bytes
    prepare: Callable[[pathlib.Path], object] | None = None
    start: Callable[[pathlib.Path], object] = make_folder
