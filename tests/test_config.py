"""Configurations refuse bad values when they are built, in one line that names the flag and the remedy."""

import dataclasses
import pathlib

import pytest
from vae_gan3d.checks import LARGEST_COUNT, LARGEST_SEED

from vae_gan3d.config import (
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    RecordsConfig,
    SampleConfig,
    TestConfig,
    TrainingConfig,
)
from vae_gan3d.errors import UserError

RECORDS = RecordsConfig(pathlib.Path("D"), pathlib.Path("O"), ("all",), "train", "train", None, 1, False, 1)
MODEL = ModelConfig(32, 128, "default", 16, "group", "relu", ("chair",))
LOSS = LossConfig(3.0, "bce", 0.3, 2000, 0.0, 1.0)
OPTIMIZER = OptimizerConfig(5e-4, 5e-4, 0.5)
RUN = pathlib.Path("RUN")
TRAINING = TrainingConfig(
    MODEL, LOSS, OPTIMIZER, "R", "train", RUN, RUN, 100, 32, 10, 15, 500, 50, 0, "auto", False, False
)
TEST = TestConfig(RUN, "A.mat", "B.mat", "", "train", RUN, 0.5, 0, False, False, 0.5, 0)
SAMPLE = SampleConfig(RUN, RUN, 16, 0.5, 0)


