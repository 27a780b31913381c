"""The phases, one function each. They check flags and paths before they import TensorFlow, which takes seconds."""

import contextlib
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from vae_gan3d.command_line import print_next
from vae_gan3d.config import (
    ArithmeticConfig,
    EvaluateConfig,
    ExploreConfig,
    ExportConfig,
    ExportModelConfig,
    InterpolateConfig,
    MapConfig,
    ModelConfig,
    NeighborsConfig,
    ProgressiveConfig,
    RecordsConfig,
    SampleConfig,
    TrainingConfig,
    TuneConfig,
)
from vae_gan3d.config.shapes import UP_AXES
from vae_gan3d.data.beam_package import require_beam
from vae_gan3d.data.manifest import Manifest, check_names
from vae_gan3d.data.orientation import has_up_axis, usual_up_axis
from vae_gan3d.data.record_set import find_records
from vae_gan3d.data.shape_folders import ShapeListing, find_shapes, hold_out
from vae_gan3d.errors import UserError, require_packages
from vae_gan3d.evaluation.latent_tools import combine_shapes, map_shapes
from vae_gan3d.evaluation.results import replace_results
from vae_gan3d.evaluation.shapes import (
    ShapeChoice,
    choose_records,
    choose_shape,
    choose_term,
    require_known_shapes,
    say_which_axis_is_up,
    shape_classes,
)
from vae_gan3d.files import LOCK_NAME, folder_lock, make_folder, scratch_folder
from vae_gan3d.models.prior_choice import choose_prior, require_known_classes
from vae_gan3d.tensorflow_start import memory_errors_in_one_line, start_tensorflow
from vae_gan3d.text import counted, printable
from vae_gan3d.train_phase import train_progressively, train_run
from vae_gan3d.training import run_folder

_ONNX_PACKAGES = {"tf2onnx": "tf2onnx", "onnx": "onnx", "onnxruntime": "onnxruntime"}


def create_records(config: RecordsConfig, *, verbose: bool = False) -> int:
    """Writes the records of a data set: one set, or with `holdout` a training set and a test set.

    Args:
        config: what to write.
        verbose: shows TensorFlow's own messages.

    Returns:
        The exit status, 0.

    Raises:
        UserError: there is a problem with a folder, a file or the disk; no set is published.
    """
    if config.holdout is None:
        listings = {config.split_name: find_shapes(config.data_dir, config.classes, config.folder_split)}
    else:
        kept, held_out = hold_out(config.data_dir, config.classes, config.holdout)
        listings = {kept.split: kept, held_out.split: held_out}
    paths = [shape.path for listing in listings.values() for shape in listing.files]
    if config.runner == "beam":
        require_beam()
    for name, listing in listings.items():
        check_names(name, config.shards, len(listing.files))
    make_folder(config.output_dir)
    for listing in listings.values():
        print(listing.summary)
    for note in dict.fromkeys(note for listing in listings.values() for note in listing.notes):
        print(note)
    say_which_axis_is_up(map(str, paths), config.reading.up_axis)
    start_tensorflow(verbose=verbose)
    with contextlib.ExitStack() as locks:
        for name in listings:
            lock = folder_lock(config.output_dir, "--output_dir or --split_name", f".{name}{LOCK_NAME}")
            locks.enter_context(lock)
        _write_sets(config, listings)
    for name, listing in listings.items():
        to_train = listing.split == "train"
        command = (
            ("train.py", "--flagfile=quick32", "--save_path=RUN")
            if to_train
            else ("test.py", "--phase=evaluate", "--checkpoint=RUN")
        )
        print_next(*command, f"--records={config.output_dir}", f"--split_name={name}")
    return 0


def _write_sets(config: RecordsConfig, listings: Mapping[str, ShapeListing]) -> None:
    """Writes record sets with their pictures, and prints their contents."""
    from vae_gan3d.data.record_writer import create_record_sets

    manifests = create_record_sets(
        listings,
        config.output_dir,
        resolution=config.resolution,
        shards=config.shards,
        skip_bad=config.skip_bad,
        workers=config.workers,
        reading=config.reading.at(config.resolution),
        beam_options=config.beam_options if config.runner == "beam" else None,
    )
    for name, listing in listings.items():
        _describe_set(config, listing, manifests[name])


