"""Draws the first shapes of a record set, beside its manifest."""

import pathlib

import numpy as np

from vae_gan3d.data.grids import resize_grid, unpack_grid
from vae_gan3d.data.manifest import Manifest
from vae_gan3d.data.pipeline import RowReader
from vae_gan3d.data.record_set import find_records
from vae_gan3d.data.record_writer import written_shapes
from vae_gan3d.data.shape_files import shape_stem
from vae_gan3d.data.shape_folders import ShapeFile, ShapeListing
from vae_gan3d.text import printable
from vae_gan3d.viewing.sheets import save_sheet

SHAPES_A_CLASS = 4
MOST_CLASSES = 10
# Finer grids look the same at the size of the pictures and take longer to draw.
_FINEST = 64
_PIXELS = 128


def draw_preview(listing: ShapeListing, manifest: Manifest, folder: pathlib.Path) -> pathlib.Path:
    """Draws the first shapes of each class, read from the records, one row for each class.

    Args:
        listing: the shapes that the set was made from.
        manifest: the manifest of the set.
        folder: the folder of the set and of the picture.

    Returns:
        The picture, `SPLIT.png` beside `SPLIT.json`.

    Raises:
        UserError: a record is damaged, or the picture cannot be written.
    """
    chosen: dict[str, list[tuple[int, ShapeFile]]] = {}
    for number, shape in written_shapes(listing, manifest):
        if shape.class_name in chosen or len(chosen) < MOST_CLASSES:
            row = chosen.setdefault(shape.class_name, [])
            if len(row) < SHAPES_A_CLASS:
                row.append((number, shape))
    record_set = find_records(str(folder), manifest.split, verify=False)
    reader = RowReader(record_set, record_set.resolution)
    numbers = np.asarray([number for row in chosen.values() for number, _ in row], np.int64)
    rows, _ = reader.read(numbers)
    side = min(reader.resolution, _FINEST)
    drawn = iter(resize_grid(unpack_grid(row.tobytes(), reader.resolution), side) for row in rows)
    grids: list[np.ndarray | None] = []
    titles: list[str] = []
    columns = max(map(len, chosen.values()))
    for row in chosen.values():
        missing = columns - len(row)
        grids += [*(next(drawn) for _ in row), *[None] * missing]
        titles += [*(printable(shape_stem(shape.path)) for _, shape in row), *[""] * missing]
    left_out = len(listing.classes) - len(chosen)
    more = f", {left_out} classes more" if left_out and len(chosen) == MOST_CLASSES else ""
    path = folder / f"{manifest.split}.png"
    save_sheet(
        path,
        grids,
        columns=columns,
        titles=titles,
        title=f"{manifest.split}: first shapes{more}; the last axis is up",
        row_labels=[f"{label} {name}" for label, name in enumerate(listing.classes) if name in chosen],
        size=_PIXELS,
    )
    return path
