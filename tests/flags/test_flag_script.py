"""What a user reads when a command line is refused. The processes are in tests/test_errors.py."""

import pytest
from absl import flags as absl_flags

from flags import phase, records, script

GROUPS = (phase, records)  # imported so that their flags are known


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


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("--batchsize=4", "there is no flag --batchsize: did you mean --batch_size?"),
        ("--qqqqqqqqq=4", "there is no flag --qqqqqqqqq"),
        ("--epochs=x", "--epochs=x is not possible: give a whole number"),
        ("--alpha=x: y", "--alpha=x is not possible: give a number"),
        ("--skip_bad=maybe", "--skip_bad=maybe is not possible: give true or false"),
        ("--reconstruction_loss=l1", "--reconstruction_loss=l1 is not known: give one of bce, mse"),
        ("--epochs", "Missing value for flag --epochs"),
    ],
)
def test_flag_errors_in_one_sentence(parse, word, expected):
    with pytest.raises(absl_flags.Error) as caught:
        parse(word)
    assert script.describe_flag_error(caught.value) == expected


def test_a_flagfile_that_is_not_there(parse):
    with pytest.raises(absl_flags.Error) as caught:
        parse("--flagfile=/absent.flags")
    described = script.describe_flag_error(caught.value)
    assert described.startswith("Unable to open flagfile")
    assert "/absent.flags" in described


def test_verbose_is_asked_for_by_a_number_that_is_not_negative(parse):
    parse()
    assert not script.is_verbose()
    parse("--verbosity=1")
    assert script.is_verbose()
    parse("--verbosity=-1")
    assert not script.is_verbose()
