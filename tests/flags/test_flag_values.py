"""Flags become the configurations of the phases: values, defaults, older names, presets, published command lines."""

import dataclasses
import operator
import pathlib

import pytest

from tests.conftest import CREATE, TEST, TRAIN, words
from vae_gan3d.config import (
    ARCHITECTURE_DEFAULTS,
    SEARCHABLE,
    ArithmeticConfig,
    DevicesConfig,
    EvaluateConfig,
    ExploreConfig,
    ExportConfig,
    ExportModelConfig,
    InterpolateConfig,
    MapConfig,
    ModelConfig,
    NeighborsConfig,
    ProgressiveConfig,
    ReadOptions,
    RecordsConfig,
    SampleConfig,
    ShapeFilesConfig,
    TrainingConfig,
    TuneConfig,
)
from vae_gan3d.errors import UserError
from vae_gan3d.tuning.search import trial_run
from vae_gan3d.tuning.study import parameter_flags, with_parameters

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRESETS = sorted((ROOT / "flags" / "presets").glob("*.flags"))
Path = pathlib.Path
RUN = Path("RUN")
FILES = ShapeFilesConfig()
# The least that each phase needs.
LEAST = {
    "records": ("--data_dir=D", "--output_dir=O"),
    "train": ("--records=R",),
    "tune": ("--records=R",),
    "test": ("--save_path=RUN", "--shape1=A.mat", "--shape2=B.mat"),
    "sample": ("--save_path=RUN",),
    "evaluate": ("--save_path=RUN", "--records=R"),
    "export": ("--save_path=RUN", "--shape1=a.off"),
    "export_model": ("--save_path=RUN",),
    "arithmetic": ("--save_path=RUN", "--shape1=1", "--minus=2", "--plus=3"),
    "neighbors": ("--save_path=RUN", "--shape1=1", "--records=R"),
    "map": ("--save_path=RUN", "--records=R"),
    "explore": ("--save_path=RUN",),
}
CHECKPOINT_PHASES = ("test", "sample", "evaluate", "export", "export_model", "arithmetic", "neighbors", "map")
DEFAULT, PUBLISHED = ARCHITECTURE_DEFAULTS["default"], ARCHITECTURE_DEFAULTS["3dgan"]
# One value that is not the default for each flag, and where it stands in the configuration.
VALUES = {
    "records": [
        ("--data_dir=X", "data_dir", Path("X")),
        ("--LOCAL_PATH=X", "data_dir", Path("X")),
        ("--output_dir=X", "output_dir", Path("X")),
        ("--TFRECORD_DIR=X", "output_dir", Path("X")),
        ("--save_dir=X", "output_dir", Path("X")),
        ("--classes=chair, table,", "classes", ("chair", "table")),
        ("--name=chair", "classes", ("chair",)),
        ("--resolution=32", "resolution", 32),
        ("--cube_len=32", "resolution", 32),
        ("--len_x=32", "resolution", 32),
        ("--shards=8", "shards", 8),
        ("--skip_bad", "skip_bad", True),
        ("--workers=3", "workers", 3),
        ("--split_name=x", "split_name", "x"),
        ("--if_train=false", "folder_split", "test"),
        ("--noif_train", "split_name", "test"),
        ("--runner=beam", "runner", "beam"),
        ("--holdout=0.1", "holdout", 0.1),
        ("--fill=surface", "reading", ReadOptions(fill="surface")),
        ("--up_axis=y", "reading", ReadOptions(up_axis="y")),
        ("--margin=4", "reading", ReadOptions(margin=4)),
    ],
    "train": [
        ("--record_dir=X", "records", "X"),
        ("--split_name=x", "split_name", "x"),
        ("--save_path=X", "save_path", Path("X")),
        ("--save_path=X", "logdir", Path("X")),
        ("--logdir=X", "logdir", Path("X")),
        ("--epochs=7", "epochs", 7),
        ("--epoch=7", "epochs", 7),
        ("--train_steps=7", "train_steps", 7),
        ("--batch_size=7", "batch_size", 7),
        ("--batch=7", "batch_size", 7),
        ("--checkpoint_every=7", "checkpoint_every", 7),
        ("--save_iner=7", "checkpoint_every", 7),
        ("--keep_checkpoints=7", "keep_checkpoints", 7),
        ("--image_every=7", "image_every", 7),
        ("--save_im_inter=7", "image_every", 7),
        ("--log_every=7", "log_every", 7),
        ("--print_log_inter=7", "log_every", 7),
        ("--len_data=7", "expected_count", 7),
        ("--seed=7", "seed", 7),
        ("--precision=bfloat16", "precision", "bfloat16"),
        ("--deterministic", "deterministic", True),
        ("--max_bad_steps=7", "max_bad_steps", 7),
        ("--restart", "restart", True),
        ("--yes", "assume_yes", True),
        ("--report=false", "report", False),
        ("--mirror=", "mirror", ()),
        ("--mirror=x", "mirror", ("x",)),
        ("--mirror=x, z", "mirror", ("x", "z")),
        ("--generator_weights=X/a.weights.h5", "weights", {"generator": Path("X/a.weights.h5")}),
        ("--discriminator_weights=a.weights.h5", "weights", {"discriminator": Path("a.weights.h5")}),
        ("--encoder_weights=a.weights.h5", "weights", {"encoder": Path("a.weights.h5")}),
        ("--init_from=pretrained", "init_from", Path("pretrained/model.ckpt-60")),
        ("--strategy=multi_worker", "devices", DevicesConfig("multi_worker")),
        ("--accumulate=4", "devices", DevicesConfig(accumulate=4)),
        ("--listen", "devices", DevicesConfig(listen=True)),
        ("--resolution=16", "model.resolution", 16),
        ("--len_x=16", "model.resolution", 16),
        ("--cube_len=16", "model.resolution", 16),
        ("--latent_size=7", "model.latent_size", 7),
        ("--len_vector=7", "model.latent_size", 7),
        ("--base_width=24", "model.base_width", 24),
        ("--normalization=batch", "model.normalization", "batch"),
        ("--activation=tanh", "model.activation", "tanh"),
        ("--depth=2", "model.depth", 2),
        ("--conditional", "model.conditional", True),
        ("--leaky_slope=0.1", "model.leaky_slope", 0.1),
        ("--model=gan", "model.kind", "gan"),
        ("--model=gan", "model.latent_layout", "vector"),
        ("--model=vae", "model.kind", "vae"),
        ("--model=vae", "loss.adversarial_weight", 0),
        ("--adversarial_weight=0", "model.kind", "vae"),
        ("--adversarial_weight=0", "loss.adversarial_weight", 0),
        ("--kl_weight=0.5", "loss.kl_weight", 0.5),
        ("--kl_warmup=7", "loss.kl_warmup", 7),
        ("--dice_weight=7", "loss.dice_weight", 7),
        ("--reconstruction_loss=mse", "loss.reconstruction_loss", "mse"),
        ("--adversarial_loss=hinge", "loss.adversarial_loss", "hinge"),
        ("--adversarial_loss=hinge", "model.spectral_normalization", True),
        ("--adversarial_loss=wgan-gp", "loss.adversarial_loss", "wgan-gp"),
        ("--adversarial_loss=wgan-gp", "model.spectral_normalization", False),
        ("--adversarial_latents=prior", "loss.adversarial_latents", "prior"),
        ("--adversarial_warmup=7", "loss.adversarial_warmup", 7),
        ("--gradient_penalty_weight=7", "loss.gradient_penalty_weight", 7),
        ("--label_smoothing=0.1", "loss.label_smoothing", 0.1),
        ("--d_accuracy_threshold=0.8", "loss.d_accuracy_threshold", 0.8),
        ("--r1_weight=7", "loss.r1_weight", 7),
        ("--r1_every=7", "loss.r1_every", 7),
        ("--optimizer=sgd", "optimizer.kind", "sgd"),
        ("--learning_rate=0.125", "optimizer.learning_rate", 0.125),
        ("--d_learning_rate=0.1", "optimizer.d_learning_rate", 0.1),
        ("--beta1=0.9", "optimizer.beta1", 0.9),
        ("--ema_decay=0", "optimizer.ema_decay", 0),
        ("--learning_rate_decay=none", "optimizer.learning_rate_decay", "none"),
        ("--learning_rate_warmup=7", "optimizer.learning_rate_warmup", 7),
    ],
    "tune": [
        ("--output_dir=X", "output_dir", Path("X")),
        ("--held_out_records=X", "held_out_records", "X"),
        ("--held_out_split_name=X", "held_out_split_name", "X"),
        ("--search=depth, kl_weight", "search", ("depth", "kl_weight")),
        ("--objective=mmd", "objective", "mmd"),
        ("--trials=7", "trials", 7),
        ("--trial_epochs=7", "trial_epochs", 7),
        ("--trial_minutes=0.5", "trial_minutes", 0.5),
    ],
    "test": [
        ("--checkpoint=X", "checkpoint", Path("X")),
        ("--load_path=X", "checkpoint", Path("X")),
        ("--save_path=X", "checkpoint", Path("X")),
        ("--shape1=X", "shape1", "X"),
        ("--im1_dir=X", "shape1", "X"),
        ("--shape2=3", "shape2", "3"),
        ("--im2_dir=3", "shape2", "3"),
        ("--class1=chair", "class1", "chair"),
        ("--class2=lamp", "class2", "lamp"),
        ("--records=X", "records", "X"),
        ("--record_dir=X", "records", "X"),
        ("--split_name=test", "split_name", "test"),
        ("--output_dir=X", "output_dir", Path("X")),
        ("--save_dir=X", "output_dir", Path("X")),
        ("--alpha=1.5", "alpha", 1.5),
        ("--scale=0.25", "alpha", 0.25),
        ("--steps=5", "steps", 5),
        ("--text_slices", "text_slices", True),
        ("--sample_posterior", "sample_posterior", True),
        ("--interpolation=slerp", "interpolation", "slerp"),
        ("--threshold=0.4", "threshold", 0.4),
        ("--seed=7", "seed", 7),
        ("--project=50", "project", 50),
    ],
    "sample": [
        ("--samples=5", "count", 5),
        ("--threshold=0.4", "threshold", 0.4),
        ("--seed=7", "seed", 7),
        ("--refinements=0", "refinements", 0),
        ("--prior=normal", "prior", "normal"),
        ("--prior=mixture", "prior", "mixture"),
        ("--classes=chair, table,", "classes", ("chair", "table")),
        ("--name=chair", "classes", ("chair",)),
        ("--records=X", "records", "X"),
        ("--split_name=whole", "split_name", "whole"),
    ],
    "evaluate": [
        ("--record_dir=X", "records", "X"),
        ("--split_name=validation", "split_name", "validation"),
        ("--train_records=X", "train_records", "X"),
        ("--train_split_name=X", "train_split_name", "X"),
        ("--refinements=0", "refinements", 0),
        ("--output_dir=X", "output_dir", Path("X")),
        ("--evaluation_samples=50", "max_samples", 50),
        ("--chamfer_shapes=0", "chamfer_shapes", 0),
        ("--prior=normal", "prior", "normal"),
        ("--threshold=0.4", "threshold", 0.4),
        ("--seed=7", "seed", 7),
        ("--noreport", "report", False),
    ],
    "arithmetic": [
        ("--shape1=a.mat, class:chair,", "start", ("a.mat", "class:chair")),
        ("--im1_dir=3", "start", ("3",)),
        ("--minus=3,7,9", "minus", ("3", "7", "9")),
        ("--plus=class:sofa", "plus", ("class:sofa",)),
        ("--records=X", "records", "X"),
        ("--split_name=test", "split_name", "test"),
        ("--threshold=0.4", "threshold", 0.4),
    ],
    "export_model": [
        ("--checkpoint=C/model.ckpt-3", "checkpoint", Path("C/model.ckpt-3")),
        ("--output_dir=X", "output_dir", Path("X")),
        ("--formats=LiteRT, .onnx,litert", "formats", ("litert", "onnx")),
        ("--formats=", "formats", ("onnx",)),
        ("--prior=normal", "prior", "normal"),
        ("--records=X", "records", "X"),
        ("--split_name=test", "split_name", "test"),
        ("--seed=7", "seed", 7),
    ],
    "neighbors": [
        ("--shape1=a.mat", "shape", "a.mat"),
        ("--record_dir=X", "records", "X"),
        ("--split_name=test", "split_name", "test"),
        ("--train_records=X", "searched_records", "X"),
        ("--train_split_name=whole", "searched_split_name", "whole"),
        ("--neighbors=3", "count", 3),
    ],
    "map": [
        ("--split_name=test", "split_name", "test"),
        ("--map=tsne", "method", "tsne"),
        ("--map_shapes=50", "max_shapes", 50),
        ("--seed=7", "seed", 7),
        ("--checkpoint=X", "checkpoint", Path("X")),
    ],
    "explore": [
        ("--checkpoint=C/model.ckpt-3", "checkpoint", Path("C/model.ckpt-3")),
        ("--records=X", "records", "X"),
        ("--split_name=test", "split_name", "test"),
        ("--prior=normal", "prior", "normal"),
        ("--refinements=0", "refinements", 0),
        ("--threshold=0.4", "threshold", 0.4),
        ("--seed=3", "seed", 3),
        ("--components=all", "files", ShapeFilesConfig(components="all")),
        ("--up_axis=y", "reading", ReadOptions(up_axis="y")),
        ("--host=0.0.0.0", "host", "0.0.0.0"),
        ("--port=8050", "port", 8050),
        ("--upload_mb=5", "upload_mb", 5),
        ("--browser", "browser", True),
    ],
}


