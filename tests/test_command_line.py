"""Command lines without absl: bad words are one line, paths expand as everywhere; and commands that are printed."""

import pathlib
import re
import shlex

import numpy as np
import pytest

from vae_gan3d import convert, demo_shapes
from vae_gan3d.__main__ import main as command
from vae_gan3d.command_line import OneLineParser, command_text, path_argument, print_next
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation import publish
from vae_gan3d.viewing import draw

README = pathlib.Path(__file__).parents[1] / "README.md"
PRETRAINED = README.parent / "pretrained"


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


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder that holds one shape, and another working folder."""
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    np.save(home / "shape.npy", np.ones((8, 8, 8), np.uint8))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.delenv("ABSENT", raising=False)
    monkeypatch.chdir(elsewhere)
    return home


@pytest.mark.parametrize(
    ("main", "words", "written"),
    [
        (convert.main, ["~/shape.npy", "$HOME/shape.binvox"], "shape.binvox"),
        (draw.main, ["~/shape.npy", "${HOME}/shape.png"], "shape.png"),
        (demo_shapes.main, ["--output_dir=~/demo", "--count=1", "--resolution=8"], "demo/volumetric_data"),
        (publish.main, [str(PRETRAINED), "~/published"], "published/config.json"),
    ],
)
def test_every_command_expands_its_paths(home, main, words, written):
    assert main(words) == 0
    assert (home / written).exists()
    assert list(pathlib.Path.cwd().iterdir()) == []  # no folder named ~


@pytest.mark.parametrize(
    ("main", "words"),
    [
        (convert.main, ["$ABSENT/a.npy", "b.npy"]),
        (draw.main, ["$ABSENT/a.npy"]),
        (demo_shapes.main, ["--output_dir=$ABSENT/a"]),
        (publish.main, [str(PRETRAINED), "$ABSENT/a"]),
    ],
)
def test_a_path_that_cannot_be_expanded_is_one_line_with_its_argument(home, capsys, main, words):
    assert main(words) == 1
    line = capsys.readouterr().err
    assert line.startswith("error: argument ") and "no variable $ABSENT" in line and line.count("\n") == 1


def test_a_path_argument_of_nobody_is_refused(parser):
    parser.add_argument("--folder", type=path_argument)
    with pytest.raises(UserError, match=r"^argument --folder: there is no user no-such-user: write the path in full"):
        parser.parse_args(["a", "--folder=~no-such-user/b"])


NAMES = ["runs/my run", "it's", 'a"b', "$HOME", "a;b", "~", "a&b", "*", "(1)", "a\\b", "é", "--", ""]


@pytest.mark.parametrize("name", NAMES)
def test_printed_commands_can_be_pasted(name):
    assert shlex.split(command_text("test.py", f"--checkpoint={name}")) == ["python", "test.py", f"--checkpoint={name}"]


def test_plain_paths_need_no_quotation_marks():
    text = command_text("test.py", "--phase=sample", f"--checkpoint={pathlib.Path('runs/a')}")
    assert text == "python test.py --phase=sample --checkpoint=runs/a"


def test_make_is_not_told_what_comes_next(capsys, monkeypatch):
    print_next("train.py", "--records=a b")
    assert capsys.readouterr().out == "next: python train.py '--records=a b'\n"
    monkeypatch.setenv("MAKELEVEL", "1")
    print_next("train.py")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("word", "remedy"),
    [("trian", "did you mean train?"), ("sample", "test --phase=sample"), ("x", "give one of records, train, test")],
)
def test_a_command_that_there_is_not_is_answered_in_one_line(capsys, monkeypatch, word, remedy):
    monkeypatch.setattr("sys.argv", ["vae-gan3d", word])
    assert command() == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: there is no command {word}: ")
    assert remedy in said and said.count("\n") == 1


def test_the_clone_of_the_readme_is_no_package_to_python():
    # A script beside a folder vae_gan3d would import that folder, empty as it is, and not the package in it.
    name = re.search(r"git clone \S+ (\S+)", README.read_text()).group(1)
    assert not name.isidentifier()
    assert f"cd {name}\n" in README.read_text()
