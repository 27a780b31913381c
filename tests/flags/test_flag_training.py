"""Flags of training become a TrainingConfig."""

import pathlib

import pytest
from absl import flags as absl_flags

from flags.phase import phase_config
from tests.command_lines import TRAIN, words
from vae_gan3d.config import ARCHITECTURE_DEFAULTS, ModelConfig, TrainingConfig
from vae_gan3d.errors import UserError

LEAST = ("--records=R",)
# What a measurement has chosen may change; what a flag left alone means is that it changes nothing.
DEFAULT, PUBLISHED = ARCHITECTURE_DEFAULTS["default"], ARCHITECTURE_DEFAULTS["3dgan"]


def test_the_published_command_line(parse):
    parse(*LEAST)
    defaults = phase_config("train")
    parse(*words(TRAIN)[1:])
    assert phase_config("test") == TrainingConfig(
        model=ModelConfig(64, architecture="default", **{**DEFAULT, "latent_size": 200, "latent_layout": "vector"}),
        loss=defaults.loss,
        optimizer=defaults.optimizer,
        records="OUT/train.tfrecords",
        split_name="train",
        save_path=pathlib.Path("RUN"),
        logdir=pathlib.Path("RUN"),
        epochs=500,
        batch_size=50,
        checkpoint_every=10,
        keep_checkpoints=15,
        image_every=10,
        log_every=15,
        seed=0,
        precision="auto",
        restart=False,
        assume_yes=False,
        expected_count=10668,
    )


def test_defaults(parse):
    parse(*LEAST)
    config = phase_config("train")
    assert config.model == ModelConfig(32, architecture="default", **DEFAULT)
    assert (config.loss.reconstruction_loss, config.loss.label_smoothing) == ("bce", 0)
    assert config.save_path == config.logdir == pathlib.Path("runs/vae_gan3d")
    assert (config.epochs, config.batch_size, config.expected_count) == (100, 32, None)
    assert (config.train_steps, config.checkpoint_every) == (None, None)


def test_a_model_is_conditional_where_it_is_asked_for(parse):
    parse(*LEAST)
    assert not phase_config("train").model.conditional
    parse(*LEAST, "--conditional")
    assert phase_config("train").model == ModelConfig(32, architecture="default", conditional=True, **DEFAULT)


def test_the_published_network_has_its_own_defaults(parse):
    parse(*LEAST, "--architecture=3dgan")
    assert phase_config("train").model == ModelConfig(64, architecture="3dgan", **PUBLISHED)
    assert (PUBLISHED["latent_size"], PUBLISHED["base_width"], PUBLISHED["normalization"]) == (200, 64, "batch")
    parse(*LEAST, "--architecture=3dgan", "--len_x=32", "--len_vector=9", "--normalization=none", "--activation=elu")
    assert phase_config("train").model == ModelConfig(32, 9, "3dgan", 64, "none", "elu")


