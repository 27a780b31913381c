"""The flags and the help pages of each script, and the configuration of each phase."""

import dataclasses
import os
import pathlib
import shlex
import sys
from collections.abc import Callable
from typing import Any

from absl import flags as absl_flags

from vae_gan3d.command_line import command_text
from vae_gan3d.config import (
    EXPORTED_FILES,
    ArithmeticConfig,
    DevicesConfig,
    EvaluateConfig,
    ExploreConfig,
    ExportConfig,
    ExportModelConfig,
    InterpolateConfig,
    LossConfig,
    MapConfig,
    ModelConfig,
    NeighborsConfig,
    OptimizerConfig,
    ProgressiveConfig,
    ReadOptions,
    RecordsConfig,
    SampleConfig,
    ShapeFilesConfig,
    TrainingConfig,
    TuneConfig,
    results_folder,
)
from vae_gan3d.config.fields import Flag, field_flags, require
from vae_gan3d.errors import UserError
from vae_gan3d.flags.define import comma_list, define_flags, flags_of, from_flags, is_given, names_given
from vae_gan3d.flags.help import Group, HelpPage
from vae_gan3d.shipped import find_shipped, shipped_folder
from vae_gan3d.training.checkpoint_files import checkpoint_epochs
from vae_gan3d.training.init_from import find_source, inherited_values, require_same_networks
from vae_gan3d.training.run_folder import read_model_config

FLAGS = absl_flags.FLAGS
PhaseConfig = (
    TrainingConfig
    | ProgressiveConfig
    | InterpolateConfig
    | SampleConfig
    | EvaluateConfig
    | ExportConfig
    | ExportModelConfig
    | ExploreConfig
    | ArithmeticConfig
    | NeighborsConfig
    | MapConfig
    | TuneConfig
)
# A trial has its own, or none.
_NOT_FOR_TRIALS = ("save_path", "logdir", "restart", "yes", "len_data", "strategy", "listen")


def records_config() -> RecordsConfig:
    """What create_tf_record.py is asked to do.

    Raises:
        UserError: a flag is missing or holds a bad value.
    """
    for name in ("data_dir", "output_dir"):
        example = command_text("create_tf_record.py", "--data_dir=DATA", "--output_dir=RECORDS")
        require(is_given(name), f"--{name} is missing: {example}")
    if FLAGS.max_epoch is not None:
        print("note: --max_epoch has no effect: training shuffles the shapes, and each is stored once", file=sys.stderr)
    if FLAGS.holdout is not None:
        for name in ("if_train", "split_name"):
            require(
                not FLAGS[name].present or (name == "if_train" and FLAGS.if_train),
                f"--holdout writes two sets, train and test, of the training shapes: leave out --{name}",
            )
    return from_flags(RecordsConfig, beam_options=_beam_options())


def _beam_options() -> tuple[str, ...]:
    """The words of `--beam_options`, split and expanded as a shell does."""
    text = FLAGS.beam_options or ""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UserError(f"--beam_options={text} ends within quotation marks: close them") from error
    parts = [word.partition("=") for word in words]
    # A variable that this machine does not know may be one of the runner's.
    return tuple(name + sign + os.path.expandvars(os.path.expanduser(value)) for name, sign, value in parts)  # noqa: PTH111


def _training_config() -> TrainingConfig:
    require(is_given("records"), "--records is missing: give the file or folder that create_tf_record.py wrote")
    _refuse_together("epochs", "train_steps")
    loss = from_flags(LossConfig, **({"adversarial_weight": 0.0} if FLAGS.model == "vae" else {}))
    unused = [f"--{flag.name}" for flag in flags_of(LossConfig) if flag.not_for_gan and FLAGS[flag.name].present]
    init_from, inherited = _inherited_networks() if is_given("init_from") else (None, {})
    kind = inherited.pop("kind", FLAGS.model)
    if kind == "gan" and unused:
        print(f"note: --model=gan has no encoder: {', '.join(unused)} without effect", file=sys.stderr)
    model = from_flags(
        ModelConfig,
        kind="vae" if kind == "vae_gan" and loss.adversarial_weight == 0 else kind,
        spectral_normalization=FLAGS.adversarial_loss == "hinge",
        **inherited,
    )
    return from_flags(TrainingConfig, model=model, loss=loss, init_from=init_from)


def _inherited_networks() -> tuple[pathlib.Path, dict[str, Any]]:
    """The checkpoint of `--init_from`, and the fields of `ModelConfig` that it gives: those that no flag gives.

    A run that goes on takes its own networks, because the other run may be gone.

    Raises:
        UserError: there is no such checkpoint, or flags give other networks.
    """
    fields = {field.name: field_flags(field)[""].name for field in dataclasses.fields(ModelConfig) if field.metadata}
    given = {name: FLAGS[flag].value for name, flag in fields.items() if FLAGS[flag].present}
    init_from, run = pathlib.Path(FLAGS.init_from), pathlib.Path(FLAGS.save_path)
    if checkpoint_epochs(run) and not FLAGS.restart:
        networks = read_model_config(run)
    else:
        source = find_source(init_from)
        require_same_networks(init_from, source.model, given)
        init_from, networks = source.prefix, source.model
    return init_from, {name: value for name, value in inherited_values(networks).items() if name not in given}