@pytest.mark.parametrize(
    ("phase", "word", "field", "value"),
    [(phase, *row) for phase, rows in VALUES.items() for row in rows],
)
def test_each_flag_and_alias(config_of, phase, word, field, value):
    assert operator.attrgetter(field)(config_of(phase, *LEAST[phase], word)) == value


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        ("test", InterpolateConfig(RUN, "A.mat", "B.mat", files=FILES)),
        ("sample", SampleConfig(RUN, Path("samples"), 16, 0.5, 0, None, 1, ("all",), "", "train", FILES)),
        ("evaluate", EvaluateConfig(RUN, "R", "test", "", "train", Path("evaluation"), 1000, 200, None, 1, 0.5, 0)),
        ("export", ExportConfig(RUN, ("a.off",), ("",), files=ShapeFilesConfig(("stl", "glb")))),
        ("export_model", ExportModelConfig(RUN, Path("export_model"), ("onnx",), None, "", "train", 0)),
        ("arithmetic", ArithmeticConfig(RUN, ("1",), ("2",), ("3",), "", "train", Path("arithmetic"), 0.5, FILES)),
        ("neighbors", NeighborsConfig(RUN, "1", "R", "train", "", "train", Path("neighbors"), 8)),
        ("map", MapConfig(RUN, "R", "train", Path("map"), "pca", 2000, 0)),
        ("explore", ExploreConfig(RUN, "", "train", None, 1, 0.5, 0, FILES, ReadOptions(), "127.0.0.1", 0, 20, False)),
    ],
)
def test_defaults_of_the_phases_that_use_a_checkpoint(config_of, phase, expected):
    assert config_of(phase, *LEAST[phase]) == expected


