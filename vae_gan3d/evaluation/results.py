"""Result files of the phases: shapes, JSON, the table of metrics, and the backup of earlier results."""

import json
import pathlib
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vae_gan3d.config import ShapeFilesConfig
from vae_gan3d.data.shape_files import write_shape
from vae_gan3d.data.surfaces import (
    check_mesh_file,
    largest_body,
    placed_mesh,
    surface_mesh,
    write_mesh,
)
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.shapes import shape_name
from vae_gan3d.files import (
    atomic_path,
    file_version,
    flush_folder,
    flush_to_disk,
    make_folder,
    write_refused,
    write_text,
)
from vae_gan3d.progress import progress_bar
from vae_gan3d.text import counted, name_some
from vae_gan3d.viewing.measures import BOUND_MEANING, measures

METRICS_FORMAT = "vae_gan3d.metrics"
NEIGHBORS_FORMAT = "vae_gan3d.neighbors"
METRICS_SCHEMA = 1
_DIGITS = 6
_TABLE_HEADER = ("measure", "model", "bound", "better")
_BACKUP = re.compile(r"earlier-(\d+)")


def back_up_results(folder: pathlib.Path, patterns: Sequence[str], inputs: Sequence[str] = ()) -> None:
    """Moves the results of an earlier run of a phase into a sub-folder `earlier-N` and prints a note.

    Args:
        folder: where the phase is about to write.
        patterns: names of its files, with `*`; of its folders, with `/` at the end.
        inputs: files that the phase reads; they stay, so that the same command works again.

    Raises:
        UserError: a file cannot be moved.
    """
    read = {pathlib.Path(text).resolve() for text in inputs}
    found = sorted(
        path
        for pattern in patterns
        for path in folder.glob(pattern)
        if (path.is_dir() if pattern.endswith("/") else path.is_file())
    )
    moved = [path for path in dict.fromkeys(found) if path.resolve() not in read]
    if not moved:
        return
    numbers = [int(match.group(1)) for path in folder.iterdir() if (match := _BACKUP.fullmatch(path.name))]
    backup = make_folder(folder / f"earlier-{max(numbers, default=0) + 1}")
    try:
        for path in moved:
            path.replace(backup / path.name)
    except OSError as error:
        raise UserError(f"cannot move {error.filename} to {backup}: {error.strerror}; give another folder") from error
    print(f"note: the earlier result in {folder} was moved to {backup}", file=sys.stderr)


def replace_results(folder: pathlib.Path, made: pathlib.Path, patterns: Sequence[str]) -> None:
    """Moves finished results to their folder, after the backup of earlier ones.

    Args:
        folder: where they go.
        made: a folder on the same disk with nothing else in it.
        patterns: see `back_up_results`.

    Raises:
        UserError: a file cannot be moved.
    """
    back_up_results(folder, patterns)
    try:
        for path in made.rglob("*"):
            if path.is_file():
                flush_to_disk(path)
        for path in sorted(made.iterdir()):
            path.replace(folder / path.name)
        flush_folder(folder)
    except OSError as error:
        raise write_refused(f"to {folder}", error) from error


def save_array(path: pathlib.Path, array: np.ndarray) -> None:
    """Writes an array as `.npy`, whole or not at all.

    Raises:
        UserError: the file cannot be written.
    """
    with atomic_path(path) as temporary:
        np.save(temporary, array)


def write_metrics(path: pathlib.Path, metrics: Mapping[str, Any], file_format: str = METRICS_FORMAT) -> None:
    """Writes metrics as JSON, with numbers rounded to six decimals.

    Args:
        path: the file.
        metrics: numbers, strings, None, and dictionaries and lists of them.
        file_format: name of the format, stored in the file with its version.

    Raises:
        ValueError: a number is NaN or infinite, which JSON does not allow.
        UserError: the file cannot be written.
    """
    contents = {**file_version(file_format, METRICS_SCHEMA), **_rounded(metrics)}
    write_text(path, json.dumps(contents, indent=2, allow_nan=False) + "\n")


def _rounded(value: Any) -> Any:  # noqa: ANN401 (whatever JSON holds)
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, _DIGITS) if isinstance(value, float) else value


