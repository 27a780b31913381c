"""Writing files so that a target is either absent, as it was, or complete."""

import contextlib
import os
import pathlib
from collections.abc import Iterator

from vae_gan3d.errors import UserError


def make_folder(path: pathlib.Path) -> pathlib.Path:
    """Makes a folder and its parents.

    Args:
        path: the folder; it may exist.

    Returns:
        The same path.

    Raises:
        UserError: a file is in the way, or the place cannot be written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {path}: {error.strerror}; choose another place") from error
    return path


@contextlib.contextmanager
def atomic_path(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Gives a temporary name beside `path`, and renames it to `path` when the block ends well.

    The temporary name keeps all suffixes, because libraries choose a format by them. On an exception the temporary file
    is removed and `path` is as it was.

    Args:
        path: the file to write.

    Yields:
        The name to write to.

    Raises:
        UserError: the system refuses the write (no space, no permission).
    """
    temporary = path.with_name(f".{os.getpid()}.tmp.{path.name}")
    try:
        yield temporary
        flush_to_disk(temporary)
        temporary.replace(path)
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror or error}; free some space or choose another place"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def flush_to_disk(path: pathlib.Path) -> None:
    """Asks the system to put a written file on the disk, so that a rename never outruns its contents."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes a UTF-8 text file by way of a temporary name.

    Raises:
        UserError: the system refuses the write.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