def _describe_set(config: RecordsConfig, listing: ShapeListing, manifest: Manifest) -> None:
    """Prints the contents of a written set, and draws its first shapes."""
    from vae_gan3d.data.record_writer import count_classes
    from vae_gan3d.viewing.record_preview import draw_preview

    size = sum(shard.bytes for shard in manifest.shards)
    skipped = f", {counted(len(manifest.skipped), 'file')} left out" if manifest.skipped else ""
    print(
        f"wrote {counted(manifest.records, 'record')} of {manifest.resolution}^3 in "
        f"{counted(len(manifest.classes), 'class', 'classes')} "
        f"({size / 1e6:.1f} MB) to {config.output_dir}{skipped}"
    )
    try:
        picture = draw_preview(listing, manifest, config.output_dir)
    except Exception as error:
        # The records are complete, and training needs no picture.
        with contextlib.suppress(OSError):  # a picture of older records would mislead
            (config.output_dir / f"{manifest.split}.png").unlink(missing_ok=True)
        reason = " ".join(str(error).split()) or type(error).__name__
        print(f"warning: no picture of the first shapes was drawn ({printable(reason)})", file=sys.stderr)
    else:
        turned = [shape.path for shape in listing.files if has_up_axis(shape.path)]
        used = {config.reading.up_axis or usual_up_axis(path) for path in turned}
        # If files are read in two ways, either may be the wrong one.
        others = [axis for axis in reversed(UP_AXES) if used != {axis}]
        remedy = (
            f"give --up_axis={' or '.join(others)}" if turned else "turn their arrays first, as with numpy.moveaxis"
        )
        print(f"first shapes of each class: {picture}: z, the last axis, is up; if they lie on their side, {remedy}")
    counts = count_classes(listing, manifest)
    print(
        f"classes of {manifest.split}: " + ", ".join(f"{printable(item)} {count:,}" for item, count in counts.items())
    )


def run(
    config: TrainingConfig
    | ProgressiveConfig
    | InterpolateConfig
    | SampleConfig
    | EvaluateConfig
    | ExportConfig
    | ExportModelConfig
    | ArithmeticConfig
    | NeighborsConfig
    | MapConfig
    | ExploreConfig
    | TuneConfig,
    *,
    verbose: bool = False,
) -> int:
    """Runs the phase of a configuration.

    Args:
        config: of the phase.
        verbose: shows TensorFlow's own messages.

    Returns:
        The exit status: 0, or 128 plus a signal's number if a signal stopped training.

    Raises:
        UserError: something that the user can fix.
    """
    match config:
        case TrainingConfig():
            return train_run(config, verbose=verbose)
        case ProgressiveConfig():
            return train_progressively(config, verbose=verbose)
        case InterpolateConfig():
            return _interpolate(config, verbose)
        case SampleConfig():
            return _sample(config, verbose)
        case EvaluateConfig():
            evaluate(config, verbose=verbose)
            return 0
        case ExportConfig():
            return _export(config, verbose)
        case ExportModelConfig():
            return _export_model(config, verbose)
        case ArithmeticConfig():
            return _combine(config, verbose)
        case NeighborsConfig():
            return _find_neighbors(config, verbose)
        case MapConfig():
            return _draw_map(config, verbose)
        case ExploreConfig():
            from vae_gan3d.explorer.explore_phase import explore

            return explore(config, verbose=verbose)
        case TuneConfig():
            from vae_gan3d.tuning.search import tune

            return tune(config)


def _interpolate(config: InterpolateConfig, verbose: bool) -> int:
    prefix = run_folder.find_checkpoint(config.checkpoint)
    model = run_folder.read_checkpoint_model(prefix)
    run_folder.require_encoder(model, prefix)
    if not 0 <= config.alpha <= 1:
        print(f"warning: --alpha={config.alpha} lies outside [0, 1]: this extrapolates past a shape", file=sys.stderr)
    choices = _choose_shapes(config, config.chosen_shapes, prefix, model)
    make_folder(config.output_dir)
    start_tensorflow(verbose=verbose)
    from vae_gan3d.evaluation.interpolate import interpolate_shapes
    from vae_gan3d.models.model import load_model

    with memory_errors_in_one_line():
        shapes, labels = [choice.load(model.resolution) for choice in choices], shape_classes(model, choices)
        interpolate_shapes(config, load_model(prefix, model), shapes, labels)
    return 0


def _sample(config: SampleConfig, verbose: bool) -> int:
    prefix = run_folder.find_checkpoint(config.checkpoint)
    model = run_folder.read_checkpoint_model(prefix)
    choice = choose_prior(
        config.prior,
        prefix,
        model=model,
        records=find_records(config.records, config.split_name) if config.records else None,
        classes=config.chosen_classes,
    )
    make_folder(config.output_dir)
    start_tensorflow(verbose=verbose)
    from vae_gan3d.evaluation.sample import sample_shapes
    from vae_gan3d.models.model import load_model

    with memory_errors_in_one_line():
        trained = load_model(prefix, model)
        trained.prior = choice.load(prefix, trained, seed=config.seed)
        sample_shapes(config, trained)
    return 0