@pytest.mark.parametrize(
    ("word", "field", "value"),
    [
        ("--record_dir=X", "records", "X"),
        ("--split_name=x", "split_name", "x"),
        ("--save_path=X", "save_path", pathlib.Path("X")),
        ("--save_path=X", "logdir", pathlib.Path("X")),
        ("--logdir=X", "logdir", pathlib.Path("X")),
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
        ("--resolution=16", "model.resolution", 16),
        ("--len_x=16", "model.resolution", 16),
        ("--cube_len=16", "model.resolution", 16),
        ("--latent_size=7", "model.latent_size", 7),
        ("--len_vector=7", "model.latent_size", 7),
        ("--base_width=24", "model.base_width", 24),
        ("--normalization=batch", "model.normalization", "batch"),
        ("--activation=tanh", "model.activation", "tanh"),
        ("--depth=2", "model.depth", 2),
        ("--model=gan", "model.kind", "gan"),
        ("--model=gan", "model.latent_layout", "vector"),
        ("--model=vae", "model.kind", "vae"),
        ("--model=vae", "loss.adversarial_weight", 0),
        ("--adversarial_weight=0", "model.kind", "vae"),
        ("--leaky_slope=0.1", "model.leaky_slope", 0.1),
        ("--ema_decay=0", "optimizer.ema_decay", 0),
        ("--generator_weights=X/a.weights.h5", "weights", {"generator": pathlib.Path("X/a.weights.h5")}),
        ("--discriminator_weights=a.weights.h5", "weights", {"discriminator": pathlib.Path("a.weights.h5")}),
        ("--encoder_weights=a.weights.h5", "weights", {"encoder": pathlib.Path("a.weights.h5")}),
        ("--kl_weight=0.5", "loss.kl_weight", 0.5),
        ("--kl_warmup=7", "loss.kl_warmup", 7),
        ("--dice_weight=7", "loss.dice_weight", 7),
        ("--adversarial_loss=hinge", "loss.adversarial_loss", "hinge"),
        ("--adversarial_loss=hinge", "model.spectral_normalization", True),
        ("--adversarial_loss=wgan-gp", "loss.adversarial_loss", "wgan-gp"),
        ("--adversarial_loss=wgan-gp", "model.spectral_normalization", False),
        ("--gradient_penalty_weight=7", "loss.gradient_penalty_weight", 7),
        ("--mirror=", "mirror", ()),
        ("--mirror=x", "mirror", ("x",)),
        ("--mirror=x, z", "mirror", ("x", "z")),
        ("--learning_rate_decay=cosine", "optimizer.learning_rate_decay", "cosine"),
        ("--learning_rate_warmup=7", "optimizer.learning_rate_warmup", 7),
        ("--reconstruction_loss=mse", "loss.reconstruction_loss", "mse"),
        ("--adversarial_weight=0", "loss.adversarial_weight", 0),
        ("--adversarial_warmup=7", "loss.adversarial_warmup", 7),
        ("--label_smoothing=0.1", "loss.label_smoothing", 0.1),
        ("--d_accuracy_threshold=0.8", "loss.d_accuracy_threshold", 0.8),
        ("--r1_weight=7", "loss.r1_weight", 7),
        ("--optimizer=sgd", "optimizer.kind", "sgd"),
        ("--learning_rate=0.125", "optimizer.learning_rate", 0.125),
        ("--d_learning_rate=0.1", "optimizer.d_learning_rate", 0.1),
        ("--beta1=0.9", "optimizer.beta1", 0.9),
        ("--report=false", "report", False),
    ],
)
def test_each_flag_and_alias(parse, word, field, value):
    parse(*LEAST, word)
    found = phase_config("train")
    for name in field.split("."):
        found = getattr(found, name)
    assert found == value


@pytest.mark.parametrize(("kind", "expected"), [("bce", 1), ("relativistic", 10), ("hinge", 0), ("wgan-gp", 0)])
def test_r1_belongs_to_some_losses_unless_it_is_asked_for(parse, kind, expected):
    parse(*LEAST, "--model=gan", f"--adversarial_loss={kind}")
    assert phase_config("train").loss.r1_weight == expected
    parse(*LEAST, "--adversarial_loss=hinge", "--r1_weight=0.5")
    assert phase_config("train").loss.r1_weight == 0.5


def test_missing_records_are_named(parse):
    parse()
    with pytest.raises(UserError, match=r"^--records is missing: .*create_tf_record"):
        phase_config("train")


def test_the_later_of_two_spellings_counts(parse):
    parse(*LEAST, "--epochs=3", "--epoch=4")
    assert phase_config("train").epochs == 4


def test_a_file_of_flags(parse, tmp_path):
    (tmp_path / "small.flags").write_text("--epoch=9\n--batch=3\n")
    parse(*LEAST, f"--flagfile={tmp_path / 'small.flags'}", "--epoch=10")
    assert (phase_config("train").epochs, phase_config("train").batch_size) == (10, 3)


