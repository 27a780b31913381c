"""What was written, at a glance: how many records of each class, and a picture of the first ones of each."""

import collections
import pathlib
from collections.abc import Iterator

import numpy as np

from vae_gan3d.records.manifest import Manifest
from vae_gan3d.records.pipeline import RowReader
from vae_gan3d.records.record_set import find_records
from vae_gan3d.records.shard_plan import source_of
from vae_gan3d.viewing.sheets import save_sheet
from vae_gan3d.voxels.grids import resize_grid, unpack_grid
from vae_gan3d.voxels.numbered_shapes import shape_stem
from vae_gan3d.voxels.shape_folders import ShapeFile, ShapeListing
from vae_gan3d.wording import printable

SHAPES_A_CLASS = 4
MOST_CLASSES = 10
# Finer grids look the same at the size of the pictures, and take longer to draw.
_FINEST = 64
_PIXELS = 128


def count_classes(listing: ShapeListing, manifest: Manifest) -> dict[str, int]:
    """How many records there are of each class of the listing, in label order."""
    counts = collections.Counter(shape.class_name for _, shape in _records(listing, manifest))
    return {name: counts[name] for name in listing.classes}


def draw_preview(listing: ShapeListing, manifest: Manifest, folder: pathlib.Path) -> pathlib.Path:
    """Draws the first shapes of each class as they stand in the records, a class a row.

    Args:
        listing: what the set was made of.
        manifest: of the set.
        folder: where the set is, and the picture goes.

    Returns:
        The picture, `SPLIT.png` beside `SPLIT.json`.

    Raises:
        UserError: a record is damaged, or the picture cannot be written.
    """
    chosen: dict[str, list[tuple[int, ShapeFile]]] = {}
    for number, shape in _records(listing, manifest):
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


def _records(listing: ShapeListing, manifest: Manifest) -> Iterator[tuple[int, ShapeFile]]:
    """The shapes of a listing that became records, with the number of each record in the order of the files."""
    skipped = {file.path for file in manifest.skipped}
    shards = len(manifest.shards)
    first = np.cumsum([0, *(shard.records for shard in manifest.shards)]).tolist()
    written = [0] * shards
    for place, shape in enumerate(listing.files):
        if source_of(listing, shape) in skipped:
            continue
        shard = place % shards
        yield first[shard] + written[shard], shape
        written[shard] += 1