def test_defaults_of_writing_records(config_of, capsys):
    config = config_of("records", *LEAST["records"])
    assert (config.classes, config.folder_split, config.split_name) == (("all",), "train", "train")
    assert (config.resolution, config.shards, config.skip_bad) == (None, 1, False)
    assert config.workers >= 1
    assert capsys.readouterr().err == ""


def test_defaults_of_training(config_of):
    config = config_of("train", "--records=R")
    assert config.model == ModelConfig(32, architecture="default", **DEFAULT)
    assert (config.loss.reconstruction_loss, config.loss.label_smoothing) == ("bce", 0)
    assert config.save_path == config.logdir == Path("runs/vae_gan3d")
    assert (config.epochs, config.batch_size, config.expected_count) == (100, 32, None)
    assert (config.train_steps, config.checkpoint_every) == (None, None)
    assert config.devices == DevicesConfig("auto", 1, listen=False)
    assert config == TrainingConfig(records="R")  # Python and the command line have the same defaults


def test_defaults_of_tuning(config_of):
    assert config_of("tune", "--records=R") == TuneConfig(
        training=config_of("train", "--records=R"),
        base_flags=("--records=R",),
        output_dir=Path("runs/vae_gan3d/tuning"),
        held_out_records="",
        held_out_split_name="test",
        search=("learning_rate", "batch_size", "activation", "base_width"),
        objective="iou",
        trials=20,
        trial_epochs=20,
        trial_minutes=0,
    )


