"""Reads files that are made to do harm, alone, as uploads and as a data set, and holds each against what is to be said.

    python -m tests.robustness.hostile

Bombs, headers that promise gigabytes, numbers and objects that no grid holds, links, pipes and devices, names that a
terminal or a program could take for something else. The program has to survive each and tell of it in one line; then
`create_tf_record.py` has to leave with status 1, and with `--skip_bad` to write what is good and name the rest.
"""

import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator

from tests.robustness.hostile_files import SEVERAL, grid_of_ones, hostile_grids, hostile_meshes, mat_bytes, npy_bytes
from vae_gan3d.config.shapes import ReadOptions
from vae_gan3d.data.manifest import read_manifest
from vae_gan3d.data.sandbox import read_grids
from vae_gan3d.errors import UserError
from vae_gan3d.explorer.app import read_upload
from vae_gan3d.text import printable

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


Expected = tuple[pathlib.Path, str | None]
_READING = ReadOptions(resolution=16)
_ROOT = pathlib.Path(__file__).resolve().parents[2]
_CHANGES = 40
_UPLOADED = 4  # one of so many: each has a process of its own, which takes a second
_MOST_UPLOADED = 20 * 10**6


def write_hostile_files(folder: pathlib.Path) -> list[Expected]:
    """Writes all of them into a folder.

    Args:
        folder: is there.

    Returns:
        Each with words of the line that refuses it, None where it is read.
    """
    written: list[Expected] = []
    for files in (hostile_grids(), hostile_meshes()):
        for name, contents, words in files:
            (folder / name).write_bytes(contents)
            written.append((folder / name, words))
    return [*written, *write_hostile_paths(folder)]


def wrong_answers(expected: list[Expected]) -> Iterator[str]:
    """Reads files, and gives a line for each of which something else is said than expected.

    Args:
        expected: the files, and words of the lines that refuse them, of which `|` parts several.
    """
    paths = [path for path, _ in expected]
    last = time.monotonic()
    for (path, words), result in zip(expected, read_grids(paths, workers=1, options=_READING), strict=True):
        seconds, last = time.monotonic() - last, time.monotonic()
        line = result.error or ""
        pattern = "|".join(map(re.escape, words.split("|"))) if words else "(?!)"
        is_right = result.grid is not None if words is None else re.search(pattern, line) is not None
        is_line = not line or (line.isprintable() and line.startswith(f"{printable(path)}: "))
        if not is_right or not is_line or "crashed the reader" in line:
            yield f"{printable(path.name)}: {line or 'read'!r} in place of {words or 'a grid'!r}"
        if seconds > 3:
            print(f"  {printable(path.name)} took {seconds:.1f} s")


def survive_changes(folder: pathlib.Path) -> Iterator[str]:
    """Reads a file again and again that another thread cuts, writes anew and removes meanwhile.

    Args:
        folder: where it is.

    Yields:
        What was neither a grid nor one line.
    """
    path, good, ended = folder / "changing.npy", npy_bytes(grid_of_ones()), threading.Event()

    def change() -> None:
        while not ended.is_set():
            for contents in (good, good[:90], b"", good * 100):
                path.write_bytes(contents)
            path.unlink()

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for result in read_grids([path] * _CHANGES, workers=1):
            if result.grid is None and not str(result.error).startswith(f"{path}: "):
                yield f"{path.name}: {result.error!r}"
    finally:
        ended.set()
        thread.join()


def wrong_uploads(expected: list[Expected]) -> Iterator[str]:
    """Sends files to the explorer's reader of uploads under their own names and under such as climb out of folders.

    Args:
        expected: the files, and words of the lines that refuse them.

    Yields:
        What was neither a grid nor one line without a path of this machine.
    """
    with tempfile.TemporaryDirectory(prefix="vae_gan3d-uploads-") as place:
        tempfile.tempdir = place
        for number, (path, words) in enumerate(expected[::_UPLOADED]):
            if path.is_symlink() or not path.is_file() or path.stat().st_size > _MOST_UPLOADED:
                continue
            name = ("", "../../", "/etc/", "C:\\")[number % 4] + path.name
            try:
                read_upload(path.read_bytes(), name, _READING)
                if words and "|" not in words:
                    yield f"upload {printable(name)}: read in place of {words!r}"
            except UserError as error:
                line = str(error)
                if not line.isprintable() or place in line or words is None:
                    yield f"upload {printable(name)}: {line!r}"
            if left := list(pathlib.Path(place).iterdir()):
                yield f"upload {printable(name)}: left {left}"
        tempfile.tempdir = None


def try_as_data_set(data: pathlib.Path, expected: list[Expected], folder: pathlib.Path) -> Iterator[str]:
    """Makes records of the files by the command line, without and with `--skip_bad`.

    Args:
        data: the folder of class folders.
        expected: the files of its one class.
        folder: where the records go.

    Yields:
        What is wrong.
    """
    command = [sys.executable, str(_ROOT / "create_tf_record.py"), f"--data_dir={data}", "--resolution=16"]
    # A folder of shapes has no text slices.
    bad = {path for path, words in expected if words not in (None, SEVERAL) and path.suffix != ".txt"}
    for words, status in ((["--workers=1"], 1), (["--workers=1", "--skip_bad"], 0)):
        done = subprocess.run(
            [*command, *words, f"--output_dir={folder}"], capture_output=True, cwd=_ROOT, timeout=1800, check=False
        )
        lines = done.stderr.decode("utf-8", "replace").splitlines()
        if done.returncode != status:
            yield f"create_tf_record.py {words} left with {done.returncode}: {lines[-3:]}"
        if any("Traceback" in line for line in lines) or (status and not lines[-1].startswith("error: ")):
            yield f"create_tf_record.py {words} ended in other words than one line: {lines[-3:]}"
        if not status:
            skipped = {data / file.path for file in read_manifest(folder / "train.json").skipped}
            yield from (f"{printable(path.name)} is not named in the manifest" for path in bad - skipped)
            yield from (f"{printable(path.name)} was left out" for path in skipped - bad)


def main() -> int:
    """Runs the command line; returns 0 where all was as it has to be, else 1."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="vae_gan3d-hostile-") as place:
        classes = pathlib.Path(place, "data", "things", "train")
        classes.mkdir(parents=True)
        expected = write_hostile_files(classes)
        wrong = [*wrong_answers(expected), *survive_changes(classes)]
        for path in classes.glob("changing*"):
            path.unlink()
        wrong += wrong_uploads(expected)
        wrong += try_as_data_set(classes.parents[1], expected, pathlib.Path(place, "records"))
    for line in wrong:
        print(f"  {line}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(
        f"{len(expected)} files and {_CHANGES} readings of one that changes: {len(wrong)} wrong; "
        f"{time.monotonic() - start:.0f} s, the largest process took {peak:.0f} MiB"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
