"""Locks a folder while a process writes to it, so that no two runs write to the same folder."""

import contextlib
import errno
import os
import pathlib
import socket
import sys
from collections.abc import Iterator

import filelock

from vae_gan3d.errors import UserError
from vae_gan3d.files import write_refused

LOCK_NAME = ".lock"
# The errors of file systems that have no locks, such as some network drives.
_WITHOUT_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
_LONGEST_NOTE = 200
# A holder that ends at this moment removes the file that we have just opened: filelock then needs a second attempt.
_RETRY_SECONDS = 0.2


@contextlib.contextmanager
def folder_lock(folder: pathlib.Path, flag: str, name: str = LOCK_NAME) -> Iterator[None]:
    """Locks a folder within the block.

    The kernel frees the lock when the process ends, also after SIGKILL: the file that is left then has no meaning, and
    the next process takes it over. Child processes do not hold the lock. Where the file system has no locks, a note
    says so, and nobody is refused.

    Args:
        folder: an existing folder.
        flag: the flag with which the user named the folder, such as `--save_path`.
        name: the name of the lock file; a folder can have several locks.

    Raises:
        UserError: another process holds the lock, or the folder is not writable.
    """
    path = folder / name
    lock = filelock.FileLock(
        path, timeout=_RETRY_SECONDS, mode=0o644, fallback_to_soft=False, on_acquired=_write_holder
    )
    try:
        folder.stat()  # filelock would make a folder that has been removed
        lock.acquire()
    except filelock.Timeout as error:
        raise UserError(
            f"{folder} is in use by {_read_holder(path)}: wait until it has ended, stop it, or give another {flag}"
        ) from error
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise write_refused(path, error) from error
        print(f"note: {folder} cannot be locked here: see to it that no other run writes it", file=sys.stderr)
    try:
        yield
    finally:
        if lock.is_locked:
            with contextlib.suppress(OSError):
                path.unlink()  # before the release: filelock does not lock a file that has been removed
            lock.release()


def _write_holder(descriptor: int) -> None:
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())


def _read_holder(path: pathlib.Path) -> str:
    try:
        with open(path, "rb") as file:
            note = file.read(_LONGEST_NOTE).decode("utf-8", errors="replace").strip()
    except OSError:  # just removed; on Windows also a locked file
        note = ""
    return note if note.startswith("process ") and note.isprintable() else "another process"
