"""Bad command lines are refused in one line that names the flag as it was typed, and the remedy."""

import pathlib

import pytest
from absl import flags as absl_flags

from tests.flags.test_flag_values import LEAST
from vae_gan3d.errors import UserError
from vae_gan3d.flags import script
from vae_gan3d.flags.define import DEFINED

FLAGS = absl_flags.FLAGS
# The phase that reads a flag, where it is not training.
PHASES = {
    "records": ("shards", "workers", "runner", "holdout", "margin", "fill", "up_axis", "if_train", "skip_bad"),
    "tune": ("trials", "trial_epochs", "trial_minutes", "objective"),
    "test": ("steps", "project", "threshold", "interpolation", "alpha"),
    "sample": ("samples", "refinements", "prior", "size_mm", "components"),
    "evaluate": ("evaluation_samples", "chamfer_shapes"),
    "neighbors": ("neighbors",),
    "map": ("map", "map_shapes"),
    "explore": ("port", "upload_mb"),
}
PHASE_OF = {name: phase for phase, names in PHASES.items() for name in names}
NUMBERS = [flag for flag in DEFINED.values() if flag.kind in ("integer", "number")]
# They have no bounds, or their phase is --progressive's, or they are words of the command line alone.
UNBOUNDED = {"len_data", "max_epoch", "resolution", "fade_samples", "alpha"}


def outside(flag):
    """A number just outside the range of a flag."""
    if flag.at_least is not None:
        return flag.at_least - 1
    return flag.above


@pytest.mark.parametrize("flag", [flag for flag in NUMBERS if flag.name not in UNBOUNDED], ids=lambda flag: flag.name)
def test_every_number_has_a_range_that_is_checked(config_of, flag):
    phase = PHASE_OF.get(flag.name, "train")
    bad = [outside(flag), flag.at_most + 1 if flag.at_most is not None else flag.below]
    bad += [2**31] if flag.at_least is not None and flag.at_most is None and flag.below is None else []
    for number in bad:
        if number is None:
            continue
        text = f"{number:.0f}" if flag.kind == "integer" else str(number)
        with pytest.raises(UserError, match=rf"^--{flag.name}={text}.*: give "):
            config_of(phase, *LEAST[phase], f"--{flag.name}={text}")
    for text in ("nan", "inf") if flag.kind == "number" else ():
        with pytest.raises(UserError, match=rf"^--{flag.name}={text} .*: give "):
            config_of(phase, *LEAST[phase], f"--{flag.name}={text}")


@pytest.mark.parametrize(
    ("phase", "given", "message"),
    [
        ("records", ("--classes=",), "--classes is empty: give a class"),
        ("records", ("--beam_options=--x",), "--beam_options needs --runner=beam: give both"),
        ("records", ('--beam_options=--name="a b',), '--beam_options=--name="a b ends within quotation marks: close'),
        ("records", ("--resolution=20",), "--resolution=20 is not known: give one of 16, 32, 64, 128"),
        ("records", ("--holdout=0.1", "--if_train=false"), "--holdout .*: leave out --if_train"),
        ("records", ("--holdout=0.1", "--split_name=x"), "--holdout .*: leave out --split_name"),
        ("train", ("--resolution=256",), "--resolution=256 is not known: give one of 16, 32, 64, 128"),
        ("train", ("--mirror=x,w",), "--mirror=w is not known: give one of x, y, z"),
        ("train", ("--accumulate=3",), "--batch_size=32 .*: give a multiple of --accumulate=3"),
        ("train", ("--accumulate=2", "--normalization=batch"), "--accumulate=2: .*: give --normalization=group"),
        ("train", ("--stage_epochs=5,5",), "--stage_epochs=5,5 is for --progressive: give that too"),
        ("train", ("--fade_samples=5",), "--fade_samples=5 is for --progressive: give that too"),
        ("train", ("--progressive=16",), "--progressive=16 .*: give two resolutions or more"),
        ("train", ("--progressive=,",), "--progressive=, is empty: give whole numbers"),
        ("train", ("--progressive=16,x",), "--progressive=16,x is not a comma list of whole numbers: give"),
        ("train", ("--progressive=16,64",), "--progressive=16,64: 64 is not twice 16: give resolutions that double"),
        ("train", ("--progressive=32,16",), "--progressive=32,16: 16 is not twice 32"),
        ("train", ("--progressive=8,16",), "--progressive=8 is not known: give one of 16"),
        ("train", ("--progressive=16,32", "--resolution=64"), "--resolution=64 .* --progressive=16,32: leave it out"),
        ("train", ("--progressive=16,32", "--stage_epochs=5"), "--stage_epochs=5: .* 2 stages: give as many"),
        ("train", ("--progressive=16,32", "--stage_epochs=5,0"), "--stage_epochs=0 is too small"),
        ("train", ("--progressive=16,32", "--stage_epochs=5,a"), "--stage_epochs=5,a is not a comma list"),
        ("train", ("--progressive=16,32", "--fade_samples=-1"), "--fade_samples=-1 is too small"),
        ("tune", ("--progressive=16,32",), "--progressive=16,32 is not for --phase=tune: leave it out"),
        ("tune", ("--strategy=mirrored",), "--strategy=mirrored is not for --phase=tune"),
        ("tune", ("--accumulate=2",), "--accumulate=2 .*: leave batch_size out of --search"),
        ("tune", ("--train_steps=70",), "--train_steps=70 is not for --phase=tune, .*: give --trial_epochs"),
        ("tune", ("--search=",), "--search is empty: give some of optimizer, "),
        ("tune", ("--search=momentum",), "--search=momentum is not known: give one of optimizer, "),
        ("tune", ("--model=vae", "--search=adversarial_weight"), "--search=adversarial_weight .* --model=vae"),
        ("tune", ("--model=gan", "--objective=mmd", "--search=kl_weight"), "--search=kl_weight .* --model=gan"),
        ("tune", ("--model=gan",), "--objective=iou .*--model=gan.*: give one of coverage, mmd"),
        ("sample", ("--formats=stl,step",), "--formats=step is not known: give one of "),
        ("export", ("--formats=onnx",), "--formats=onnx is a format of networks, .* give --phase=export_model"),
        ("export_model", ("--formats=onnx,stl",), "--formats=stl is a format of shapes, .* give --phase=export"),
        ("export_model", ("--formats=tflite",), "--formats=tflite is not known: .*[gG]ive one of onnx, keras"),
        ("export_model", ("--formats=,",), "--formats is empty: give some of onnx, keras, savedmodel, litert"),
        ("evaluate", ("--chamfer_shapes=1",), "--chamfer_shapes=1 .*: give 0, or 2 or more"),
        ("explore", ("--host=",), "--host is empty: give an address"),
    ],
)
def test_bad_values_and_pairs(config_of, phase, given, message):
    with pytest.raises(UserError, match=f"^{message}"):
        config_of(phase, *LEAST[phase], *given)


