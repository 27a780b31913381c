"""Files that phases write: shapes, JSON, the table of metrics; results of an earlier run move aside."""

import json
import pathlib
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vae_gan3d.config import ShapeFilesConfig
from vae_gan3d.data.formats.format import require_packages
from vae_gan3d.data.shape_files import write_shape
from vae_gan3d.data.surfaces import (
    SURFACE_PACKAGES,
    check_mesh_file,
    largest_body,
    placed_mesh,
    surface_mesh,
    write_mesh,
)
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.shapes import shape_name
from vae_gan3d.files import atomic_path, file_version, make_folder, write_text
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
        patterns: names of its files, with `*`.
        inputs: files that the phase reads; they stay, so that the same command works again.

    Raises:
        UserError: a file cannot be moved.
    """
    read = {pathlib.Path(text).resolve() for text in inputs}
    found = sorted(path for pattern in patterns for path in folder.glob(pattern) if path.is_file())
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


def save_array(path: pathlib.Path, array: np.ndarray) -> None:
    """Writes an array as `.npy`, whole or not at all.

    Raises:
        UserError: the file cannot be written.
    """
    with atomic_path(path) as temporary:
        np.save(temporary, array)


def write_metrics(path: pathlib.Path, metrics: Mapping[str, Any], file_format: str = METRICS_FORMAT) -> None:
    """Writes measures as JSON, numbers to six digits after the point, after the version of the file.

    Args:
        path: the file.
        metrics: numbers, texts, None, and mappings and lists of them.
        file_format: what the file says that it is.

    Raises:
        ValueError: a number is NaN or infinite, which JSON has not.
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
    """Lays the metrics out in aligned columns, with one line on what each means below.

    Args:
        metrics: what `metrics.json` holds, see `docs/FORMATS.md`; a value of None becomes a dash.

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


def require_writable(files: ShapeFilesConfig) -> None:
    """Refuses meshes where the packages that make them are missing, before any work is done.

    Args:
        files: what will be written.

    Raises:
        UserError: a package is not installed.
    """
    if files.mesh_formats:
        require_packages(f"--formats={','.join(files.formats)}", SURFACE_PACKAGES)


def file_names(shapes: Sequence[str]) -> list[str]:
    """Names for the files of shapes that the command line names, each once.

    Args:
        shapes: paths or the indices of records.

    Returns:
        `chair`, `record-3`; shapes of one name get `-2`, `-3` and so on from the second.
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
    """Writes each shape in every format that is asked for, as `FOLDER/NAME.FORMAT`, and says what came of it.

    An empty shape gets no file. Every mesh is read back and checked.

    Args:
        folder: where the files go; it exists.
        names: of the files, one a shape.
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
    """Writes a shape's surface; returns the share of its volume that was kept, and the files that are not closed."""
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


def _loss_text(name: str, share: float) -> str:
    """How much of a shape's volume its mesh lacks."""
    return f"{f'{share:.1%}' if share >= 0.001 else 'less than 0.1%'} of the volume of {name}"


def _report(
    count: int,
    files: ShapeFilesConfig,
    empty: Sequence[str],
    broken: Sequence[str],
    shares: Mapping[str, float],
    threshold: float,
) -> None:
    """Says how many files there are, and what a user should know of them."""
    written = count - len(empty)
    closed = f"; every mesh is closed and {files.size_mm:g} mm long" if shares and not broken else ""
    print(f"wrote {counted(written, 'shape')} as {', '.join(files.formats)}{closed}")
    lost = {name: 1 - share for name, share in shares.items() if share < 1}
    if lost:
        losses = [_loss_text(name, lost[name]) for name in sorted(lost, key=lambda name: -lost[name])]
        print(
            f"note: {len(lost)} of {counted(written, 'shape')} fall into pieces. A mesh keeps the largest piece only; "
            f"it lacks {name_some(losses)}. Give --components=all to keep every piece",
            file=sys.stderr,
        )
    if empty:
        print(f"note: no file of {', '.join(empty)}: empty at --threshold={threshold}", file=sys.stderr)
    if broken:
        print(f"warning: not closed: {', '.join(broken)}; repair them before printing", file=sys.stderr)
