"""Atomic writes, JSON with checksums, format versions, and locks on folders."""

import contextlib
import errno
import functools
import hashlib
import json
import os
import pathlib
import platform
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import filelock
import numpy as np

import vae_gan3d
from vae_gan3d.errors import FileRefusedError, UserError

# The name of this program in files of other formats that have a field for it.
PROGRAM = f"vae_gan3d {vae_gan3d.__version__}"
# Process, machine (not in older versions), and the name of the file.
_TEMPORARY_NAME = re.compile(r"\.(\d{1,10})(?:-([0-9a-f]{8}))?\.tmp\..+", re.DOTALL)
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*|\{[A-Za-z_]\w*\})")
_FORGOTTEN_SECONDS = 24 * 3600.0
_MORE_SPACE = "free some space or choose another place"
_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _MORE_SPACE),
    **dict.fromkeys((errno.ENOENT, errno.ESTALE), "was the folder removed? choose another place"),
}
# What TensorFlow adds before and after a message of the system.
_OPERATION = re.compile(r"^(\{\{.*?\}\} )+|( \[Op:[^\]]*\])? *(name: \S*)?$")
# Errors of file systems that cannot flush a folder, or do not allow it.
_NO_FOLDER_FLUSH = (errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM, errno.EBADF)
DIGEST = "digest"
# Enough for a manifest that lists 300,000 skipped files with reasons.
_MOST_BYTES = 64 << 20
LOCK_NAME = ".lock"
# The errors of file systems that have no locks, such as some network drives.
_WITHOUT_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
_LONGEST_NOTE = 200
# A holder that ends at this moment removes the file that we have just opened: filelock then needs a second attempt.
_RETRY_SECONDS = 0.2


def file_version(file_format: str, schema: int) -> dict[str, str | int]:
    """The first fields of this project's JSON files: `format`, `schema` and `version`."""
    return {"format": file_format, "schema": schema, "version": vae_gan3d.__version__}


def require_known_version(path: pathlib.Path, fields: Mapping[str, Any], file_format: str, schema: int) -> None:
    """Refuses a file of another format, and one that a newer version of this program wrote.

    Args:
        path: the file.
        fields: its contents: `format`, `schema` and, if present, `version`.
        file_format: the expected format.
        schema: the newest known schema.

    Raises:
        UserError: the schema is newer.
        KeyError: `format` or `schema` is missing.
        ValueError: the format is another, or the schema is not a number from 1.
    """
    found_format, found_schema = str(fields["format"]), fields["schema"]
    if found_format != file_format:
        raise ValueError(f"it is of format {found_format}, not {file_format}")
    if isinstance(found_schema, bool | float | str) or not int(found_schema) >= 1:
        raise ValueError(f"its schema is {found_schema!r}, not a number from 1 to {schema}")
    if int(found_schema) > schema:
        raise newer_version(path, fields, f"schema {int(found_schema)}, and this program reads up to {schema}")


def newer_version(path: pathlib.Path, fields: Mapping[str, Any], what: str) -> UserError:
    """The error for a file that a newer version of this program wrote.

    Args:
        path: the file.
        fields: its contents.
        what: the part that this version does not know.
    """
    found = np.asarray(fields.get("version"))  # of an archive it is an array
    version = f" {found}" if found.dtype.kind == "U" and not found.ndim else ""
    return UserError(f"{path} was written by a newer version{version} of vae_gan3d ({what}): update this program")


def expand_path(text: str) -> str:
    """Expands `~` and `~user` at the start of a path, and `$NAME` or `${NAME}` anywhere.

    Shells do not expand `--flag=~/runs`, nor paths in a file of flags.

    Args:
        text: a path or a pattern.

    Raises:
        UserError: there is no such user or variable, and no file of that literal name.
    """
    expanded = os.path.expandvars(os.path.expanduser(text))  # noqa: PTH111 (which drops a / at the end)
    unknown = _VARIABLE.search(expanded)
    if unknown and not _is_named_so(expanded, unknown.end()):
        raise UserError(f"the environment has no variable {unknown.group(0)}: set it, or write the path in full")
    if text.startswith("~") and expanded.startswith("~"):
        user = pathlib.PurePath(text).parts[0]
        raise UserError(f"there is no user {user[1:]}: write the path in full, or ./{user} for a file of that name")
    return expanded


def require_utf8_names(texts: Iterable[str]) -> None:
    """Refuses names beyond ASCII if Python does not encode names in UTF-8, as TensorFlow does.

    So it is in a locale without UTF-8, such as LC_ALL=C with PYTHONUTF8=0.

    Args:
        texts: such as a command line.

    Raises:
        UserError: a name is beyond ASCII, so that a file would get a wrong name.
    """
    encoding = sys.getfilesystemencoding()
    beyond = next((text for text in texts if not text.isascii()), None)
    if beyond is not None and encoding.lower() not in ("utf-8", "utf8"):
        raise UserError(f"{beyond} is read in {encoding} by the locale of this machine: set PYTHONUTF8=1")