def metrics_table(metrics: Mapping[str, Any]) -> str:
    """The metrics in aligned columns, followed by a line on the meaning of each.

    Args:
        metrics: the contents of `metrics.json`, see `docs/FORMATS.md`; None becomes a dash.

    Returns:
        Lines of text, without a newline at the end.
    """
    found = measures(metrics)
    cells = [_TABLE_HEADER, *((row.name, row.model, row.bound, row.better) for row in found)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_TABLE_HEADER))]
    lines = [
        f"{name:<{widths[0]}}  {model:>{widths[1]}}  {bound:>{widths[2]}}  {better}".rstrip()
        for name, model, bound, better in cells
    ]
    lines.insert(1, "-" * max(map(len, lines)))
    meanings = [("bound", BOUND_MEANING), *((row.name, row.meaning) for row in found)]
    return "\n".join([*lines, "", *(f"{name:<{widths[0]}}  {meaning}" for name, meaning in meanings)])


def file_names(shapes: Sequence[str]) -> list[str]:
    """Unique file names for the shapes of a command line.

    Args:
        shapes: paths or indices of records.

    Returns:
        Names such as `chair` and `record-3`. Later shapes of the same name get `-2`, `-3` and so on.
    """
    names: list[str] = []
    for shape in shapes:
        stem = shape_name(shape).replace(" ", "-")
        name, number = stem, 1
        while name in names:
            number += 1
            name = f"{stem}-{number}"
        names.append(name)
    return names


def write_shape_files(
    folder: pathlib.Path,
    names: Sequence[str],
    shapes: Sequence[np.ndarray] | np.ndarray,
    files: ShapeFilesConfig,
    *,
    threshold: float,
) -> None:
    """Writes each shape in every requested format as `FOLDER/NAME.FORMAT`, and prints a summary.

    Skips empty shapes. Reads every mesh back and checks that it is closed.

    Args:
        folder: an existing folder.
        names: K names of files.
        shapes: K grids `[R, R, R]` float32 probabilities.
        files: formats and their options; without formats nothing is done.
        threshold: voxels above this probability are inside.

    Raises:
        UserError: a package is not installed, or a file cannot be written.
    """
    if not files.formats:
        return
    empty, broken, shares = [], [], {}
    for name, shape in progress_bar(list(zip(names, shapes, strict=True)), desc="shapes", unit="shape", leave=False):
        occupied = shape > threshold
        if not occupied.any():
            empty.append(name)
            continue
        for extension in files.grid_formats:
            write_shape(occupied.astype(np.uint8), folder / f"{name}.{extension}")
        if files.mesh_formats:
            share, bad = _write_meshes(folder, name, shape, files, threshold)
            shares[name] = share
            broken += bad
    _report(len(names), files, empty, broken, shares, threshold)


def _write_meshes(
    folder: pathlib.Path, name: str, shape: np.ndarray, files: ShapeFilesConfig, threshold: float
) -> tuple[float, list[str]]:
    """Writes the surface of a shape; returns the kept share of its volume, and the files that are not closed."""
    vertices, triangles = surface_mesh(shape, threshold)
    share = 1.0
    if files.components == "largest":
        body = largest_body(vertices, triangles)
        vertices, triangles, share = body.vertices, body.triangles, body.share
    vertices = placed_mesh(vertices, files.size_mm)
    broken = []
    for extension in files.mesh_formats:
        path = folder / f"{name}.{extension}"
        write_mesh(vertices, triangles, path)
        if not check_mesh_file(path).printable:
            broken.append(path.name)
    return share, broken


def _report(
    count: int,
    files: ShapeFilesConfig,
    empty: Sequence[str],
    broken: Sequence[str],
    shares: Mapping[str, float],
    threshold: float,
) -> None:
    """Prints how many files there are, and which shapes are empty, in pieces or not closed."""
    written = count - len(empty)
    closed = f"; every mesh is closed and {files.size_mm:g} mm long" if shares and not broken else ""
    print(f"wrote {counted(written, 'shape')} as {', '.join(files.formats)}{closed}")
    lost = {name: 1 - share for name, share in shares.items() if share < 1}
    if lost:
        losses = [
            f"{f'{share:.1%}' if share >= 0.001 else 'less than 0.1%'} of the volume of {name}"
            for name, share in sorted(lost.items(), key=lambda item: -item[1])
        ]
        print(
            f"note: {len(lost)} of {counted(written, 'shape')} fall into pieces. A mesh keeps the largest piece only; "
            f"it lacks {name_some(losses)}. Give --components=all to keep every piece",
            file=sys.stderr,
        )
    if empty:
        print(f"note: no file of {', '.join(empty)}: empty at --threshold={threshold}", file=sys.stderr)
    if broken:
        print(f"warning: not closed: {', '.join(broken)}; repair them before printing", file=sys.stderr)