def test_a_preset_gives_steps_and_the_command_line_steps_or_epochs(parse, tmp_path, monkeypatch):
    def length(*typed):
        """What a run with a preset of 600 steps and these words is long: its steps, its epochs."""
        (tmp_path / "small.flags").write_text("--train_steps=600\n")
        given = (*LEAST, f"--flagfile={tmp_path / 'small.flags'}", *typed)
        monkeypatch.setattr("sys.argv", ["train.py", *given])
        parse(*given)
        config = phase_config("train")
        return config.train_steps, config.epochs

    assert length() == (600, 100)
    assert length("--train_steps=70") == (70, 100)
    assert length("--epochs=7") == length("--epoch=7") == length("-epochs", "7") == (None, 7)
    for typed in (("--epochs=7", "--train_steps=70"), ("--train_steps", "70", "--epoch", "7")):
        with pytest.raises(UserError, match=r"--epochs and --train_steps both say how long the run is: give one"):
            length(*typed)


def test_steps_override_the_epochs_of_a_file(parse, tmp_path):
    (tmp_path / "small.flags").write_text("--epoch=9\n")
    parse(*LEAST, f"--flagfile={tmp_path / 'small.flags'}", "--train_steps=70")
    assert (phase_config("train").train_steps, phase_config("train").epochs) == (70, 100)


@pytest.mark.parametrize("word", ["--epochs=1e3", "--precision=float16", "--kl_weight=a", "--restart=maybe"])
def test_values_of_another_kind_are_refused(parse, word):
    with pytest.raises(absl_flags.IllegalFlagValueError, match=word):
        parse(*LEAST, word)


PRESETS = sorted((pathlib.Path(__file__).parents[2] / "flags" / "presets").glob("*.flags"))


@pytest.mark.parametrize("preset", PRESETS, ids=[path.stem for path in PRESETS])
def test_presets_parse(parse, preset):
    parse(*LEAST, f"--flagfile={preset}")
    config = phase_config("train")
    # A small set trains as long as a large one, and is saved about ten times.
    assert config.train_steps is not None
    assert (config.records, config.checkpoint_every) == ("R", None)


def test_both_spellings_of_a_vae_are_one_run(parse):
    found = []
    for words_of_a_vae in (("--model=vae",), ("--adversarial_weight=0",), ("--model=vae", "--adversarial_weight=0.5")):
        parse(*LEAST, *words_of_a_vae)
        found.append(phase_config("train"))
    assert found[0] == found[1] == found[2]


def test_a_plain_gan_and_its_turns(parse, capsys):
    parse(*LEAST, "--model=gan", "--d_steps=5", "--g_steps=2", "--latent_deviation=0.5", "--latent_layout=grid")
    config = phase_config("train")
    assert (config.optimizer.d_steps, config.optimizer.g_steps) == (5, 2)
    assert (config.model.latent_deviation, config.model.latent_layout) == (0.5, "grid")
    assert capsys.readouterr().err == ""


def test_flags_that_a_plain_gan_has_no_use_for_are_noted(parse, capsys):
    words_for_a_vae = ("--kl_weight=1", "--adversarial_warmup=5")
    parse(*LEAST, *words_for_a_vae)
    phase_config("train")
    assert capsys.readouterr().err == ""
    parse(*LEAST, "--model=gan", *words_for_a_vae)
    phase_config("train")
    assert capsys.readouterr().err == (
        "note: --model=gan has no encoder: --kl_weight, --adversarial_warmup without effect\n"
    )


def test_the_published_gan(parse, capsys):
    parse(*LEAST, f"--flagfile={PRESETS[0].parent / 'paper3dgan.flags'}")
    config = phase_config("train")
    assert config.model == ModelConfig(32, architecture="3dgan", **PUBLISHED, kind="gan", latent_deviation=0.33)
    assert (config.optimizer.learning_rate, config.optimizer.d_learning_rate) == (0.0025, 0.00001)
    assert (config.optimizer.beta1, config.batch_size, config.loss.d_accuracy_threshold) == (0.5, 32, 0.8)
    assert capsys.readouterr().err == ""
