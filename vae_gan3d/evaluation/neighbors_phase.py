"""`--phase=neighbors`: the shapes of a set that are nearest to one, by latents and by voxels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vae_gan3d.config import NeighborsConfig
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.earlier_results import keep_earlier_results
from vae_gan3d.evaluation.metrics_file import NEIGHBORS_FORMAT, write_metrics
from vae_gan3d.evaluation.model_labels import shape_labels
from vae_gan3d.evaluation.poor_reconstructions import note_poor_reconstructions
from vae_gan3d.evaluation.shape_choice import ShapeChoice
from vae_gan3d.evaluation.shape_latents import reconstruction_overlaps
from vae_gan3d.evaluation.shape_neighbors import distances_to, nearest
from vae_gan3d.evaluation.shape_set import ShapeSet
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.records.record_sources import read_sources
from vae_gan3d.viewing.latent_sheets import save_neighbors
from vae_gan3d.wording import counted

_MEASURES = {"latents": "nearest by latent distance, 1 - cosine", "voxels": "nearest by voxel distance, 1 - IoU"}
_HEADER = ("record", "class", "latents", "voxels", "file")


def find_neighbors(
    config: NeighborsConfig, model: TrainedModel, choice: ShapeChoice, shapes: ShapeSet, *, own: int | None
) -> None:
    """Searches a set for the neighbours of a shape and writes what was found.

    Into `config.output_dir` go `neighbors.json` and `neighbors.png`; the table stands on the terminal.

    Args:
        config: the phase's configuration.
        model: the trained model.
        choice: the shape.
        shapes: the set that is searched, at the model's resolution.
        own: the shape's number where it is one of the set: it is no neighbour of itself.

    Raises:
        UserError: a record cannot be read, the set holds no other shape, or a file cannot be written.
    """
    if own is not None and shapes.count < 2:
        raise UserError(f"{shapes.records.files[0]} holds no shape but {choice.name}: give records of more shapes")
    grid = choice.load(model.config.resolution)
    labels = shape_labels(model.config, [choice])
    given = grid[np.newaxis]
    overlap = reconstruction_overlaps(model, model.encode(given, labels), given, labels)
    note_poor_reconstructions([config.shape], overlap)
    distances = dict(zip(_MEASURES, distances_to(model, grid, shapes, labels), strict=True))
    numbers = {measure: nearest(distances[measure], config.count, excluded=own) for measure in _MEASURES}
    found = {measure: _describe(shapes, numbers[measure], distances) for measure in _MEASURES}
    for measure, title in _MEASURES.items():
        print(f"{title}, to {choice.name} of {counted(shapes.count, 'shape')}\n{_table(found[measure])}\n")
    keep_earlier_results(config.output_dir, ("neighbors.*",))
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
    """What `neighbors.json` holds of some shapes."""
    sources = read_sources(shapes.records, numbers.tolist())
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
    """Neighbours as aligned lines, nearest first."""
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
    """Two lines under a neighbour's picture."""
    likeness, distance = ("cosine", "latent_distance") if measure == "latents" else ("IoU", "voxel_distance")
    return f"{entry['class']} {entry['index']}\n1 - {likeness} {entry[distance]:.3f}"
