"""The shapes that a phase makes, as files that other programs open."""

import pathlib
import sys
from collections.abc import Mapping, Sequence

import numpy as np

from vae_gan3d.config import ShapeFilesConfig
from vae_gan3d.evaluation.shape_choice import shape_name
from vae_gan3d.progress import progress_bar
from vae_gan3d.voxels.mesh_bodies import largest_body
from vae_gan3d.voxels.mesh_files import check_mesh_file, placed_mesh, write_mesh
from vae_gan3d.voxels.mesh_packages import require_mesh_packages
from vae_gan3d.voxels.surface import surface_mesh
from vae_gan3d.voxels.writers import write_shape
from vae_gan3d.wording import counted, name_some


def require_writable(files: ShapeFilesConfig) -> None:
    """Refuses meshes where the packages that make them are missing, before any work is done.

    Args:
        files: what will be written.

    Raises:
        UserError: a package is not installed.
    """
    if files.mesh_formats:
        require_mesh_packages(f"--formats={','.join(files.formats)}")


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
