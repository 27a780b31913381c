"""`--phase=test`: reconstructs given shapes and interpolates between them."""

import itertools
from collections.abc import Sequence

import numpy as np

from vae_gan3d.config import InterpolateConfig
from vae_gan3d.data.formats.text_slices import write_text_slices
from vae_gan3d.evaluation.results import back_up_results, file_names, save_array, write_shape_files
from vae_gan3d.evaluation.shapes import find_latents, shape_name
from vae_gan3d.models.latents import PATHS, interpolate, path_alphas
from vae_gan3d.models.model import Model
from vae_gan3d.text import counted
from vae_gan3d.viewing.render import DEFAULT_COLOR
from vae_gan3d.viewing.sheets import ORIGINAL_COLOR, save_sheet, save_turntable, turntable_shapes

_PIXELS_A_SHAPE = 240
_COLUMNS = 8
_RESULTS = ("interpolation.*", "interpolation-*", "reconstructions.npy", "reconstruction-*")


def interpolate_shapes(
    config: InterpolateConfig, model: Model, shapes: Sequence[np.ndarray], labels: Sequence[str] | None = None
) -> None:
    """Encodes shapes, interpolates between their latents, decodes them and writes the results.

    Files in `config.output_dir`: `interpolation.npy` (`[K, R, R, R]` float32 probabilities, one grid for each α),
    `reconstructions.npy` (`[N, R, R, R]`), `interpolation.png`, with `text_slices` one `interpolation-ALPHA.txt` for
    each α, and the formats of `config.files`: `interpolation.gif`, `interpolation-ALPHA.FORMAT` and
    `reconstruction-NAME.FORMAT`.

    Between two shapes α runs from 0 (the second) to 1 (the first). On a path through N shapes it runs from 0 (the
    first) to N - 1 (the last). Between shapes of two classes a conditional model gets shares of both: α and 1 - α.

    Args:
        config: the phase's configuration.
        model: the model.
        shapes: the N shapes of `config.chosen_shapes`, each `[R, R, R]` uint8 in {0, 1}.
        labels: `[N]` class names; None for a model that is not conditional.

    Raises:
        UserError: a file cannot be written.
    """
    voxels = np.stack(shapes)
    latents = find_latents(
        model,
        voxels,
        labels,
        config.chosen_shapes,
        project=config.project,
        threshold=config.threshold,
        noise_seed=config.seed if config.sample_posterior else None,
    )
    reconstructions = model.decode(latents, labels)
    if config.steps:
        order = _order(config)
        names = None if labels is None else [labels[number] for number in order]
        results = model.decode_path(latents[order], names, steps=config.steps, path=config.interpolation)
        alphas = np.linspace(0, len(shapes) - 1, len(results), dtype=np.float32)
    else:
        alphas = np.array([config.alpha], np.float32)
        shares = model.class_shares(labels, len(latents))
        results = model.decode(
            PATHS[config.interpolation](latents[0], latents[1], alphas),
            None if shares is None else interpolate(shares[0], shares[1], alphas),
        )
    back_up_results(config.output_dir, _RESULTS, inputs=config.chosen_shapes)
    save_array(config.output_dir / "interpolation.npy", results)
    save_array(config.output_dir / "reconstructions.npy", reconstructions)
    if config.text_slices:
        for alpha, grid in zip(alphas, results, strict=True):
            write_text_slices(config.output_dir / f"interpolation-{alpha:.3f}.txt", grid > config.threshold)
    _draw(config, results, reconstructions, voxels)
    if config.files.gif:
        chosen = turntable_shapes(len(results))
        save_turntable(
            config.output_dir / "interpolation.gif",
            results[chosen],
            columns=min(_COLUMNS, len(chosen)),
            titles=[f"α = {alphas[place]:.2f}" for place in chosen],
            threshold=config.threshold,
        )
    files = [f"interpolation-{alpha:.3f}" for alpha in alphas]
    files += [f"reconstruction-{name}" for name in file_names(config.chosen_shapes)]
    write_shape_files(config.output_dir, files, [*results, *reconstructions], config.files, threshold=config.threshold)
    print(f"wrote {counted(len(alphas), 'shape')} to {config.output_dir}")


def _order(config: InterpolateConfig) -> list[int]:
    """Indices of the shapes in the order of the path."""
    return list(range(len(config.shapes))) or [1, 0]


def _draw(config: InterpolateConfig, results: np.ndarray, reconstructions: np.ndarray, voxels: np.ndarray) -> None:
    """Draws a row for each pair of neighbouring shapes, from one (α = 0) to the next (α = 1)."""
    order = _order(config)
    names = [shape_name(shape) for shape in config.shapes] or ["shape 1", "shape 2"]
    grids: list[np.ndarray] = []
    titles: list[str] = []
    for row, (start, end) in enumerate(itertools.pairwise(order)):
        if config.steps:
            between = list(results[row * (config.steps - 1) :][: config.steps])
            shares = path_alphas(config.steps)
        else:  # unlike a path, a single α has no reconstructions at its ends
            between = [reconstructions[start], *results, reconstructions[end]]
            shares = np.array([0, config.alpha, 1])
        grids += [voxels[start], *between, voxels[end]]
        titles += [names[start], *(f"α = {share:.2f}" for share in shares), names[end]]
    columns = len(grids) // (len(order) - 1)
    save_sheet(
        config.output_dir / "interpolation.png",
        grids,
        columns=columns,
        titles=titles,
        size=_PIXELS_A_SHAPE,
        threshold=config.threshold,
        colors=[ORIGINAL_COLOR, *[DEFAULT_COLOR] * (columns - 2), ORIGINAL_COLOR] * (len(order) - 1),
    )
