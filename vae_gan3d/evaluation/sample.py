"""`--phase=sample` (shapes from the prior) and `--phase=export` of given shapes."""

import math
import sys
from collections.abc import Sequence

import numpy as np

from vae_gan3d.config import ExportConfig, SampleConfig
from vae_gan3d.evaluation.results import back_up_results, file_names, save_array, write_shape_files
from vae_gan3d.evaluation.shapes import find_latents
from vae_gan3d.models.model import Model
from vae_gan3d.text import counted
from vae_gan3d.viewing.sheets import save_pairs, save_sheet, save_turntable, turntable_shapes

_PIXELS_A_SHAPE = 240
_COLUMNS = 8


def sample_shapes(config: SampleConfig, model: Model) -> None:
    """Draws shapes from the model's prior and writes them.

    Files in `config.output_dir`: `samples.npy` (`[K, R, R, R]` float32 probabilities), `samples.png` (with class names
    if the prior has several classes), and the formats of `config.files`: `samples.gif` and `sample-NUMBER.FORMAT`.

    Args:
        config: the phase's configuration.
        model: the model, with its prior.

    Raises:
        UserError: the prior does not know a class, or a file cannot be written.
    """
    generator = np.random.default_rng(config.seed)
    drawn = model.draw(config.count, generator, config.chosen_classes, refinements=config.refinements)
    samples = model.decode(drawn.latents, drawn.classes)
    back_up_results(config.output_dir, ("samples.*", "sample-*"))
    save_array(config.output_dir / "samples.npy", samples)
    names = drawn.classes if len(model.prior.classes) > 1 or config.chosen_classes else None
    columns = min(_COLUMNS, 2 * math.ceil(math.sqrt(config.count / 2)))
    save_sheet(
        config.output_dir / "samples.png",
        samples,
        columns=columns,
        titles=names,
        size=_PIXELS_A_SHAPE,
        threshold=config.threshold,
    )
    if config.files.gif:
        chosen = turntable_shapes(config.count)
        save_turntable(
            config.output_dir / "samples.gif",
            samples[chosen],
            columns=min(columns, len(chosen)),
            titles=[names[place] for place in chosen] if names else None,
            threshold=config.threshold,
        )
    numbers = [f"sample-{number:03d}" for number in range(config.count)]
    write_shape_files(config.output_dir, numbers, samples, config.files, threshold=config.threshold)
    empty = int((samples <= config.threshold).all(axis=(1, 2, 3)).sum())
    if empty:
        print(
            f"warning: {empty} of {config.count} shapes are empty at --threshold={config.threshold}: train longer",
            file=sys.stderr,
        )
    counts = [f"{names.count(name)} {name}" for name in dict.fromkeys(names)] if names else []
    described = f" ({', '.join(counts)})" if counts else ""
    print(f"wrote {counted(config.count, 'shape')}{described} to {config.output_dir}, drawn in samples.png")


def export_shapes(
    config: ExportConfig, model: Model, shapes: Sequence[np.ndarray], labels: Sequence[str] | None = None
) -> None:
    """Writes reconstructions of shapes.

    Files in `config.output_dir`: `reconstruction-NAME.FORMAT` for each shape and format, `reconstructions.npy`
    (`[N, R, R, R]` float32 probabilities) and `reconstructions.png`.

    Args:
        config: the phase's configuration.
        model: the model.
        shapes: the N shapes of `config.shapes`, each `[R, R, R]` uint8 in {0, 1}.
        labels: `[N]` class names; None for a model that is not conditional.

    Raises:
        UserError: a file cannot be written.
    """
    voxels = np.stack(shapes)
    latents = find_latents(model, voxels, labels, config.shapes, project=config.project, threshold=config.threshold)
    reconstructions = model.decode(latents, labels)
    back_up_results(config.output_dir, ("reconstructions.*", "reconstruction-*"), inputs=config.shapes)
    save_array(config.output_dir / "reconstructions.npy", reconstructions)
    save_pairs(
        config.output_dir / "reconstructions.png",
        voxels,
        reconstructions,
        columns=_COLUMNS,
        size=_PIXELS_A_SHAPE,
        threshold=config.threshold,
    )
    names = [f"reconstruction-{name}" for name in file_names(config.shapes)]
    write_shape_files(config.output_dir, names, reconstructions, config.files, threshold=config.threshold)
    print(f"results are in {config.output_dir}, drawn in reconstructions.png")
