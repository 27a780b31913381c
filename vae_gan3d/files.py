"""Writing files so that a target is either absent, as it was, or complete, and clearing up after killed processes."""

import contextlib
import errno
import functools
import hashlib
import os
import pathlib
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator

from vae_gan3d.errors import FileRefusedError, UserError

# Process, machine (which older versions left out), and the name of what is written.
_TEMPORARY_NAME = re.compile(r"\.(\d{1,10})(?:-([0-9a-f]{8}))?\.tmp\..+", re.DOTALL)
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*|\{[A-Za-z_]\w*\})")
_FORGOTTEN_SECONDS = 24 * 3600.0
_MORE_SPACE = "free some space or choose another place"
_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _MORE_SPACE),
    **dict.fromkeys((errno.ENOENT, errno.ESTALE), "was the folder removed? choose another place"),
}
# How TensorFlow begins and ends what the system told it.
_OPERATION = re.compile(r"^(\{\{.*?\}\} )+|( \[Op:[^\]]*\])? *(name: \S*)?$")
# What file systems answer that cannot flush a folder, or do not let this user.
_NO_FOLDER_FLUSH = (errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM, errno.EBADF)


def expand_path(text: str) -> str:
    """A path as a shell reads it: `~`, `~user` at its beginning and `$NAME` or `${NAME}` anywhere are replaced.

    Shells do not expand `--flag=~/runs`, and nothing expands paths in a file of flags.

    Args:
        text: a path or a pattern.

    Raises:
        UserError: there is no such user or variable, and no file of that very name.
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
    """Refuses names with letters beyond ASCII where Python writes names otherwise than TensorFlow, which takes UTF-8.

    Python does where the locale is not of UTF-8, such as LC_ALL=C, and PYTHONUTF8=0 keeps it from UTF-8.

    Args:
        texts: such as a command line.

    Raises:
        UserError: one has such letters, so that a file would be sought or written under a wrong name.
    """
    encoding = sys.getfilesystemencoding()
    beyond = next((text for text in texts if not text.isascii()), None)
    if beyond is not None and encoding.lower() not in ("utf-8", "utf8"):
        raise UserError(f"{beyond} is read in {encoding} by the locale of this machine: set PYTHONUTF8=1")


def _is_named_so(path: str, position: int) -> bool:
    """Whether the file or folder is there whose name ends at or after a position in a path."""
    end = path.find("/", position)
    return os.path.lexists(path if end < 0 else path[:end])


def make_folder(path: pathlib.Path) -> pathlib.Path:
    """Makes a folder and its parents, and clears it of what killed processes left unfinished in it.

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
    remove_leftovers(path)
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
    """The name under which this process writes a target, and by which `remove_leftovers` knows whose it was."""
    return path.with_name(f"{_own_prefix()}{path.name}")


@contextlib.contextmanager
def scratch_folder(parent: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder of this process alone, which is gone when the block ends; `remove_leftovers` knows its name too.

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
    """Removes what processes that are no more were writing in a folder, but not within its sub-folders.

    A process of another machine, which may share the folder, cannot be asked after: what it was writing goes where it
    was not touched for a day.

    Args:
        folder: it may be absent; what this user may not remove stays.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _TEMPORARY_NAME.fullmatch(entry.name)
            if match and _is_left(pathlib.Path(entry.path), int(match.group(1)), match.group(2)):
                _remove(pathlib.Path(entry.path))


def flush_to_disk(path: pathlib.Path) -> None:
    """Asks the system to put a written file on the disk, so that a rename never outruns its contents."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def flush_folder(path: pathlib.Path) -> None:
    """Asks the system to put the names in a folder on the disk, so that a rename lasts."""
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
    """Writes a UTF-8 text file by way of a temporary name.

    Raises:
        UserError: the system refuses the write.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def append_text(path: pathlib.Path, text: str) -> None:
    """Adds UTF-8 text to a file that is there; where that is refused, the file is as it was.

    A kill may leave a piece of the text, so that readers must pass over a last line without its end.

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
    """The line for a write that is refused: what, why, and what to do.

    Args:
        what: is not written.
        error: of the system, or of TensorFlow.
    """
    if isinstance(error, OSError) and error.strerror:
        remedy = _REMEDIES.get(error.errno or 0, "choose another place")
        return FileRefusedError(f"cannot write {what}: {error.strerror}; {remedy}")
    first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return FileRefusedError(f"cannot write {what}: {_OPERATION.sub('', first_line)}; {_MORE_SPACE}")


def _own_prefix() -> str:
    return f".{os.getpid()}-{_machine()}.tmp."


@functools.cache
def _machine() -> str:
    """Eight digits for this machine, or for the container within it whose processes have numbers of their own."""
    numbering = ""
    with contextlib.suppress(OSError):
        numbering = str(pathlib.Path("/proc/self/ns/pid").readlink())
    return hashlib.sha256(f"{platform.node()} {numbering}".encode()).hexdigest()[:8]


def _is_left(path: pathlib.Path, process: int, machine: str | None) -> bool:
    """Whether nobody writes to a temporary name any more."""
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
