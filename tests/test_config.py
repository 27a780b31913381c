"""Configurations refuse bad values when they are built, in one line that names the flag and the remedy."""

import dataclasses
import pathlib

import pytest

from tests.conftest import (
    ARITHMETIC,
    DEVICES,
    EVALUATE,
    EXPLORE,
    EXPORT,
    FILES,
    INTERPOLATE,
    LOSS,
    MAP,
    MODEL,
    NEIGHBORS,
    OPTIMIZER,
    PATH,
    PROGRESSIVE,
    READING,
    RECORDS,
    RUN,
    SAMPLE,
    TRAINING,
    TUNE,
)
from vae_gan3d.config import (
    FORMATS,
    ExportConfig,
    LossConfig,
    ModelConfig,
    ShapeFilesConfig,
    TrainingConfig,
    TuneConfig,
)
from vae_gan3d.config.fields import LARGEST_COUNT, LARGEST_SEED, field_flags
from vae_gan3d.errors import UserError

ALL = [RECORDS, MODEL, LOSS, OPTIMIZER, DEVICES, TRAINING, PROGRESSIVE, TUNE, READING, FILES, INTERPOLATE, SAMPLE,
       EVALUATE, EXPORT, ARITHMETIC, NEIGHBORS, MAP, EXPLORE]  # fmt: skip


def bad_values():
    """A field with a value just outside each bound, for every field of every configuration that has bounds."""
    for config in ALL:
        for field in dataclasses.fields(config):
            for flag in field_flags(field).values():
                whole = isinstance(getattr(config, field.name), int)
                low = flag.above if flag.at_least is None else flag.at_least - 1
                high = flag.below if flag.at_most is None else flag.at_most + 1
                bad = [bound for bound in (low, high) if bound is not None]
                bad += [LARGEST_COUNT + 1] if flag.at_least is not None and high is None else []
                bad += [float("nan"), float("inf")] if bad and not whole else []
                bad += ["zzz"] if flag.choices and field.name != "resolution" else []
                bad += [""] if flag.empty else []
                as_list = isinstance(getattr(config, field.name), tuple)
                for value in bad:
                    listed = (value,) if value != "" else ()
                    yield pytest.param(config, field.name, flag.name, listed if as_list else value,
                                       id=f"{type(config).__name__}-{field.name}-{value}")  # fmt: skip


@pytest.mark.parametrize(("config", "field", "name", "value"), list(bad_values()))
def test_every_bound_and_choice_of_every_field_is_checked(config, field, name, value):
    with pytest.raises(UserError, match=rf"^--(progressive=|{name}\b).*"):
        dataclasses.replace(config, **{field: value})


@pytest.mark.parametrize(
    ("config", "field", "value", "message"),
    [
        (MODEL, "resolution", 256, "--resolution=256 is not known: give one of 16, 32, 64, 128"),
        (MODEL, "kind", "wgan", "--model=wgan is not known: did you mean gan? Give one of vae_gan, gan, vae"),
        (MODEL, "latent_size", 4.5, "--latent_size=4.5 is not a whole number: give one"),
        (MODEL, "depth", 0.5, "--depth=0.5 is not a whole number: give one"),
        (MODEL, "depth", -1, "--depth=-1 is out of range: give a number from 0 to 32"),
        (MODEL, "spectral_normalization", 1, "spectral_normalization=1 is neither true nor false: give one"),
        (LOSS, "kl_weight", float("nan"), "--kl_weight=nan is not a finite number: give one"),
        (LOSS, "kl_weight", -1.0, "--kl_weight=-1.0 is too small: give 0 or more"),
        (OPTIMIZER, "beta1", 1.0, "--beta1=1.0 is out of range: give a number 0 or more and below 1"),
        (OPTIMIZER, "learning_rate", 0.0, "--learning_rate=0.0 is out of range: give a number above 0"),
        (TRAINING, "records", "", "--records is missing: give the file or folder that create_tf_record.py wrote"),
        (TRAINING, "epochs", 2**31, f"--epochs=2147483648 is too large: give {LARGEST_COUNT} or less"),
        (TRAINING, "seed", 2**32, f"--seed=4294967296 is out of range: give a number from 0 to {LARGEST_SEED}"),
        (INTERPOLATE, "threshold", 1.0, "--threshold=1.0 is out of range: give a number above 0 and below 1"),
        (INTERPOLATE, "steps", 1, "--steps=1: a path needs 2 values of alpha or more; give 0, or 2 or more"),
        (RECORDS, "beam_options", ("--x",), "--beam_options needs --runner=beam: give both"),
        (EVALUATE, "chamfer_shapes", 1, "--chamfer_shapes=1 leaves nothing to compare: give 0, or 2 or more"),
    ],
)
def test_messages_name_the_flag_and_the_remedy(config, field, value, message):
    with pytest.raises(UserError) as caught:
        dataclasses.replace(config, **{field: value})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("config", "field", "value", "start"),
    [
        (INTERPOLATE, "shape1", "", "--shape1 is missing"),
        (INTERPOLATE, "shape2", "", "--shape2 is missing"),
        (PATH, "shape1", "b.mat", "--shapes .*: leave those out, or --shapes"),
        (PATH, "shapes", ("3",), "--shapes=3 is one shape"),
        (PATH, "steps", 0, "--shapes=a.mat,3 asks for a path: give --steps"),
        (ARITHMETIC, "start", (), "--shape1 is missing"),
        (ARITHMETIC, "minus", (), "--minus is missing"),
        (ARITHMETIC, "plus", (), "--plus is missing"),
        (NEIGHBORS, "shape", "", "--shape1 is missing"),
        (NEIGHBORS, "records", "", "--records is missing"),
        (MAP, "records", "", "--records is missing"),
        (EVALUATE, "records", "", "--records is missing"),
        (EXPORT, "files", ShapeFilesConfig(), "--formats is empty: give some of "),
        (EXPORT, "given_classes", ("chair", "lamp"), "the class lamp is given for record 3"),
    ],
)
def test_what_is_missing_or_named_twice(config, field, value, start):
    with pytest.raises(UserError, match=f"^{start}"):
        dataclasses.replace(config, **{field: value})