def test_an_empty_text_means_the_default(config_of):
    config = config_of("train", "--records=R", "--split_name=", "--logdir=", "--progressive=", "--encoder_weights=")
    assert config == TrainingConfig(records="R")
    assert config_of("sample", "--save_path=RUN", "--output_dir=", "--checkpoint=") == SampleConfig(RUN, files=FILES)


def test_the_published_command_lines(config_of, capsys):
    records = config_of("records", *words(CREATE)[1:])
    assert records == RecordsConfig(
        Path("DATA/volumetric_data"), Path("OUT"), ("chair",), "train", "train", 64, 1, False, records.workers
    )
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1 and errors[0].startswith("note: --max_epoch has no effect")
    assert config_of("test", *words(TRAIN)[1:]) == TrainingConfig(
        model=ModelConfig(64, architecture="default", **{**DEFAULT, "latent_size": 200, "latent_layout": "vector"}),
        records="OUT/train.tfrecords",
        save_path=RUN,
        epochs=500,
        batch_size=50,
        checkpoint_every=10,
        image_every=10,
        log_every=15,
        expected_count=10668,
    )
    assert config_of("train", *words(TEST)[1:]) == InterpolateConfig(
        checkpoint=Path("RUN/model.ckpt-400"),
        shape1="A.mat",
        shape2="B.mat",
        records="OUT/train.tfrecords",
        output_dir=Path("OUT2"),
        alpha=0.3,
        files=FILES,
    )