@pytest.mark.parametrize(
    ("config", "field", "value", "message"),
    [
        (RECORDS, "shards", 0, "--shards=0 is too small: give 1 or more"),
        (RECORDS, "workers", 0, "--workers=0 is too small: give 1 or more"),
        (RECORDS, "classes", (), "--classes is empty: give a class, a comma list, or all"),
        (RECORDS, "runner", "spark", "--runner=spark is not known: give one of local, beam"),
        (RECORDS, "beam_options", ("--x",), "--beam_options needs --runner=beam: give both"),
        (RECORDS, "holdout", 0.0, "--holdout=0 is out of range: give a share such as 0.1"),
        (RECORDS, "holdout", 1.0, "--holdout=1 is out of range: give a share such as 0.1"),
        (RECORDS, "holdout", float("nan"), "--holdout=nan is out of range: give a share such as 0.1"),
        (RECORDS, "resolution", 20, "--resolution=20 is not offered: give one of 16, 32, 64, 128"),
        (MODEL, "resolution", 256, "--resolution=256 is not offered: give one of 16, 32, 64, 128"),
        (MODEL, "architecture", "unet", "--architecture=unet is not known: give one of default, 3dgan"),
        (MODEL, "normalization", "layer", "--normalization=layer is not known: give one of group, batch, none"),
        (MODEL, "latent_size", 0, "--latent_size=0 is too small: give 1 or more"),
        (MODEL, "latent_size", 4.5, "--latent_size=4.5 is not a whole number: give one"),
        (MODEL, "spectral_normalization", 1, "spectral_normalization=1 is neither true nor false: give one"),
        (MODEL, "base_width", 0, "--base_width=0 is too small: give 1 or more"),
        (MODEL, "depth", -1, "--depth=-1 is out of range: give a value from 0 to 32"),
        (MODEL, "depth", 0.5, "--depth=0.5 is not a whole number: give one"),
        (MODEL, "kind", "wgan", "--model=wgan is not known: did you mean gan? Give one of vae_gan, gan, vae"),
        (MODEL, "leaky_slope", -0.1, "--leaky_slope=-0.1 is out of range: give a value from 0 to 1"),
        (MODEL, "latent_deviation", 0.0, "--latent_deviation=0.0 must be above 0"),
        (MODEL, "latent_deviation", float("nan"), "--latent_deviation=nan is not a finite number: give one"),
        (OPTIMIZER, "kind", "lion", "--optimizer=lion is not known: give one of adam, adamw, sgd, rmsprop, adadelta"),
        (LOSS, "reconstruction_loss", "l1", "--reconstruction_loss=l1 is not known: give one of bce, mse"),
        (LOSS, "kl_weight", float("nan"), "--kl_weight=nan is not a finite number: give one"),
        (LOSS, "kl_weight", float("inf"), "--kl_weight=inf is not a finite number: give one"),
        (LOSS, "kl_weight", -1.0, "--kl_weight=-1.0 is too small: give 0 or more"),
        (LOSS, "adversarial_weight", float("nan"), "--adversarial_weight=nan is not a finite number: give one"),
        (LOSS, "adversarial_warmup", -1, "--adversarial_warmup=-1 is too small: give 0 or more"),
        (LOSS, "r1_weight", -1.0, "--r1_weight=-1.0 is too small: give 0 or more"),
        (
            LOSS,
            "adversarial_loss",
            "lsgan",
            "--adversarial_loss=lsgan is not known: give one of bce, relativistic, hinge, wgan-gp",
        ),
        (LOSS, "gradient_penalty_weight", -1.0, "--gradient_penalty_weight=-1.0 is too small: give 0 or more"),
        (LOSS, "dice_weight", -1.0, "--dice_weight=-1.0 is too small: give 0 or more"),
        (LOSS, "kl_warmup", -1, "--kl_warmup=-1 is too small: give 0 or more"),
        (LOSS, "label_smoothing", 0.7, "--label_smoothing=0.7 is out of range: give a value from 0 to 0.5"),
        (LOSS, "d_accuracy_threshold", 80.0, "--d_accuracy_threshold=80.0 is out of range: give a value from 0 to 1"),
        (OPTIMIZER, "learning_rate", 0.0, "--learning_rate=0.0 must be above 0"),
        (OPTIMIZER, "d_learning_rate", float("inf"), "--d_learning_rate=inf is not a finite number: give one"),
        (OPTIMIZER, "beta1", 1.0, "--beta1=1.0 must be in [0, 1)"),
        (
            OPTIMIZER,
            "learning_rate_decay",
            "x",
            "--learning_rate_decay=x is not known: give one of none, cosine, linear",
        ),
        (OPTIMIZER, "learning_rate_warmup", -1, "--learning_rate_warmup=-1 is too small: give 0 or more"),
        (OPTIMIZER, "d_steps", 0, "--d_steps=0 is too small: give 1 or more"),
        (OPTIMIZER, "g_steps", 0, "--g_steps=0 is too small: give 1 or more"),
        (OPTIMIZER, "ema_decay", 1.0, "--ema_decay=1.0 must be in [0, 1)"),
        (TRAINING, "precision", "half", "--precision=half is not known: give one of auto, float32, bfloat16"),
        (TRAINING, "epochs", 0, "--epochs=0 is too small: give 1 or more"),
        (TRAINING, "epochs", 2**31, f"--epochs=2147483648 is too large: give {LARGEST_COUNT} or less"),
        (TRAINING, "batch_size", 0, "--batch_size=0 is too small: give 1 or more"),
        (TRAINING, "checkpoint_every", 0, "--checkpoint_every=0 is too small: give 1 or more"),
        (TRAINING, "keep_checkpoints", 0, "--keep_checkpoints=0 is too small: give 1 or more"),
        (TRAINING, "image_every", 0, "--image_every=0 is too small: give 1 or more"),
        (TRAINING, "log_every", 0, "--log_every=0 is too small: give 1 or more"),
        (TRAINING, "max_bad_steps", 0, "--max_bad_steps=0 is too small: give 1 or more"),
        (TRAINING, "mirror", ("x", "w"), "--mirror=w is not known: give one of x, y, z"),
        (TRAINING, "seed", -1, f"--seed=-1 is out of range: give a value from 0 to {LARGEST_SEED}"),
        (TRAINING, "seed", 2**32, f"--seed=4294967296 is out of range: give a value from 0 to {LARGEST_SEED}"),
        (TEST, "shape1", "", "--shape1 is missing: give a file of voxels or a mesh, or a record's index"),
        (TEST, "shape2", "", "--shape2 is missing: give a file of voxels or a mesh, or a record's index"),
        (TEST, "alpha", float("nan"), "--alpha=nan is not a finite number: give one"),
        (TEST, "steps", 1, "--steps=1: a path needs 2 values of alpha or more"),
        (TEST, "interpolation", "cubic", "--interpolation=cubic is not known: give one of linear, slerp"),
        (TEST, "threshold", 1.0, "--threshold=1.0 must lie between 0 and 1"),
        (TEST, "seed", -1, f"--seed=-1 is out of range: give a value from 0 to {LARGEST_SEED}"),
        (SAMPLE, "count", 0, "--samples=0 is too small: give 1 or more"),
        (SAMPLE, "prior", "uniform", "--prior=uniform is not known: give one of normal, mixture"),
        (SAMPLE, "classes", (), "--classes is empty: give a class, a comma list, or all"),
        (SAMPLE, "threshold", float("nan"), "--threshold=nan must lie between 0 and 1"),
        (SAMPLE, "seed", -1, f"--seed=-1 is out of range: give a value from 0 to {LARGEST_SEED}"),
    ],
)
def test_bad_values_are_refused(config, field, value, message):
    with pytest.raises(UserError) as caught:
        dataclasses.replace(config, **{field: value})
    assert str(caught.value) == message


