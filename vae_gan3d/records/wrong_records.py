"""What to say of a path that was given for records and is none: what it is, and what there is instead."""

import itertools
import pathlib

from vae_gan3d.command_line import command_text
from vae_gan3d.records.manifest import RECORD_SUFFIX
from vae_gan3d.voxels.shape_layouts import SHAPE_EXTENSIONS
from vae_gan3d.wording import name_some

_ARCHIVES = frozenset((".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".rar"))
_SEARCHED = 2000
_WEIGHTS = ".weights.h5"  # of a network, in a run folder


def describe_wrong_file(path: pathlib.Path) -> str:
    """What to say of a file that does not begin as records do.

    Args:
        path: a file.

    Returns:
        One line.
    """
    kind = path.suffix.lower()
    if kind in _ARCHIVES:
        what = f"but an archive: unpack it, and where it holds shapes {_write_shapes('FOLDER')}"
    elif kind in SHAPE_EXTENSIONS and not path.name.endswith(_WEIGHTS):
        what = f"but holds shapes, by its name: {_write_shapes('FOLDER')}"
    elif kind == ".json" and _record_files(path.parent):
        what = f"but what describes those beside it: give {path.parent}"
    else:
        what = f"which create_tf_record.py writes: give one, or the folder of one{_beside(path)}"
    return f"{path} is not a {RECORD_SUFFIX} file, {what}"


def describe_folder(folder: pathlib.Path) -> str:
    """What to say of a folder without record files.

    Args:
        folder: a folder.

    Returns:
        One line.
    """
    found = f"{folder} holds no {RECORD_SUFFIX} files"
    within = sorted({str(path.parent) for path in folder.glob(f"*/*{RECORD_SUFFIX}")})
    if within:
        return f"{found} itself: give a folder in it that does, {name_some(within)}"
    of_a_run = any(folder.glob("model.ckpt-*"))  # whose results are shapes too
    files = () if of_a_run else itertools.islice(folder.rglob("*"), _SEARCHED)
    if any(path.suffix.lower() in SHAPE_EXTENSIONS for path in files):
        return f"{found}, but shapes: {_write_shapes(folder)}"
    return f"{found}: write some with create_tf_record.py, or give another folder"


def describe_absent(records: str) -> str:
    """What to say where a path or a pattern matches no file.

    Args:
        records: as it was given.

    Returns:
        One line.
    """
    return f"no records match {records!r}: give a {RECORD_SUFFIX} file, a folder or a pattern" + _beside(
        pathlib.Path(records)
    )


def _write_shapes(folder: pathlib.Path | str) -> str:
    command = command_text("create_tf_record.py", f"--data_dir={folder}", "--output_dir=RECORDS")
    return f"write them as records first, {command}"


def _beside(path: pathlib.Path) -> str:
    """The record files beside a path, or the folders beside it that hold some."""
    names = _record_files(path.parent)
    if names:
        return f"; {path.parent} holds {name_some(names)}"
    folders = sorted({str(file.parent) for file in path.parent.glob(f"*/*{RECORD_SUFFIX}")})
    return f"; there are records in {name_some(folders)}" if folders else ""


def _record_files(folder: pathlib.Path) -> list[str]:
    return sorted(path.name for path in folder.glob(f"*{RECORD_SUFFIX}") if not path.name.startswith("."))
