"""A bad word on a command line without absl is one line, as everywhere."""

import pytest

from vae_gan3d.command_line import OneLineParser
from vae_gan3d.errors import UserError


@pytest.fixture
def parser():
    parser = OneLineParser(prog="draw")
    parser.add_argument("file")
    parser.add_argument("--count", type=int)
    return parser


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], r"^the following arguments are required: file; see --help$"),
        (["a", "--count=x"], r"^argument --count: invalid int value: 'x'; see --help$"),
        (["a", "b"], r"^unrecognized arguments: b; see --help$"),
    ],
)
def test_bad_words_are_errors_of_the_user_and_nothing_is_printed(parser, capsys, words, message):
    with pytest.raises(UserError, match=message):
        parser.parse_args(words)
    assert capsys.readouterr() == ("", "")


def test_good_words_and_help_are_as_usual(parser, capsys):
    assert vars(parser.parse_args(["a", "--count=3"])) == {"file": "a", "count": 3}
    with pytest.raises(SystemExit) as end:
        parser.parse_args(["--help"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("usage: draw ")