# Networks and losses.


def test_the_published_network_has_its_own_defaults(config_of):
    assert config_of("train", "--records=R", "--architecture=3dgan").model == ModelConfig(
        64, architecture="3dgan", **PUBLISHED
    )
    assert (PUBLISHED["latent_size"], PUBLISHED["base_width"], PUBLISHED["normalization"]) == (200, 64, "batch")
    given = ("--architecture=3dgan", "--len_x=32", "--len_vector=9", "--normalization=none", "--activation=elu")
    assert config_of("train", "--records=R", *given).model == ModelConfig(32, 9, "3dgan", 64, "none", "elu")


@pytest.mark.parametrize(("kind", "expected"), [("bce", 1), ("relativistic", 10), ("hinge", 0), ("wgan-gp", 0)])
def test_r1_belongs_to_some_losses_unless_it_is_given(config_of, kind, expected):
    config = config_of("train", "--records=R", "--model=gan", f"--adversarial_loss={kind}")
    assert config.loss.r1_weight == expected
    assert config_of("train", "--records=R", "--adversarial_loss=hinge", "--r1_weight=0.5").loss.r1_weight == 0.5


def test_both_spellings_of_a_vae_are_one_run(config_of):
    spellings = (("--model=vae",), ("--adversarial_weight=0",), ("--model=vae", "--adversarial_weight=0.5"))
    found = [config_of("train", "--records=R", *spelling) for spelling in spellings]
    assert found[0] == found[1] == found[2]


def test_a_plain_gan_and_its_turns(config_of, capsys):
    given = ("--model=gan", "--d_steps=5", "--g_steps=2", "--latent_deviation=0.5", "--latent_layout=grid")
    config = config_of("train", "--records=R", *given)
    assert (config.optimizer.d_steps, config.optimizer.g_steps) == (5, 2)
    assert (config.model.latent_deviation, config.model.latent_layout) == (0.5, "grid")
    assert capsys.readouterr().err == ""


def test_flags_that_a_plain_gan_has_no_use_for_are_noted(config_of, capsys):
    given = ("--records=R", "--kl_weight=1", "--adversarial_warmup=5")
    config_of("train", *given)
    assert capsys.readouterr().err == ""
    config_of("train", *given, "--model=gan")
    note = capsys.readouterr().err
    assert note.startswith("note: --model=gan ") and "--kl_weight, --adversarial_warmup" in note
    assert note.count("\n") == 1


# Presets, and how long a run is.


@pytest.mark.parametrize("preset", PRESETS, ids=[path.stem for path in PRESETS])
def test_presets(config_of, preset, capsys):
    config = config_of("train", "--records=R", f"--flagfile={preset}")
    # A small set trains as long as a large one, and is saved about ten times.
    assert config.train_steps is not None
    assert (config.records, config.checkpoint_every) == ("R", None)
    assert capsys.readouterr().err == ""


def test_the_published_gan(config_of):
    config = config_of("train", "--records=R", f"--flagfile={ROOT / 'flags/presets/paper3dgan.flags'}")
    assert config.model == ModelConfig(32, architecture="3dgan", **PUBLISHED, kind="gan", latent_deviation=0.33)
    assert (config.optimizer.learning_rate, config.optimizer.d_learning_rate) == (0.0025, 0.00001)
    assert (config.optimizer.beta1, config.batch_size, config.loss.d_accuracy_threshold) == (0.5, 32, 0.8)