def _train_config() -> TrainingConfig | ProgressiveConfig:
    if not is_given("progressive"):
        for name in ("stage_epochs", "fade_samples"):
            require(
                FLAGS[name].value is None,
                f"--{name}={FLAGS[name].value} is for --progressive: give that too, or leave it out",
            )
        return _training_config()
    training = _training_config()
    if is_given("stage_epochs"):
        _refuse_together("stage_epochs", "train_steps")
        training = dataclasses.replace(training, train_steps=None)
    if FLAGS.resolution is None:
        last = comma_list(FLAGS.progressive)[-1:]
        resolution = int(last[0]) if last and last[0].isdecimal() else training.model.resolution
        training = dataclasses.replace(training, model=dataclasses.replace(training.model, resolution=resolution))
    return from_flags(ProgressiveConfig, training=training)


def _refuse_together(first: str, second: str) -> None:
    """Refuses two flags that both give the length of a run, where both are typed; one in a file of flags gives way."""
    require(
        not {first, second} <= names_given(),
        f"--{first} and --{second} both say how long the run is: give one of them",
    )


def _tune_config() -> TuneConfig:
    require(not is_given("progressive"), f"--progressive={FLAGS.progressive} is not for --phase=tune: leave it out")
    require(
        FLAGS.strategy in ("auto", "single"),
        f"--strategy={FLAGS.strategy} is not for --phase=tune, where each trial trains on one device: leave it out",
    )
    require(
        "train_steps" not in names_given(),
        f"--train_steps={FLAGS.train_steps} is not for --phase=tune, whose trials end by epochs: give --trial_epochs",
    )
    require(
        FLAGS.accumulate == 1 or "batch_size" not in comma_list(FLAGS.search),
        f"--accumulate={FLAGS.accumulate} needs a batch of a known size: leave batch_size out of --search",
    )
    run_flags = [FLAGS[flag.name] for flag in flags_of(TrainingConfig) if flag.name not in _NOT_FOR_TRIALS]
    base_flags = tuple(
        flag.serialize() for flag in run_flags if flag.value != flag.default and (is_given(flag.name) or flag.boolean)
    )
    return from_flags(TuneConfig, training=_training_config(), base_flags=base_flags)


def _with_checkpoint(config: Callable[..., Any], **given: Any) -> Any:  # noqa: ANN401 (a configuration of that class)
    """A configuration with a checkpoint: the given one, else the run folder's, else the shipped model."""
    checkpoint = find_shipped(pathlib.Path(FLAGS.checkpoint if is_given("checkpoint") else FLAGS.save_path))
    nothing_named = not is_given("checkpoint") and not FLAGS["save_path"].present
    if nothing_named and not checkpoint.exists():
        checkpoint = shipped_folder("pretrained")
    made = from_flags(config, checkpoint=checkpoint, **given)
    if checkpoint == shipped_folder("pretrained") and nothing_named:
        print("note: no --checkpoint: using pretrained, the small model that comes with vae_gan3d", file=sys.stderr)
    return made


def _export_config() -> ExportConfig | SampleConfig:
    """The shapes that the flags name, or samples where they name none, as files."""
    files = from_flags(ShapeFilesConfig)
    if not files.formats:
        files = dataclasses.replace(files, formats=EXPORTED_FILES.formats)
    named = [(shape, "") for shape in comma_list(FLAGS.shapes or "")]
    named += [(FLAGS.shape1 or "", FLAGS.class1 or ""), (FLAGS.shape2 or "", FLAGS.class2 or "")]
    given = [(shape, class_name) for shape, class_name in named if shape]
    if given:
        shapes, classes = zip(*given, strict=True)
        return _with_checkpoint(ExportConfig, shapes=shapes, given_classes=classes, files=files)
    samples = _with_checkpoint(SampleConfig, files=files)
    folder = {} if is_given("output_dir") else {"output_dir": results_folder(samples.checkpoint, "export")}
    return dataclasses.replace(samples, **folder)


_CONFIGS: dict[str, Callable[[], PhaseConfig]] = {
    "train": _train_config,
    "tune": _tune_config,
    "test": lambda: _with_checkpoint(InterpolateConfig),
    "sample": lambda: _with_checkpoint(SampleConfig),
    "evaluate": lambda: _with_checkpoint(EvaluateConfig),
    "export": _export_config,
    "export_model": lambda: _with_checkpoint(ExportModelConfig),
    "explore": lambda: _with_checkpoint(ExploreConfig),
    "arithmetic": lambda: _with_checkpoint(ArithmeticConfig),
    "neighbors": lambda: _with_checkpoint(NeighborsConfig),
    "map": lambda: _with_checkpoint(MapConfig),
}