def make_folder(path: pathlib.Path) -> pathlib.Path:
    """Creates a folder and its parents, and removes unfinished files of killed processes from it.

    Args:
        path: the folder; it may exist.

    Returns:
        The same path.

    Raises:
        UserError: a file of that name exists, or the folder cannot be written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {path}: {error.strerror}; choose another place") from error
    remove_leftovers(path)
    return path


@contextlib.contextmanager
def atomic_path(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Gives a temporary name beside `path`, and renames it to `path` when the block ends without an exception.

    The temporary name keeps all suffixes, because libraries choose a format by them. After an exception the temporary
    file is removed and `path` is unchanged.

    Args:
        path: the file to write.

    Yields:
        The temporary name.

    Raises:
        UserError: the system refuses the write (no space, no permission).
    """
    temporary = temporary_path(path)
    try:
        yield temporary
        flush_to_disk(temporary)
        temporary.replace(path)
        flush_folder(path.parent)
    except OSError as error:
        raise write_refused(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def temporary_path(path: pathlib.Path) -> pathlib.Path:
    """The temporary name under which this process writes `path`; `remove_leftovers` recognises it."""
    return path.with_name(f"{_own_prefix()}{path.name}")


@contextlib.contextmanager
def scratch_folder(parent: pathlib.Path) -> Iterator[pathlib.Path]:
    """A temporary folder of this process for the block; `remove_leftovers` recognises its name.

    Args:
        parent: where it is made.

    Yields:
        The folder, empty.

    Raises:
        OSError: it cannot be made.
    """
    with tempfile.TemporaryDirectory(dir=parent, prefix=_own_prefix(), ignore_cleanup_errors=True) as name:
        yield pathlib.Path(name)


def remove_leftovers(folder: pathlib.Path) -> None:
    """Removes unfinished files of ended processes from a folder, not from its sub-folders.

    Whether a process on another machine still runs is unknown: its files are removed if they did not change for a day.

    Args:
        folder: may be absent; files that this user may not remove stay.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _TEMPORARY_NAME.fullmatch(entry.name)
            if match and _is_left(pathlib.Path(entry.path), int(match.group(1)), match.group(2)):
                _remove(pathlib.Path(entry.path))


def flush_to_disk(path: pathlib.Path) -> None:
    """Flushes a file to the disk, so that a rename never comes before its contents."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def flush_folder(path: pathlib.Path) -> None:
    """Flushes a folder to the disk, so that a rename lasts."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_FLUSH:
            raise


def write_text(path: pathlib.Path, text: str) -> None:
    """Writes a UTF-8 text file under a temporary name, then renames it.

    Raises:
        UserError: the system refuses the write.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def append_text(path: pathlib.Path, text: str) -> None:
    """Appends UTF-8 text to an existing file; after an error the file is unchanged.

    A kill may leave a part of the text, so readers must skip an incomplete last line.

    Raises:
        UserError: the system refuses the write, or the file was removed.
    """
    rest = memoryview(text.encode("utf-8"))
    try:
        with open(path, "rb+", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            try:
                while rest:
                    rest = rest[os.write(file.fileno(), rest) :]
                os.fsync(file.fileno())
            except OSError:
                file.truncate(end)
                raise
    except OSError as error:
        raise write_refused(path, error) from error


def write_refused(what: object, error: Exception) -> FileRefusedError:
    """The error for a refused write: what, why, and what to do.

    Args:
        what: the file or files.
        error: of the system, or of TensorFlow.
    """
    if isinstance(error, OSError) and error.strerror:
        remedy = _REMEDIES.get(error.errno or 0, "choose another place")
        return FileRefusedError(f"cannot write {what}: {error.strerror}; {remedy}")
    first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return FileRefusedError(f"cannot write {what}: {_OPERATION.sub('', first_line)}; {_MORE_SPACE}")


def read_json(path: pathlib.Path) -> Any:  # noqa: ANN401 (whatever JSON can hold)
    """Reads a JSON file of limited size and depth.

    Args:
        path: the file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is larger than 64 MiB, no JSON, or nested too deeply.
    """
    with open(path, "rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ValueError(f"it has more than {_MOST_BYTES >> 20} MiB")
    try:
        return json.loads(data.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def with_checksum(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Adds the digest.

    Args:
        fields: what JSON can hold.

    Returns:
        The fields, and last `digest`: the sha256, hexadecimal, of all others as JSON with sorted keys and no blanks.
    """
    return {**fields, DIGEST: _digest(fields)}


def require_checksum(fields: Mapping[str, Any]) -> None:
    """Checks the digest of fields; fields without one, as in older files, are not checked.

    Args:
        fields: as parsed.

    Raises:
        ValueError: the digest differs.
    """
    if DIGEST in fields and fields[DIGEST] != _digest({key: fields[key] for key in fields if key != DIGEST}):
        raise ValueError(f"it was changed after it was written, by its {DIGEST!r}")


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


def _is_named_so(path: str, position: int) -> bool:
    """Whether a file or folder exists whose name ends at or after a position in a path."""
    end = path.find("/", position)
    return os.path.lexists(path if end < 0 else path[:end])


def _own_prefix() -> str:
    return f".{os.getpid()}-{_machine()}.tmp."


@functools.cache
def _machine() -> str:
    """Eight digits that identify this machine, or the container, which has its own process numbers."""
    numbering = ""
    with contextlib.suppress(OSError):
        numbering = str(pathlib.Path("/proc/self/ns/pid").readlink())
    return hashlib.sha256(f"{platform.node()} {numbering}".encode()).hexdigest()[:8]


def _is_left(path: pathlib.Path, process: int, machine: str | None) -> bool:
    """Whether no process writes to a temporary name any more."""
    if machine == _machine() and os.name == "posix":
        return not _is_alive(process)
    with contextlib.suppress(OSError):
        parts = [path, *path.rglob("*")]
        return time.time() - max(part.lstat().st_mtime for part in parts) > _FORGOTTEN_SECONDS
    return False


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)  # sends nothing
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # of another user
        return True
    return True


def _remove(path: pathlib.Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _digest(fields: Mapping[str, Any]) -> str:
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


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