def test_the_later_of_two_spellings_counts(config_of, tmp_path):
    assert config_of("train", "--records=R", "--epochs=3", "--epoch=4").epochs == 4
    (tmp_path / "small.flags").write_text("--epoch=9\n--batch=3\n")
    config = config_of("train", "--records=R", f"--flagfile={tmp_path / 'small.flags'}", "--epoch=10")
    assert (config.epochs, config.batch_size) == (10, 3)


def test_a_preset_gives_steps_and_the_command_line_steps_or_epochs(config_of, tmp_path):
    def length(preset, *typed):
        """How long a run with a preset and these words is: its steps, its epochs."""
        (tmp_path / "small.flags").write_text(f"{preset}\n")
        config = config_of("train", "--records=R", f"--flagfile={tmp_path / 'small.flags'}", *typed)
        return config.train_steps, config.epochs

    assert length("--train_steps=600") == (600, 100)
    assert length("--train_steps=600", "--train_steps=70") == (70, 100)
    for typed in (("--epochs=7",), ("--epoch=7",), ("-epochs", "7")):
        assert length("--train_steps=600", *typed) == (None, 7)
    assert length("--epoch=9", "--train_steps=70") == (70, 100)
    for typed in (("--epochs=7", "--train_steps=70"), ("--train_steps", "70", "--epoch", "7")):
        with pytest.raises(UserError, match=r"--epochs and --train_steps .*give one"):
            length("--train_steps=600", *typed)


# Progressive growing.


def test_stages(config_of):
    given = ("--records=R", "--progressive=16,32,64")
    config = config_of("train", *given, "--epochs=7", "--base_width=8")
    assert isinstance(config, ProgressiveConfig)
    assert (config.resolutions, config.epochs, config.fade_samples) == ((16, 32, 64), (7, 7, 7), None)
    assert (config.training.model.resolution, config.training.model.base_width) == (64, 8)
    config = config_of("train", *given, "--stage_epochs=10, 10,20", "--fade_samples=0", "--resolution=64")
    assert (config.epochs, config.fade_samples, config.training.model.resolution) == ((10, 10, 20), 0, 64)


def test_steps_count_for_every_stage_unless_stages_have_epochs_of_their_own(config_of, tmp_path):
    given = ("--records=R", "--progressive=16,32,64")
    assert config_of("train", *given, "--train_steps=70").training.train_steps == 70
    (tmp_path / "small.flags").write_text("--train_steps=600\n")
    config = config_of("train", *given, f"--flagfile={tmp_path / 'small.flags'}", "--stage_epochs=1,2,3")
    assert (config.training.train_steps, config.epochs) == (None, (1, 2, 3))
    with pytest.raises(UserError, match=r"--stage_epochs and --train_steps .*give one"):
        config_of("train", *given, "--train_steps=70", "--stage_epochs=1,2,3")


# Checkpoints, shapes and files.


@pytest.mark.parametrize("phase", CHECKPOINT_PHASES)
def test_results_go_beside_the_checkpoint(config_of, tmp_path, phase):
    folder = {"test": "interpolation", "sample": "samples", "evaluate": "evaluation"}.get(phase, phase)
    for checkpoint in (tmp_path, tmp_path / "model.ckpt-3"):
        config = config_of(phase, *LEAST[phase], f"--checkpoint={checkpoint}")
        assert config.output_dir == tmp_path / folder


@pytest.mark.parametrize("checkpoint", ["pretrained", "pretrained/model.ckpt-60", "./docs/../pretrained/"])
def test_results_of_the_small_weights_do_not_go_into_the_repository(config_of, monkeypatch, checkpoint):
    monkeypatch.chdir(ROOT)
    assert config_of("sample", f"--checkpoint={checkpoint}").output_dir == Path("runs/pretrained/samples")
    assert config_of("sample", f"--checkpoint={checkpoint}", "--output_dir=X").output_dir == Path("X")


def test_another_folder_of_that_name_is_like_any_other(config_of, tmp_path, monkeypatch):
    (tmp_path / "pretrained").mkdir()
    monkeypatch.chdir(tmp_path)
    assert config_of("sample", "--checkpoint=pretrained").output_dir == Path("pretrained/samples")


