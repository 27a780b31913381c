"""`--phase=map`: the latents of a set in two dimensions, coloured by class."""

import csv
import io
from collections.abc import Sequence

import numpy as np

from vae_gan3d.config import MapConfig
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.earlier_results import keep_earlier_results
from vae_gan3d.evaluation.latent_encoding import encode_shapes
from vae_gan3d.evaluation.latent_map import pca_map, tsne_map
from vae_gan3d.evaluation.shape_set import ShapeSet, evenly_spread
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.files import write_text
from vae_gan3d.viewing.scatter import save_scatter
from vae_gan3d.wording import counted

_LEAST_SHAPES = 3


def map_shapes(config: MapConfig, model: TrainedModel, shapes: ShapeSet) -> None:
    """Encodes shapes, lays their latents out in two dimensions and draws them.

    Into `config.output_dir` go `map_METHOD.png` and `map_METHOD.csv` with the columns index, class, x and y.

    Args:
        config: the phase's configuration.
        model: the trained model.
        shapes: at the model's resolution.

    Raises:
        UserError: there are too few shapes, their latents are equal or not finite, or a file cannot be written.
    """
    if shapes.count < _LEAST_SHAPES:
        found = f"{shapes.records.files[0]} holds {counted(shapes.count, 'shape')}"
        raise UserError(f"{found}: a map needs {_LEAST_SHAPES} or more")
    numbers = evenly_spread(shapes.count, config.max_shapes)
    latents = encode_shapes(model, shapes, numbers)
    if not np.isfinite(latents).all():
        raise UserError("the model gives latents that are not finite: train again, at a lower --learning_rate")
    if not np.ptp(latents, axis=0).any():
        raise UserError("the latents of all shapes are equal: train longer, or at a lower --kl_weight")
    points, axes = _lay_out(config, latents)
    names = shapes.class_names(numbers)
    place = config.output_dir / f"map_{config.method}"
    keep_earlier_results(config.output_dir, (f"{place.name}.*",))
    write_text(place.with_suffix(".csv"), _csv_text(numbers, names, points))
    title = f"{len(numbers)} of {shapes.count} shapes" if len(numbers) < shapes.count else f"{shapes.count} shapes"
    save_scatter(place.with_suffix(".png"), points, names, title=f"latents of {title}", axes=axes)
    print(f"wrote {place.name}.png and {place.name}.csv, {title}, to {config.output_dir}")


def _lay_out(config: MapConfig, latents: np.ndarray) -> tuple[np.ndarray, tuple[str, str]]:
    """The points `[K, 2]`, and what to write at the axes."""
    if config.method == "tsne":
        print(f"laying out {len(latents)} shapes by t-SNE")
        return tsne_map(latents, config.seed), ("t-SNE 1", "t-SNE 2")
    points, (first, second) = pca_map(latents)
    return points, (f"first direction, {first:.0%} of the variance", f"second direction, {second:.0%}")


def _csv_text(numbers: np.ndarray, names: Sequence[str], points: np.ndarray) -> str:
    """A row for each shape under the header index,class,x,y."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("index", "class", "x", "y"))
    for number, name, (x, y) in zip(numbers, names, points, strict=True):
        writer.writerow((int(number), name, f"{x:.6g}", f"{y:.6g}"))
    return text.getvalue()