@pytest.mark.parametrize(
    ("phase", "missing"),
    [
        ("records", "data_dir"), ("records", "output_dir"), ("train", "records"), ("tune", "records"),
        ("test", "shape1"), ("test", "shape2"), ("evaluate", "records"), ("arithmetic", "shape1"),
        ("arithmetic", "minus"), ("arithmetic", "plus"), ("neighbors", "shape1"), ("neighbors", "records"),
        ("map", "records"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(config_of, phase, missing):
    given = [word for word in LEAST[phase] if not word.startswith(f"--{missing}=")]
    with pytest.raises(UserError, match=f"^--{missing} is missing"):
        config_of(phase, *given)
    with pytest.raises(UserError, match=f"^--{missing} is missing"):
        config_of(phase, *given, f"--{missing}=")


def described(parse, word):
    with pytest.raises(absl_flags.Error) as caught:
        parse(word)
    return script.describe_flag_error(caught.value)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("--batchsize=4", "there is no flag --batchsize: did you mean --batch_size?"),
        ("--shape=4", "there is no flag --shape: did you mean --shape1 or --shape2 or --shapes?"),
        ("--qqqqqqqqq=4", "there is no flag --qqqqqqqqq"),
        ("--epochs=x", "--epochs=x is not possible: give a whole number"),
        ("--epochs=1e3", "--epochs=1e3 is not possible: give a whole number"),
        ("--alpha=x: y", "--alpha=x is not possible: give a number"),
        ("--skip_bad=maybe", "--skip_bad=maybe is not possible: give true or false"),
        ("--reconstruction_loss=l1", "--reconstruction_loss=l1 is not known: give one of bce, mse"),
        (
            "--precision=float16",
            "--precision=float16 is not known: did you mean bfloat16? Give one of auto, float32, bfloat16",
        ),
        ("--map=t-sne", "--map=t-sne is not known: did you mean tsne? Give one of pca, tsne"),
        ("--epochs", "Missing value for flag --epochs"),
    ],
)
def test_what_absl_refuses_is_told_in_one_sentence(parse, word, expected):
    assert described(parse, word) == expected


@pytest.mark.parametrize("flag", [f for f in DEFINED.values() if f.choices and f.kind == "text"], ids=lambda f: f.name)
def test_every_choice_is_checked_by_the_command_line(parse, flag):
    assert f"--{flag.name}=zzz is not known: " in described(parse, f"--{flag.name}=zzz")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("batch_sise", ["batch_size"]),
        ("batchs", ["batch_size"]),  # the alias batch is nearer, but not by enough
        ("epoc", ["epochs"]),
        ("len_vectr", ["len_vector"]),  # no clear name is near
        ("load_pth", ["load_path"]),
        ("learning_rat", ["learning_rate"]),
        ("kl_wieght", ["kl_weight"]),
        ("flagfil", ["flagfile"]),
        ("lr", []),
        ("z_size", []),
    ],
)
def test_clear_names_are_suggested_before_aliases_and_far_ones_not_at_all(word, expected):
    assert script.near_flags(word) == expected


@pytest.mark.parametrize(
    ("message", "arguments", "expected"),
    [
        ("--epochs=0 is too small", ["--epoch=0"], "--epoch=0 is too small"),
        ("--epochs=0 is too small", ["-epoch", "0"], "--epoch=0 is too small"),
        ("--epochs=0 is too small", ["--epochs=0"], "--epochs=0 is too small"),
        ("--epochs=0 is too small", ["--epochs=3", "--epoch=0"], "--epochs=0 is too small"),
        ("give --resolution=32", ["--cube_len=64"], "give --cube_len=32"),
        ("two\n  lines", [], "two lines"),
    ],
)
def test_messages_name_flags_as_the_user_did(message, arguments, expected):
    assert script.in_users_words(message, arguments) == expected


def test_verbose_is_a_number_that_is_not_negative(parse):
    for words, expected in (((), False), (("--verbosity=1",), True), (("--verbosity=-1",), False)):
        parse(*words)
        assert script.is_verbose() is expected


def test_a_file_that_vanishes_is_one_line(parse, capsys):
    def main():
        pathlib.Path("/absent/file").read_text()

    parse()
    assert script.exit_status(main) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: cannot use /absent/file: No such file or directory") and error.count("\n") == 1
    parse("--verbosity=1")
    with pytest.raises(FileNotFoundError):
        script.exit_status(main)
