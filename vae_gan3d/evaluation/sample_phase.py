"""`--phase=sample`: shapes from the prior."""

import math
import sys

import numpy as np

from vae_gan3d.config import SampleConfig
from vae_gan3d.evaluation.earlier_results import keep_earlier_results
from vae_gan3d.evaluation.model_labels import model_labels
from vae_gan3d.evaluation.prior import LatentPrior
from vae_gan3d.evaluation.refinement import refined_latents
from vae_gan3d.evaluation.shape_files import write_shape_files
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.files import atomic_path
from vae_gan3d.viewing.sheets import save_sheet
from vae_gan3d.viewing.turning import save_turning_sheet, some_of
from vae_gan3d.wording import counted


def sample_shapes(config: SampleConfig, model: TrainedModel, prior: LatentPrior) -> None:
    """Draws latents from a prior, refines them and writes what the generator makes of them.

    Into `config.output_dir` go `samples.npy` (`[K, R, R, R]` float32 probabilities) and `samples.png`, where each shape
    stands over the class that it was drawn of if the prior tells several apart. Shapes of a class stand together. And
    what `config.files` asks for: `samples.gif`, the sheet turning, and `sample-NUMBER.FORMAT`.

    Args:
        config: the phase's configuration.
        model: the trained model.
        prior: of the model's latents.

    Raises:
        UserError: the prior does not know a class that is asked for, or a file cannot be written.
    """
    generator = np.random.default_rng(config.seed)
    latents, labels = prior.sample(config.count, generator, config.chosen_classes)
    given = model_labels(model.config, prior.classes, labels)
    samples = model.generate(refined_latents(model, latents, config.refinements, given), given)
    keep_earlier_results(config.output_dir, ("samples.*", "sample-*"))
    with atomic_path(config.output_dir / "samples.npy") as path:
        np.save(path, samples)
    names = None
    if labels is not None and (len(prior.classes) > 1 or config.chosen_classes):
        names = [prior.classes[label] for label in labels]
    _draw(config, samples, names)
    numbers = [f"sample-{number:03d}" for number in range(config.count)]
    write_shape_files(config.output_dir, numbers, samples, config.files, threshold=config.threshold)
    empty = int((samples <= config.threshold).all(axis=(1, 2, 3)).sum())
    if empty:
        print(
            f"warning: {empty} of {config.count} shapes are empty at --threshold={config.threshold}: train longer",
            file=sys.stderr,
        )
    counts = [f"{names.count(name)} {name}" for name in dict.fromkeys(names)] if names else []
    drawn = f" ({', '.join(counts)})" if counts else ""
    print(f"wrote {counted(config.count, 'shape')}{drawn} to {config.output_dir}, drawn in samples.png")


def _draw(config: SampleConfig, samples: np.ndarray, names: list[str] | None) -> None:
    """The sheet, and the turning one; of many shapes as many turn as it takes some seconds to draw."""
    columns = min(8, 2 * math.ceil(math.sqrt(config.count / 2)))
    save_sheet(
        config.output_dir / "samples.png",
        samples,
        columns=columns,
        titles=names,
        size=240,
        threshold=config.threshold,
    )
    if config.files.gif:
        chosen = some_of(config.count)
        save_turning_sheet(
            config.output_dir / "samples.gif",
            samples[chosen],
            columns=min(columns, len(chosen)),
            titles=[names[place] for place in chosen] if names else None,
            threshold=config.threshold,
        )
