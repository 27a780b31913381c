"""`--phase=export` of given shapes: what the model makes of them, as files."""

from collections.abc import Sequence

import numpy as np

from vae_gan3d.config import ExportConfig
from vae_gan3d.evaluation.earlier_results import keep_earlier_results
from vae_gan3d.evaluation.shape_files import file_names, write_shape_files
from vae_gan3d.evaluation.shape_latents import find_latents
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.files import atomic_path
from vae_gan3d.viewing.sheets import save_pairs

_PIXELS_A_SHAPE = 240
_COLUMNS = 8


def export_shapes(
    config: ExportConfig, model: TrainedModel, shapes: Sequence[np.ndarray], labels: np.ndarray | None = None
) -> None:
    """Writes the reconstructions of shapes as files.

    Into `config.output_dir` go `reconstruction-NAME.FORMAT` for each shape and format, `reconstructions.npy`
    (`[N, R, R, R]` float32 probabilities) and `reconstructions.png`.

    Args:
        config: the phase's configuration.
        model: the trained model.
        shapes: N shapes, those that `config.shapes` names, `[R, R, R]` uint8 in {0, 1} each.
        labels: `[N]` int64, their classes as a conditional model counts them; None for other models.

    Raises:
        UserError: a file cannot be written.
    """
    voxels = np.stack(shapes)
    latents = find_latents(model, voxels, labels, config.shapes, project=config.project, threshold=config.threshold)
    reconstructions = model.generate(latents, labels)
    keep_earlier_results(config.output_dir, ("reconstructions.*", "reconstruction-*"), inputs=config.shapes)
    with atomic_path(config.output_dir / "reconstructions.npy") as path:
        np.save(path, reconstructions)
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
