"""What a user reads when a command line is refused. The processes are in tests/test_errors.py."""

import pathlib

import pytest

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


def test_verbose_is_asked_for_by_a_number_that_is_not_negative(parse):
    parse()
    assert not script.is_verbose()
    parse("--verbosity=1")
    assert script.is_verbose()
    parse("--verbosity=-1")
    assert not script.is_verbose()


def test_a_file_that_vanishes_is_one_line(parse, capsys):
    def main():
        pathlib.Path("/absent/file").read_text()

    parse()
    assert script._guarded(main) == 1
    assert capsys.readouterr().err.startswith(
        "error: cannot use /absent/file: No such file or directory; was it removed"
    )
    parse("--verbosity=1")
    with pytest.raises(FileNotFoundError):
        script._guarded(main)
