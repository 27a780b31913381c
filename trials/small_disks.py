"""File systems that are full or refuse to be written: small ones in memory, for which Linux wants root."""

import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator

_BLOCK = 1 << 16


def why_no_disks() -> str | None:
    """Why no file systems can be mounted here; None where they can."""
    if sys.platform != "linux":
        return "only Linux mounts file systems in memory"
    with tempfile.TemporaryDirectory() as folder:
        done = _mount(pathlib.Path(folder), "size=64k")
        if done.returncode == 0:
            _unmount(pathlib.Path(folder))
            return None
    return f"no file system can be mounted here: {done.stderr.strip()}"


@contextlib.contextmanager
def small_disk(place: pathlib.Path, kilobytes: int) -> Iterator[pathlib.Path]:
    """Mounts an empty file system in memory.

    Args:
        place: an empty folder.
        kilobytes: its size.

    Yields:
        The place.

    Raises:
        OSError: the system refuses.
    """
    place.mkdir(parents=True, exist_ok=True)
    done = _mount(place, f"size={kilobytes}k")
    if done.returncode:
        raise OSError(done.stderr.strip())
    try:
        yield place
    finally:
        _unmount(place)


def fill(disk: pathlib.Path, *, leaving: int = 0) -> None:
    """Fills a file system with a file, but for some bytes."""
    with open(disk / "ballast", "ab", buffering=0) as file:
        with contextlib.suppress(OSError):
            while file.write(bytes(_BLOCK)):
                pass
        with contextlib.suppress(OSError):
            while file.write(bytes(512)):
                pass
        file.truncate(max(0, os.fstat(file.fileno()).st_size - leaving))


def make_read_only(disk: pathlib.Path) -> None:
    """Refuses every write to a mounted file system from now on."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True, capture_output=True)  # noqa: S607


def _mount(place: pathlib.Path, options: str) -> subprocess.CompletedProcess[str]:
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(place)]
    try:
        return subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def _unmount(place: pathlib.Path) -> None:
    subprocess.run(["umount", "--lazy", str(place)], check=True, capture_output=True)  # noqa: S607
