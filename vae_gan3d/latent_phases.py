"""The phases that work on the latents of many shapes: all that can be refused is refused before TensorFlow starts."""

import pathlib

from vae_gan3d.config import ArithmeticConfig, MapConfig, ModelConfig, NeighborsConfig
from vae_gan3d.data.record_set import find_records
from vae_gan3d.evaluation.latent_tools import combine_shapes, map_shapes, require_scikit_learn
from vae_gan3d.evaluation.results import require_writable
from vae_gan3d.evaluation.shapes import choose_shape, choose_term, require_known_shapes, say_which_axis_is_up
from vae_gan3d.files import make_folder
from vae_gan3d.models.prior_choice import require_known_classes
from vae_gan3d.tensorflow_start import memory_errors_in_one_line, start_tensorflow
from vae_gan3d.training import run_folder

LatentConfig = ArithmeticConfig | NeighborsConfig | MapConfig


def run_latent_phase(config: LatentConfig, *, verbose: bool) -> int:
    """Runs the phase that a configuration is of.

    Args:
        config: of the phase.
        verbose: shows TensorFlow's own messages.

    Returns:
        The exit status, 0.

    Raises:
        UserError: something that the user can mend.
    """
    if isinstance(config, ArithmeticConfig):
        return _combine(config, verbose)
    if isinstance(config, NeighborsConfig):
        return _find_neighbors(config, verbose)
    return _draw_map(config, verbose)


def _find_model(checkpoint: pathlib.Path) -> tuple[pathlib.Path, ModelConfig]:
    """The prefix of a checkpoint, and the networks that it is of, which must have an encoder."""
    prefix = run_folder.find_checkpoint(checkpoint)
    model = run_folder.read_checkpoint_model(prefix)
    run_folder.require_encoder(model, prefix)
    return prefix, model


def _combine(config: ArithmeticConfig, verbose: bool) -> int:
    require_writable(config.files)
    prefix, model = _find_model(config.checkpoint)
    records = find_records(config.records, config.split_name) if config.records else None
    first, second, third = (
        choose_term(texts, records, config.reading.at(model.resolution))
        for texts in (config.start, config.minus, config.plus)
    )
    for term in (first, second, third):
        require_known_shapes(model, term.shapes)
        require_known_classes(model, term.classes)
    say_which_axis_is_up((*config.start, *config.minus, *config.plus), config.reading.up_axis)
    make_folder(config.output_dir)
    start_tensorflow(verbose=verbose)
    from vae_gan3d.evaluation.shape_set import ShapeSet
    from vae_gan3d.models.model import load_model

    with memory_errors_in_one_line():
        terms = (first, second, third)
        named = records if any(term.classes for term in terms) else None
        shapes = ShapeSet(named, model.resolution) if named else None
        combine_shapes(config, load_model(prefix, model), terms, shapes)
    return 0


def _find_neighbors(config: NeighborsConfig, verbose: bool) -> int:
    prefix, model = _find_model(config.checkpoint)
    records = find_records(config.records, config.split_name) if config.records else None
    choice = choose_shape(config.shape, records, reading=config.reading.at(model.resolution))
    searched = records
    if config.searched_records or searched is None:  # one of the two is given
        searched = find_records(config.searched_records, config.searched_split_name)
    require_known_shapes(model, [choice])
    require_known_classes(model, searched.classes)
    say_which_axis_is_up([config.shape], config.reading.up_axis)
    make_folder(config.output_dir)
    start_tensorflow(verbose=verbose)
    from vae_gan3d.evaluation.neighbors import find_neighbors
    from vae_gan3d.evaluation.shape_set import ShapeSet
    from vae_gan3d.models.model import load_model

    own = choice.index if choice.records and choice.records.files == searched.files else None
    with memory_errors_in_one_line():
        find_neighbors(config, load_model(prefix, model), choice, ShapeSet(searched, model.resolution), own=own)
    return 0


def _draw_map(config: MapConfig, verbose: bool) -> int:
    prefix, model = _find_model(config.checkpoint)
    records = find_records(config.records, config.split_name)
    require_known_classes(model, records.classes)
    if config.method == "tsne":
        require_scikit_learn()
    make_folder(config.output_dir)
    start_tensorflow(verbose=verbose)
    from vae_gan3d.evaluation.shape_set import ShapeSet
    from vae_gan3d.models.model import load_model

    with memory_errors_in_one_line():
        map_shapes(config, load_model(prefix, model), ShapeSet(records, model.resolution))
    return 0