def test_values_that_are_not_given_follow_from_others():
    assert TrainingConfig(records="R", save_path=RUN).logdir == RUN
    assert TuneConfig(TRAINING).output_dir == RUN / "tuning"
    assert PROGRESSIVE.epochs == (100, 100)
    assert LossConfig(adversarial_loss="relativistic").r1_weight == 10
    # The cells of a latent grid are 4^3 = 64.
    layouts = {ModelConfig(latent_size=size, **changed).latent_layout for size, changed in
               ((100, {}), (64, {"kind": "gan"}), (64, {"architecture": "3dgan"}))}  # fmt: skip
    assert layouts == {"vector"} and ModelConfig(latent_size=64).latent_layout == "grid"


def test_a_model_of_older_versions_is_read_as_it_was():
    values = dataclasses.asdict(MODEL)
    older = {name: values[name] for name in list(values)[: list(values).index("spectral_normalization")]}
    assert ModelConfig.from_values({**older, "classes": ["chair"]}) == MODEL
    for name in older:
        with pytest.raises((KeyError, TypeError)):
            ModelConfig.from_values({key: value for key, value in older.items() if key != name})
        with pytest.raises((TypeError, ValueError)):
            ModelConfig.from_values({**older, name: None})
    with pytest.raises(TypeError):
        ModelConfig.from_values({**older, "unknown": 1})


def test_projection_and_noise_exclude_each_other():
    with pytest.raises(UserError, match=r"--sample_posterior .* --project=5 .*: leave out one of the two"):
        dataclasses.replace(INTERPOLATE, project=5, sample_posterior=True)


def test_neighbours_can_be_searched_elsewhere():
    assert dataclasses.replace(NEIGHBORS, records="", searched_records="T").searched_records == "T"


def test_chosen_shapes_are_the_two_or_all():
    assert INTERPOLATE.chosen_shapes == ("A.mat", "B.mat")
    assert PATH.chosen_shapes == ("a.mat", "3")


def test_formats_are_meshes_or_grids():
    files = ShapeFilesConfig(FORMATS)
    assert {*files.mesh_formats, *files.grid_formats} == set(FORMATS)
    assert "stl" in files.mesh_formats
    assert "mat" in files.grid_formats


def test_a_file_may_have_a_class():
    assert ExportConfig(RUN, ("a.mat", "3"), ("chair", "")).given_classes == ("chair", "")


def test_the_explorer_is_for_this_machine_alone_unless_told_otherwise():
    assert (EXPLORE.host, EXPLORE.port, EXPLORE.upload_mb) == ("127.0.0.1", 0, 20)


def test_groups_need_a_width_that_they_divide():
    with pytest.raises(UserError, match=r"--base_width=12 cannot be split into the 8 groups .*multiple of 8"):
        dataclasses.replace(MODEL, base_width=12)
    assert dataclasses.replace(MODEL, base_width=12, normalization="batch").base_width == 12


@pytest.mark.parametrize("kind", ["relativistic", "hinge", "wgan-gp"])
def test_labels_are_smoothed_for_bce_alone(kind):
    smoothed = dataclasses.replace(LOSS, label_smoothing=0.1, r1_weight=0.0)
    with pytest.raises(UserError, match=f"--label_smoothing=0.1 .*--adversarial_loss={kind} .*: give 0"):
        dataclasses.replace(smoothed, adversarial_loss=kind)


def test_a_critic_has_one_gradient_penalty():
    with pytest.raises(UserError, match=r"--r1_weight=1.0 pulls the gradient to 0, .*wgan-gp.*give --r1_weight=0"):
        dataclasses.replace(LOSS, adversarial_loss="wgan-gp")


def test_a_critic_has_no_batch_normalisation():
    training = dataclasses.replace(TRAINING, loss=dataclasses.replace(LOSS, adversarial_loss="wgan-gp", r1_weight=0.0))
    batch = dataclasses.replace(MODEL, normalization="batch")
    assert dataclasses.replace(training, model=batch).model == batch  # the default discriminator never has it
    with pytest.raises(
        UserError, match=r"--adversarial_loss=wgan-gp .*--architecture=3dgan.*: give --normalization=group or none"
    ):
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
        (INTERPOLATE, "alpha", 1.5),
        (INTERPOLATE, "steps", 2),
    ],
)
def test_the_ends_of_a_range_are_allowed(config, field, value):
    assert getattr(dataclasses.replace(config, **{field: value}), field) == value


def test_a_conditional_model_needs_classes_to_tell_apart():
    conditional = dataclasses.replace(MODEL, conditional=True, classes=("chair", "table"))
    assert conditional.network_arguments()["classes"] == 2
    assert dataclasses.replace(conditional, conditional=False).network_arguments()["classes"] == 0
    assert conditional.describe().endswith(", conditional on chair, table")
    with pytest.raises(UserError, match=r"--conditional .*only one \(shape\): give records of two"):
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
        dataclasses.replace(INTERPOLATE, **{**files, **changed})
    assert dataclasses.replace(INTERPOLATE, shape1="a.mat", shape2="1", class1="chair").given_classes == ("chair", "")


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
    message = f"--latent_deviation=0.33 .*--model={kind} .*: leave it out"
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
