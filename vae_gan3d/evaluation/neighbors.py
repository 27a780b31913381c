"""`--phase=neighbors`: the nearest neighbours of a shape in a set of records, by latents and by voxels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vae_gan3d.config import NeighborsConfig
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.metrics import voxel_distances
from vae_gan3d.evaluation.results import NEIGHBORS_FORMAT, back_up_results, write_metrics
from vae_gan3d.evaluation.shape_set import ShapeSet
from vae_gan3d.evaluation.shapes import ShapeChoice, note_poor_reconstructions, shape_classes
from vae_gan3d.models.model import Model
from vae_gan3d.progress import progress_bar
from vae_gan3d.text import counted
from vae_gan3d.viewing.sheets import save_neighbors

_MEASURES = {"latents": "nearest by latent distance, 1 - cosine", "voxels": "nearest by voxel distance, 1 - IoU"}
_SECONDS_WITHOUT_A_BAR = 5
_HEADER = ("record", "class", "latents", "voxels", "file")


def find_neighbors(
    config: NeighborsConfig, model: Model, choice: ShapeChoice, shapes: ShapeSet, *, own: int | None
) -> None:
    """Finds the nearest neighbours of a shape and writes them.

    Writes `neighbors.json` and `neighbors.png` to `config.output_dir`, and prints a table.

    Args:
        config: the phase's configuration.
        model: the model.
        choice: the shape.
        shapes: the set to search, at the model's resolution.
        own: index of the shape if it is in the set, to exclude it; None otherwise.

    Raises:
        UserError: a record cannot be read, the set has no other shape, or a file cannot be written.
    """
    if own is not None and shapes.count < 2:
        raise UserError(f"{shapes.records.files[0]} holds no shape but {choice.name}: give records of more shapes")
    grid = choice.load(model.resolution)
    labels = shape_classes(model.config, [choice])
    given = grid[np.newaxis]
    overlap = model.reconstruction_iou(model.encode(given, labels), given, labels)
    note_poor_reconstructions([config.shape], overlap)
    distances = dict(zip(_MEASURES, distances_to(model, grid, shapes, labels), strict=True))
    numbers = {measure: nearest(distances[measure], config.count, excluded=own) for measure in _MEASURES}
    found = {measure: _describe(shapes, numbers[measure], distances) for measure in _MEASURES}
    for measure, title in _MEASURES.items():
        print(f"{title}, to {choice.name} of {counted(shapes.count, 'shape')}\n{_table(found[measure])}\n")
    back_up_results(config.output_dir, ("neighbors.*",))
    write_metrics(
        config.output_dir / "neighbors.json",
        {
            "shape": config.shape,
            "records": [str(path) for path in shapes.records.files],
            **{f"by_{measure}": entries for measure, entries in found.items()},
            "checkpoint": str(config.checkpoint),
        },
        NEIGHBORS_FORMAT,
    )
    save_neighbors(
        config.output_dir / "neighbors.png",
        grid,
        choice.name,
        [shapes.grids(numbers[measure]) for measure in _MEASURES],
        [[_title(entry, measure) for entry in found[measure]] for measure in _MEASURES],
    )
    print(f"wrote neighbors.json and neighbors.png to {config.output_dir}")


def _describe(shapes: ShapeSet, numbers: np.ndarray, distances: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Entries of `neighbors.json`."""
    sources = shapes.sources(numbers)
    return [
        {
            "index": int(number),
            "source": source,
            "class": name,
            "latent_distance": float(distances["latents"][number]),
            "voxel_distance": float(distances["voxels"][number]),
        }
        for number, source, name in zip(numbers, sources, shapes.class_names(numbers), strict=True)
    ]


def _table(entries: Sequence[Mapping[str, Any]]) -> str:
    """The neighbours in aligned columns, nearest first."""
    rows = [
        _HEADER,
        *(
            (
                str(entry["index"]),
                entry["class"],
                f"{entry['latent_distance']:.3f}",
                f"{entry['voxel_distance']:.3f}",
                entry["source"],
            )
            for entry in entries
        ),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    return "\n".join(
        f"  {number:>{widths[0]}}  {name:<{widths[1]}}  {latents:>{widths[2]}}  {voxels:>{widths[3]}}  {file}".rstrip()
        for number, name, latents, voxels, file in rows
    )


def _title(entry: Mapping[str, Any], measure: str) -> str:
    """Two lines of text under the picture of a neighbour."""
    likeness, distance = ("cosine", "latent_distance") if measure == "latents" else ("IoU", "voxel_distance")
    return f"{entry['class']} {entry['index']}\n1 - {likeness} {entry[distance]:.3f}"


def cosine_distances(latent: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Cosine distances, 1 - cos of the angle, between a latent and others.

    The generator almost ignores the length of a latent, and a short latent is near to all others by Euclidean distance.
    On ModelNet10, 87 % of the 8 nearest training shapes of a test shape were of its class by cosine distance, and 82 %
    by Euclidean distance.

    Args:
        latent: `[L]` float.
        others: `[K, L]` float.

    Returns:
        `[K]` float in [0, 2]; 1 if one of the two latents is 0.
    """
    lengths = np.linalg.norm(others, axis=1) * np.linalg.norm(latent)
    cosines = np.divide(others @ latent, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return 1 - np.clip(cosines, -1, 1)


def distances_to(
    model: Model, grid: np.ndarray, shapes: ShapeSet, labels: Sequence[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Distances of all shapes of a set to a shape.

    Args:
        model: the model.
        grid: the shape, `[R, R, R]` uint8 in {0, 1}.
        shapes: the set, at the model's resolution.
        labels: the class of the shape; None if the model is not conditional.

    Returns:
        latents: `[count]` float32 in [0, 2], cosine distances of the encoder's means.
        voxels: `[count]` float32 in [0, 1], 1 - IoU.
    """
    given = grid[np.newaxis]
    latent = model.encode(given, labels)[0]
    parts = []
    with progress_bar(total=shapes.count, desc="comparing", unit="shape", delay=_SECONDS_WITHOUT_A_BAR) as bar:
        for numbers, block in shapes.blocks():
            latents = model.encode(block, shapes.class_names(numbers))
            parts.append((cosine_distances(latent, latents), voxel_distances(given, block)[0]))
            bar.update(len(block))
    by_latents, by_voxels = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return by_latents, by_voxels


def nearest(distances: np.ndarray, count: int, *, excluded: int | None = None) -> np.ndarray:
    """Indices of the smallest distances.

    Args:
        distances: `[N]` float.
        count: how many at most, 1 or more.
        excluded: an index to leave out, or None.

    Returns:
        `[K]` int64, nearest first.
    """
    order = np.argsort(distances, kind="stable")
    return order[order != excluded][:count] if excluded is not None else order[:count]