def test_groups_need_a_width_that_they_divide():
    with pytest.raises(UserError, match=r"--base_width=12 cannot be split into the 8 groups .*multiple of 8"):
        dataclasses.replace(MODEL, base_width=12)
    assert dataclasses.replace(MODEL, base_width=12, normalization="batch").base_width == 12


@pytest.mark.parametrize("kind", ["relativistic", "hinge", "wgan-gp"])
def test_labels_are_smoothed_for_bce_alone(kind):
    smoothed = dataclasses.replace(LOSS, label_smoothing=0.1, r1_weight=0.0)
    with pytest.raises(UserError, match=f"--label_smoothing=0.1 needs labels, which --adversarial_loss={kind} has not"):
        dataclasses.replace(smoothed, adversarial_loss=kind)


def test_a_critic_has_one_gradient_penalty():
    with pytest.raises(UserError, match=r"--r1_weight=1.0 pulls the gradient to 0, .*wgan-gp.*give --r1_weight=0"):
        dataclasses.replace(LOSS, adversarial_loss="wgan-gp")


def test_a_critic_has_no_batch_normalisation():
    training = dataclasses.replace(TRAINING, loss=dataclasses.replace(LOSS, adversarial_loss="wgan-gp", r1_weight=0.0))
    batch = dataclasses.replace(MODEL, normalization="batch")
    assert dataclasses.replace(training, model=batch).model == batch  # the default discriminator never has it
    with pytest.raises(UserError, match=r"wgan-gp judges each shape by itself, .*give --normalization=group or none"):
        dataclasses.replace(training, model=dataclasses.replace(batch, architecture="3dgan"))


@pytest.mark.parametrize(
    ("config", "field", "value"),
    [
        (TRAINING, "epochs", LARGEST_COUNT),
        (TRAINING, "seed", LARGEST_SEED),
        (LOSS, "kl_weight", 0.0),
        (LOSS, "label_smoothing", 0.5),
        (LOSS, "d_accuracy_threshold", 0.0),
        (OPTIMIZER, "beta1", 0.0),
        (TEST, "alpha", 1.5),
        (TEST, "steps", 2),
    ],
)
def test_the_ends_of_a_range_are_allowed(config, field, value):
    assert getattr(dataclasses.replace(config, **{field: value}), field) == value


def test_a_conditional_model_needs_classes_to_tell_apart():
    conditional = dataclasses.replace(MODEL, conditional=True, classes=("chair", "table"))
    assert conditional.network_arguments()["classes"] == 2
    assert dataclasses.replace(conditional, conditional=False).network_arguments()["classes"] == 0
    assert conditional.describe().endswith(", conditional on chair, table")
    with pytest.raises(UserError, match=r"--conditional tells classes apart, and the records know only one \(shape\)"):
        dataclasses.replace(conditional, classes=("shape",))
    with pytest.raises(UserError, match="conditional=1 is neither true nor false"):
        dataclasses.replace(MODEL, conditional=1)


def test_a_conditional_run_goes_on_with_the_same_classes_alone():
    conditional = dataclasses.replace(MODEL, conditional=True, classes=("chair", "table"))
    for changed in ({"classes": ("table", "chair")}, {"conditional": False}):
        assert not dataclasses.replace(conditional, **changed).resumes(conditional)
    assert conditional.resumes(conditional)
    assert MODEL.resumes(dataclasses.replace(MODEL, classes=("lamp", "sofa")))