PHASES = tuple(sorted(_CONFIGS))


def phase_config(default_phase: str) -> PhaseConfig:
    """The configuration of the phase that the flags choose.

    Args:
        default_phase: the script's own, where `--phase` is not given.

    Raises:
        UserError: a flag is missing or holds a bad value.
    """
    return _CONFIGS[FLAGS.phase or default_phase]()


# What the flags of each script are made from. train.py and test.py take the flags of both.
_TRAINING = (ProgressiveConfig, TuneConfig)
_TESTING = (
    InterpolateConfig,
    SampleConfig,
    EvaluateConfig,
    ExportConfig,
    ExportModelConfig,
    ArithmeticConfig,
    NeighborsConfig,
    MapConfig,
    ExploreConfig,
)
_PHASE = Flag(None, "What to do.", "phase", choices=PHASES, kind="text", default_text="that of the script's name")
_MAX_EPOCH = Flag(None, "Accepted from older command lines; has no effect.", "max_epoch", kind="integer")
_BY_NAME = {
    flag.name: flag for config in (*_TRAINING, *_TESTING, RecordsConfig) for flag in flags_of(config)
} | {"phase": _PHASE, "max_epoch": _MAX_EPOCH}  # fmt: skip


def _group(title: str, *sources: Any) -> Group:  # noqa: ANN401 (names of flags, or configurations)
    names = [[source] if isinstance(source, str) else [flag.name for flag in flags_of(source)] for source in sources]
    return Group(title, tuple(_BY_NAME[name] for part in names for name in part))


# How the help pages divide the flags; one that several groups name stands in the first.
_GROUPS = (
    _group("Phase", "phase", "seed"),
    _group(
        "Records and folders", "records", "split_name", "classes", "resolution", "save_path", "output_dir", "report"
    ),
    _group("Reading meshes, .binvox and .vox files", ReadOptions),
    _group("Shapes as files", ShapeFilesConfig),
    _group("Writing records", RecordsConfig, "max_epoch"),
    _group("Networks of a new run", ModelConfig),
    _group("Losses", LossConfig),
    _group("Optimizers", OptimizerConfig),
    _group("Several devices", DevicesConfig),
    _group("Training run", TrainingConfig),
    _group("Progressive growing", ProgressiveConfig),
    _group("Tuning", TuneConfig),
    _group("Using a checkpoint", InterpolateConfig, SampleConfig, ExportConfig),
    _group("Evaluating a checkpoint", EvaluateConfig),
    _group("Latent arithmetic, neighbours and maps", ArithmeticConfig, NeighborsConfig, MapConfig),
    _group("The explorer", ExploreConfig),
)


def _page(intro: str, *sources: Any, closing: str = "") -> HelpPage:  # noqa: ANN401 (flags' names, or configurations)
    return HelpPage(_GROUPS, frozenset(flag.name for flag in _group("", *sources).flags), intro, closing)


# What `--help` of each script shows.
HELP_PAGES = {
    "create_tf_record": _page(
        "Writes folders of voxel grids or meshes as TFRecords.\n\n"
        + command_text("create_tf_record.py", "--data_dir=DATA", "--classes=chair", "--output_dir=RECORDS"),
        RecordsConfig,
        "max_epoch",
    ),
    "train": _page(
        "Trains a VAE-3D-GAN on records; with --phase, does whatever test does.\n\n"
        + command_text("train.py", "--records=RECORDS", "--save_path=RUN"),
        "phase",
        *_TRAINING,
        closing="All other phases run here too, with the flags that the help of test shows.",
    ),
    "test": _page(
        "Interpolates between shapes, draws samples, evaluates a checkpoint, or explores its latent space.\n\n"
        + command_text("test.py", "--checkpoint=RUN", "--shape1=A.mat", "--shape2=B.mat", "--alpha=0.3"),
        "phase",
        "save_path",
        *_TESTING,
        closing=(
            "Training and tuning run here too, with the flags that the help of train shows. The other phases "
            "accept\nthose flags and ignore them: the networks are as the checkpoint's config.json says."
        ),
    ),
}


def define_script_flags(script: str) -> HelpPage:
    """Defines the flags that a script accepts, once in a process.

    Args:
        script: `create_tf_record`, `train` or `test`.

    Returns:
        What its `--help` shows.
    """
    pages = ("create_tf_record",) if script == "create_tf_record" else ("train", "test")
    accepted = frozenset().union(*(HELP_PAGES[name].shown for name in pages))
    define_flags([flag for name, flag in _BY_NAME.items() if name in accepted])
    return HELP_PAGES[script]
