"""`--phase=test`: some shapes, their reconstructions, and the shapes between them."""

import itertools

import numpy as np

from vae_gan3d.config import InterpolateConfig
from vae_gan3d.evaluation.earlier_results import keep_earlier_results
from vae_gan3d.evaluation.interpolation import Mix, interpolate, interpolate_on_sphere, path_alphas, path_through
from vae_gan3d.evaluation.shape_choice import shape_name
from vae_gan3d.evaluation.shape_files import file_names, write_shape_files
from vae_gan3d.evaluation.shape_latents import find_latents
from vae_gan3d.evaluation.trained_model import TrainedModel
from vae_gan3d.files import atomic_path
from vae_gan3d.viewing.render import DEFAULT_COLOR
from vae_gan3d.viewing.sheets import ORIGINAL_COLOR, save_sheet
from vae_gan3d.viewing.turning import save_turning_sheet, some_of
from vae_gan3d.voxels.text_slices import write_text_slices
from vae_gan3d.wording import counted

_PIXELS_A_SHAPE = 240
_COLUMNS = 8
_RESULTS = ("interpolation.*", "interpolation-*", "reconstructions.npy", "reconstruction-*")


def interpolate_shapes(
    config: InterpolateConfig, model: TrainedModel, shapes: list[np.ndarray], labels: np.ndarray | None = None
) -> None:
    """Encodes shapes, mixes their latents and writes what the generator makes of them.

    Into `config.output_dir` go `interpolation.npy` (`[K, R, R, R]` float32 probabilities, one for each α),
    `reconstructions.npy` (`[N, R, R, R]`, of the shapes), `interpolation.png`, with `text_slices` one
    `interpolation-ALPHA.txt` for each α, and what `config.files` asks for: `interpolation.gif`, the path turning, and
    `interpolation-ALPHA.FORMAT` and `reconstruction-NAME.FORMAT`.

    On a path through `config.shapes` α goes from 0 at the first shape by 1 a stretch to N - 1 at the last; between two
    shapes it goes from 0 at the second to 1 at the first. A conditional model is told the shapes' own classes; between
    shapes of two, shares of both, α of the one and 1 - α of the other.

    Args:
        config: the phase's configuration.
        model: the trained model.
        shapes: N shapes, those that `config.chosen_shapes` names, `[R, R, R]` uint8 in {0, 1} each.
        labels: `[N]` int64, their classes as a conditional model counts them; None for other models.

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
    reconstructions = model.generate(latents, labels)
    path = _mix(config, latents, interpolate_on_sphere if config.interpolation == "slerp" else interpolate)
    if config.steps:
        alphas = np.linspace(0, len(shapes) - 1, len(path), dtype=np.float32)
    else:
        alphas = np.array([config.alpha], np.float32)
    shares = None
    if labels is not None:
        shares = _mix(config, np.eye(len(model.config.classes), dtype=np.float32)[labels], interpolate)
    results = model.generate(path, shares)
    keep_earlier_results(config.output_dir, _RESULTS, inputs=config.chosen_shapes)
    _write_results(config, alphas, results, reconstructions)
    _draw(config, results, reconstructions, voxels)
    if config.files.gif:
        _draw_turning(config, alphas, results)
    _write_files(config, alphas, results, reconstructions)
    print(f"wrote {counted(len(alphas), 'shape')} to {config.output_dir}")


def _mix(config: InterpolateConfig, points: np.ndarray, mix: Mix) -> np.ndarray:
    """What lies at each α of the path through points `[N, L]`: `[K, L]` float32."""
    if config.steps:
        return path_through(points[_order(config)], config.steps, mix)
    return mix(points[0], points[1], np.array([config.alpha], np.float32))


def _order(config: InterpolateConfig) -> list[int]:
    """The numbers of the shapes in the order in which the path meets them."""
    return list(range(len(config.shapes))) or [1, 0]


def _write_results(
    config: InterpolateConfig, alphas: np.ndarray, results: np.ndarray, reconstructions: np.ndarray
) -> None:
    for name, grids in (("interpolation", results), ("reconstructions", reconstructions)):
        with atomic_path(config.output_dir / f"{name}.npy") as path:
            np.save(path, grids)
    if config.text_slices:
        for alpha, grid in zip(alphas, results, strict=True):
            write_text_slices(config.output_dir / f"interpolation-{alpha:.3f}.txt", grid > config.threshold)


def _draw(config: InterpolateConfig, results: np.ndarray, reconstructions: np.ndarray, voxels: np.ndarray) -> None:
    """A row for each stretch: from one shape (α = 0) over what lies between to the next (α = 1)."""
    order = _order(config)
    names = [shape_name(shape) for shape in config.shapes] or ["shape 1", "shape 2"]
    grids: list[np.ndarray] = []
    titles: list[str] = []
    for row, (start, end) in enumerate(itertools.pairwise(order)):
        if config.steps:
            between = list(results[row * (config.steps - 1) :][: config.steps])
            shares = path_alphas(config.steps)
        else:  # a path holds both reconstructions already, as α = 0 and α = 1
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


def _draw_turning(config: InterpolateConfig, alphas: np.ndarray, results: np.ndarray) -> None:
    """The shapes of the path, turning; of many as many as turn in some seconds."""
    chosen = some_of(len(results))
    save_turning_sheet(
        config.output_dir / "interpolation.gif",
        results[chosen],
        columns=min(_COLUMNS, len(chosen)),
        titles=[f"α = {alphas[place]:.2f}" for place in chosen],
        threshold=config.threshold,
    )


def _write_files(
    config: InterpolateConfig, alphas: np.ndarray, results: np.ndarray, reconstructions: np.ndarray
) -> None:
    names = [f"interpolation-{alpha:.3f}" for alpha in alphas]
    names += [f"reconstruction-{name}" for name in file_names(config.chosen_shapes)]
    write_shape_files(config.output_dir, names, [*results, *reconstructions], config.files, threshold=config.threshold)