def _export(config: ExportConfig, verbose: bool) -> int:
    prefix = run_folder.find_checkpoint(config.checkpoint)
    model = run_folder.read_checkpoint_model(prefix)
    run_folder.require_encoder(model, prefix)
    choices = _choose_shapes(config, config.shapes, prefix, model)
    make_folder(config.output_dir)
    start_tensorflow(verbose=verbose)
    from vae_gan3d.evaluation.sample import export_shapes
    from vae_gan3d.models.model import load_model

    with memory_errors_in_one_line():
        shapes, labels = [choice.load(model.resolution) for choice in choices], shape_classes(model, choices)
        export_shapes(config, load_model(prefix, model), shapes, labels)
    return 0


def _export_model(config: ExportModelConfig, verbose: bool) -> int:
    if "onnx" in config.formats:
        require_packages("--formats=onnx", _ONNX_PACKAGES)
    prefix = run_folder.find_checkpoint(config.checkpoint)
    model = run_folder.read_checkpoint_model(prefix)
    records = find_records(config.records, config.split_name) if config.records else None
    choice = choose_prior(config.prior, prefix, model=model, records=records)
    make_folder(config.output_dir)
    start_tensorflow(verbose=verbose)
    from vae_gan3d.models.export import RESULTS, export_model
    from vae_gan3d.models.model import load_model

    with memory_errors_in_one_line(), scratch_folder(config.output_dir) as folder:
        trained = load_model(prefix, model)
        trained.prior = choice.load(prefix, trained, seed=config.seed)
        report = export_model(folder, trained, config.formats)
        replace_results(config.output_dir, folder, RESULTS)
    print("\n".join(report))
    networks = "generator and encoder" if trained.has_encoder else "the generator (a plain GAN has no encoder)"
    print(f"wrote {networks} to {config.output_dir}: README.md says how to run them")
    return 0


def _choose_shapes(
    config: InterpolateConfig | ExportConfig, shapes: Sequence[str], prefix: pathlib.Path, model: ModelConfig
) -> list[ShapeChoice]:
    """The shapes of a command line.

    Raises:
        UserError: a shape is not found, or the model does not know its class.
    """
    records = find_records(config.records, config.split_name) if config.records else None
    choices = [
        choose_shape(shape, records, name, config.reading.at(model.resolution))
        for shape, name in zip(shapes, config.given_classes, strict=True)
    ]
    if not model.conditional and any(config.given_classes):
        raise UserError(f"{prefix} was trained without --conditional: leave out --class1 and --class2")
    require_known_shapes(model, choices)
    say_which_axis_is_up(shapes, config.reading.up_axis)
    return choices


def evaluate(config: EvaluateConfig, *, verbose: bool = False) -> dict[str, Any]:
    """Measures a checkpoint, and writes the results.

    Args:
        config: of the phase.
        verbose: shows TensorFlow's own messages.

    Returns:
        The contents of `metrics.json`.

    Raises:
        UserError: something that the user can fix.
    """
    prefix = run_folder.find_checkpoint(config.checkpoint)
    model = run_folder.read_checkpoint_model(prefix)
    test, training = choose_records(config)
    require_known_classes(model, test.classes)
    choice = choose_prior(config.prior, prefix, model=model, records=training, records_flag="--train_records")
    make_folder(config.output_dir)
    start_tensorflow(verbose=verbose)
    from vae_gan3d.evaluation.evaluate import evaluate_model
    from vae_gan3d.evaluation.shape_set import ShapeSet
    from vae_gan3d.models.model import load_model

    with memory_errors_in_one_line():
        trained = load_model(prefix, model)
        trained.prior = choice.load(prefix, trained, seed=config.seed)
        test_shapes = ShapeSet(test, model.resolution)
        training_shapes = ShapeSet(training, model.resolution) if training else None
        return evaluate_model(config, trained, test_shapes, training_shapes)


def _find_model(checkpoint: pathlib.Path) -> tuple[pathlib.Path, ModelConfig]:
    """The prefix of a checkpoint and its networks, which must have an encoder."""
    prefix = run_folder.find_checkpoint(checkpoint)
    model = run_folder.read_checkpoint_model(prefix)
    run_folder.require_encoder(model, prefix)
    return prefix, model


def _combine(config: ArithmeticConfig, verbose: bool) -> int:
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
    make_folder(config.output_dir)
    start_tensorflow(verbose=verbose)
    from vae_gan3d.evaluation.shape_set import ShapeSet
    from vae_gan3d.models.model import load_model

    with memory_errors_in_one_line():
        map_shapes(config, load_model(prefix, model), ShapeSet(records, model.resolution))
    return 0