@pytest.mark.parametrize(
    "changed",
    [
        {"class1": "chair"},
        {"class2": "chair", "shape2": "7"},
        {"class1": "chair", "shape1": "", "shape2": "", "shapes": ("1", "2")},
    ],
)
def test_a_class_is_said_of_a_file_alone(changed):
    files = {"shape1": "0", "shape2": "b.mat", "steps": 2}
    with pytest.raises(UserError, match="is for a file given with --shape"):
        dataclasses.replace(TEST, **{**files, **changed})
    assert dataclasses.replace(TEST, shape1="a.mat", shape2="1", class1="chair").given_classes == ("chair", "")


def test_chosen_classes_are_none_for_all():
    assert dataclasses.replace(SAMPLE, prior="normal").chosen_classes is None
    assert dataclasses.replace(SAMPLE, classes=("chair", "table")).chosen_classes == ("chair", "table")


def test_network_arguments_leave_out_the_classes():
    assert MODEL.network_arguments() == {
        "resolution": 32,
        "latent_size": 128,
        "architecture": "default",
        "base_width": 16,
        "normalization": "group",
        "activation": "relu",
        "spectral_normalization": False,
        "latent_layout": "vector",
        "leaky_slope": 0.2,
        "with_encoder": True,
        "classes": 0,
        "depth": 0,
    }
    assert not dataclasses.replace(MODEL, kind="gan").network_arguments()["with_encoder"]
    assert dataclasses.replace(MODEL, kind="vae").network_arguments() == MODEL.network_arguments()


def test_descriptions_tell_configurations_apart():
    assert MODEL.describe() == "vae_gan, default at 32^3, latent vector of 128, width 16, group normalization, relu"
    assert dataclasses.replace(MODEL, activation="elu").describe() != MODEL.describe()
    gan = dataclasses.replace(MODEL, kind="gan", latent_deviation=0.33, leaky_slope=0.1)
    assert gan.describe() == MODEL.describe().replace("vae_gan", "gan") + ", leaky slope 0.1, latents of N(0, 0.33²)"


@pytest.mark.parametrize("kind", ["vae_gan", "vae"])
def test_only_a_gan_has_a_prior_of_its_own(kind):
    message = f"--latent_deviation=0.33 is of a GAN's prior, and the KL term of --model={kind} pulls to N"
    with pytest.raises(UserError, match=message):
        dataclasses.replace(MODEL, kind=kind, latent_deviation=0.33)
    assert dataclasses.replace(MODEL, kind="gan", latent_deviation=0.33).latent_deviation == 0.33


@pytest.mark.parametrize("flag", ["d_steps", "g_steps"])
def test_only_a_gan_takes_turns(flag):
    twice = dataclasses.replace(OPTIMIZER, **{flag: 2})
    with pytest.raises(UserError, match=f"--{flag}=2 is for --model=gan: .*leave it out"):
        dataclasses.replace(TRAINING, optimizer=twice)
    gan = dataclasses.replace(MODEL, kind="gan")
    assert getattr(dataclasses.replace(TRAINING, model=gan, optimizer=twice).optimizer, flag) == 2


def test_a_vae_has_no_adversarial_weight():
    vae = dataclasses.replace(MODEL, kind="vae")
    with pytest.raises(UserError, match=r"--adversarial_weight=0\.3 is not for --model=vae: give 0"):
        dataclasses.replace(TRAINING, model=vae)
    without = dataclasses.replace(LOSS, adversarial_weight=0.0)
    assert dataclasses.replace(TRAINING, model=vae, loss=without).model == vae


def test_weights_are_of_networks_that_there_are():
    files = {"encoder": pathlib.Path("RUN/encoder.weights.h5")}
    assert dataclasses.replace(TRAINING, weights=files).weights == files
    with pytest.raises(UserError, match=r"--encoder_weights=RUN/encoder.weights.h5: --model=gan has no encoder"):
        dataclasses.replace(TRAINING, weights=files, model=dataclasses.replace(MODEL, kind="gan"))
    with pytest.raises(UserError, match=r"--encoder_weights=a\.h5 does not end in \.weights\.h5: give a file such as"):
        dataclasses.replace(TRAINING, weights={"encoder": pathlib.Path("a.h5")})
