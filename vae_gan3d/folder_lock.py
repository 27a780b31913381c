"""Locks of folders, which end with the process that holds them, however it ends: no two runs write one folder."""

import contextlib
import errno
import os
import pathlib
import socket
import sys
from collections.abc import Iterator
from typing import NoReturn

from vae_gan3d.errors import UserError
from vae_gan3d.files import write_refused

try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None  # type: ignore[assignment]

LOCK_NAME = ".lock"
# What file systems answer that have no locks, as some of networks do.
_WITHOUT_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
_LONGEST_NOTE = 200


@contextlib.contextmanager
def folder_lock(folder: pathlib.Path, flag: str, name: str = LOCK_NAME) -> Iterator[None]:
    """Keeps everyone else who asks out of a folder within the block.

    The kernel takes the lock back when the process ends, also by SIGKILL: what is left then is a file without meaning,
    which the next one takes over. Processes that this one starts do not hold it. Where the system has no locks, a note
    says so, and nobody is kept out.

    Args:
        folder: it exists.
        flag: the flag that named it to the user, such as `--save_path`.
        name: of the file that is locked, for several locks in one folder.

    Yields:
        Nothing.

    Raises:
        UserError: another process holds the lock, or the folder cannot be written to.
    """
    path = folder / name
    descriptor = _acquire(path, flag)
    try:
        yield
    finally:
        if descriptor is not None:
            with contextlib.suppress(OSError):
                path.unlink()  # while it is held: who opened it before finds that it is gone
            os.close(descriptor)


def _acquire(path: pathlib.Path, flag: str) -> int | None:
    """The locked file; None where there are no locks."""
    while fcntl is not None:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise write_refused(path, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(path, descriptor):
                _leave_note(descriptor)
                return descriptor
        except BlockingIOError:
            _refuse(path.parent, flag, descriptor)
        except OSError as error:
            os.close(descriptor)
            if error.errno in _WITHOUT_LOCKS:
                break
            raise UserError(f"cannot lock {path}: {error.strerror}; give another {flag}") from error
        os.close(descriptor)
    print(f"note: {path.parent} cannot be locked here: see to it that no other run writes it", file=sys.stderr)
    return None


def _is_at(path: pathlib.Path, descriptor: int) -> bool:
    """Whether the open file is the one of this name, and not one whose holder has removed it since."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _leave_note(descriptor: int) -> None:
    """Says in the file who holds it."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)


def _refuse(folder: pathlib.Path, flag: str, descriptor: int) -> NoReturn:
    """Tells who is there.

    Raises:
        UserError: always.
    """
    note = os.pread(descriptor, _LONGEST_NOTE, 0).decode("utf-8", errors="replace").strip()
    os.close(descriptor)
    holder = note if note.startswith("process ") and note.isprintable() else "another process"
    raise UserError(f"{folder} is in use by {holder}: wait until it has ended, stop it, or give another {flag}")
