"""What is said of a command line that absl refuses."""

import pytest
from absl import flags as absl_flags

from flags import flag_errors, phase, records

GROUPS = (phase, records)  # imported so that their flags are known
PRESETS = "the presets there are chair64, demo, gan32, modelnet10, paper3dgan, pretrained, quick32"


def described(parse, word):
    with pytest.raises(absl_flags.Error) as caught:
        parse(word)
    return flag_errors.describe_flag_error(caught.value)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("--batchsize=4", "there is no flag --batchsize: did you mean --batch_size?"),
        ("--shape=4", "there is no flag --shape: did you mean --shape1 or --shape2 or --shapes?"),
        ("--qqqqqqqqq=4", "there is no flag --qqqqqqqqq"),
        ("--epochs=x", "--epochs=x is not possible: give a whole number"),
        ("--alpha=x: y", "--alpha=x is not possible: give a number"),
        ("--skip_bad=maybe", "--skip_bad=maybe is not possible: give true or false"),
        ("--reconstruction_loss=l1", "--reconstruction_loss=l1 is not known: give one of bce, mse"),
        ("--map=t-sne", "--map=t-sne is not known: did you mean tsne? Give one of pca, tsne"),
        ("--epochs", "Missing value for flag --epochs"),
    ],
)
def test_flag_errors_in_one_sentence(parse, word, expected):
    assert described(parse, word) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("batch_sise", ["batch_size"]),
        ("batchs", ["batch_size"]),  # the alias batch is nearer, by less than what counts
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
    assert flag_errors.near_flags(word) == expected


@pytest.mark.parametrize(
    ("given", "example"),
    [
        ("flags/presets/quik32.flags", "quick32"),
        ("modelnet", "modelnet10"),
        ("/absent.flags", "chair64"),
    ],
)
def test_an_absent_file_of_flags_is_answered_with_the_presets(parse, given, example):
    text = described(parse, f"--flagfile={given}")
    assert text.startswith(f"there is no file of flags {given}: give a path such as ")
    assert text.endswith(f"flags/presets/{example}.flags; {PRESETS}")


def test_the_preset_named_is_one_that_can_be_read_from_another_folder(parse, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = described(parse, "--flagfile=quick32").split(" such as ")[1].split(";")[0]
    parse(f"--flagfile={path}")
    assert absl_flags.FLAGS.train_steps == 6000


def test_a_folder_is_no_file_of_flags(parse, tmp_path):
    text = described(parse, f"--flagfile={tmp_path}")
    assert text.startswith(f"cannot read the file of flags {tmp_path} (Is a directory): give a path such as ")