def test_a_path_through_several_shapes_has_five_steps_between_two_by_default(config_of):
    config = config_of("test", "--shapes=A.mat, 3,B.mat,")
    assert (config.shapes, config.steps) == (("A.mat", "3", "B.mat"), 5)
    assert config_of("test", "--shapes=A.mat,3", "--steps=4").steps == 4


@pytest.mark.parametrize("phase", ["test", "sample", "export", "arithmetic", "explore"])
def test_files_beside_the_pictures(config_of, phase):
    given = ("--formats=STL, .glb,stl", "--components=all", "--size_mm=60", "--nogif")
    expected = ShapeFilesConfig(("stl", "glb"), "all", 60.0, gif=False)
    assert config_of(phase, *LEAST[phase], *given).files == expected


@pytest.mark.parametrize("phase", ["records", "test", "export", "arithmetic", "neighbors", "explore"])
def test_how_shapes_are_read(config_of, phase):
    config = config_of(phase, *LEAST[phase], "--fill=surface", "--up_axis=y", "--margin=4")
    assert config.reading == ReadOptions(fill="surface", up_axis="y", margin=4)


def test_an_export_without_shapes_draws_samples(config_of, tmp_path):
    config = config_of("export", f"--checkpoint={tmp_path}", "--samples=5", "--classes=chair")
    files = ShapeFilesConfig(("stl", "glb"))
    assert config == SampleConfig(tmp_path, tmp_path / "export", 5, classes=("chair",), files=files)


def test_an_export_of_given_shapes(config_of, tmp_path):
    given = ("--shapes=A.mat,3", "--shape2=B.npy", "--class2=lamp", "--project=20", "--formats=ply", "--records=R")
    assert config_of("export", f"--checkpoint={tmp_path}", *given) == ExportConfig(
        checkpoint=tmp_path,
        shapes=("A.mat", "3", "B.npy"),
        given_classes=("", "", "lamp"),
        records="R",
        project=20,
        files=ShapeFilesConfig(("ply",)),
    )


def test_the_options_of_beam_are_split_as_a_shell_does(config_of):
    least = ("--data_dir=D", "--output_dir=O", "--runner=beam")
    config = config_of("records", *least, '--beam_options=--direct_num_workers=2 --name="a b"')
    assert config.beam_options == ("--direct_num_workers=2", "--name=a b")


# Tuning: a trial is a run with the flags of its study and those that were drawn.

DRAWN = {
    "optimizer": "sgd",
    "learning_rate": 0.1 + 0.2,
    "d_learning_rate": 1e-05,
    "batch_size": 8,
    "epochs": 3,
    "activation": "elu",
    "base_width": 32,
    "depth": 2,
    "kl_weight": 0.1234567890123,
    "adversarial_weight": 0.5,
}


def test_the_base_flags_make_the_same_run(config_of):
    folders = ("--save_path=X", "--logdir=Y")
    given = (
        "--record_dir=R",
        "--len_x=16",
        "--epoch=7",
        "--mirror=x, z",
        "--seed=3",
        "--kl_weight=.1",
        "--conditional",
    )
    config = config_of("tune", *given, *folders, "--trials=3", "--restart")
    assert {"--resolution=16", "--epochs=7", "--seed=3", "--conditional"} <= set(config.base_flags)
    assert config_of("train", *config.base_flags, *folders) == dataclasses.replace(config.training, restart=False)


def test_switches_that_are_off_are_among_the_base_flags(config_of):
    assert set(config_of("tune", "--records=R", "--noreport").base_flags) == {"--records=R", "--noreport"}


@pytest.mark.parametrize(
    "given", [(), ("--latent_size=200",), ("--architecture=3dgan",), ("--adversarial_loss=hinge",)]
)
def test_the_flags_of_a_trial_make_its_run(config_of, given):
    assert tuple(DRAWN) == SEARCHABLE
    config = config_of("tune", "--records=R", *given)
    run = config_of("train", *config.base_flags, *parameter_flags(DRAWN))
    assert run == with_parameters(config.training, DRAWN)


def test_steps_of_a_preset_give_way_to_trial_epochs(config_of, tmp_path):
    (tmp_path / "small.flags").write_text("--train_steps=600\n")
    run = trial_run(config_of("tune", "--records=R", f"--flagfile={tmp_path / 'small.flags'}"), {}, "trial-0000")
    assert (run.train_steps, run.epochs) == (None, 20)
