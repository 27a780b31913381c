"""Path flags and files of flags are read as a shell would read them."""

import os
import pathlib
import subprocess
import sys

import pytest
from absl import flags as absl_flags

from vae_gan3d.errors import UserError
from vae_gan3d.flags.define import ALIASES, DEFINED
from vae_gan3d.flags.files import absl_arguments
from vae_gan3d.flags.script import describe_flag_error

FLAGS = absl_flags.FLAGS
# Every flag that takes free text that is not a path. A new one belongs here, or is a field of type Path, or has
# `kind="path"` or `kind="paths"`.
TEXTS = {
    "beam_options",
    "class1",
    "class2",
    "classes",
    "formats",
    "held_out_split_name",
    "host",
    "mirror",
    "progressive",
    "search",
    "split_name",
    "stage_epochs",
    "train_split_name",
}
# All flags that take a path, and their aliases.
PATHS = sorted(
    name for flag in DEFINED.values() if flag.kind in ("path", "paths") for name in (flag.name, *flag.aliases)
)
SWITCHES = sorted(flag.name for flag in DEFINED.values() if flag.kind == "switch")
PRESETS = "the presets are chair64, demo, gan32, modelnet10, paper3dgan, pretrained, quick32"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder, and the variable DATA."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.setenv("DATA", str(tmp_path / "my data"))
    monkeypatch.delenv("ABSENT", raising=False)
    return tmp_path / "home"


def flag_file(folder, contents):
    path = folder / "given.flags"
    path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
    return f"--flagfile={path}"


def test_every_flag_of_text_is_a_path_or_known_not_to_be():
    texts = {
        flag.name for flag in DEFINED.values() if flag.kind == "list" or (flag.kind == "text" and not flag.choices)
    }
    assert texts == TEXTS


@pytest.mark.parametrize("name", PATHS)
def test_every_path_flag_expands_on_the_command_line_and_in_a_file_of_flags(name, parse, home, tmp_path):
    clear = ALIASES.get(name, name)
    cases = {"~/a/*.mat": f"{home}/a/*.mat", "$HOME/a": f"{home}/a", "${DATA}/b/": f"{tmp_path}/my data/b/"}
    for given, expected in cases.items():
        parse(f"--{name}={given}")
        assert FLAGS[clear].value == expected
        parse(flag_file(tmp_path, f"--{name}={given}\n"))
        assert FLAGS[clear].value == expected


@pytest.mark.parametrize("name", ["shape1", "shapes", "minus", "plus"])
def test_each_path_of_a_list_expands(name, parse, home):
    parse(f"--{name}=~/a.mat,~/b.npy:3,class:chair,7")
    assert FLAGS[name].value == f"{home}/a.mat,{home}/b.npy:3,class:chair,7"


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize(
    ("value", "cause"),
    [("$ABSENT/a", "variable $ABSENT"), ("a/${ABSENT}", "${ABSENT}"), ("~no-such-user/a", "no user no-such-user")],
)
def test_what_cannot_be_expanded_is_told_with_the_flag(name, parse, home, value, cause):
    with pytest.raises(absl_flags.Error) as caught:
        parse(f"--{name}={value}")
    text = describe_flag_error(caught.value)
    clear = ALIASES.get(name, name)  # in whose place vae_gan3d.flags.script puts the alias
    assert text.startswith(f"--{clear}={value}: ") and cause in text and "write the path in full" in text


def test_a_file_with_a_dollar_in_its_name_is_meant_as_it_stands(parse, home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("a$ABSENT").mkdir()
    for value in ("a$ABSENT", "a$ABSENT/new", "price$5.mat", "./~/a"):
        parse(f"--output_dir={value}")
        assert FLAGS.output_dir == value


def test_options_of_beam_expand_and_leave_what_only_the_runner_knows(config_of, home, tmp_path):
    config = config_of(
        "records",
        "--data_dir=D",
        "--output_dir=O",
        "--runner=beam",
        '--beam_options=--temp_location=~/tmp --name="$ABSENT a" --direct',
    )
    assert config.beam_options == (f"--temp_location={home}/tmp", "--name=$ABSENT a", "--direct")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_file_of_flags_in_every_encoding_of_windows(parse, tmp_path, encoding, end):
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    lines = ["--epochs=3", "", "  # a comment", "// another", "  --save_path=runs/é", "--conditional", "--nogif"]
    parse(flag_file(tmp_path, (mark + end.join(lines)).encode(encoding)))
    assert (FLAGS.epochs, FLAGS.save_path, FLAGS.conditional, FLAGS.gif) == (3, "runs/é", True, False)


@pytest.mark.parametrize("contents", [b"--save_path=\xe9\n", b"\x89PNG\r\n\x1a\n\0\0", b"-\0-\0e\0p\0"])
def test_a_file_of_flags_that_is_no_text_is_one_line(parse, tmp_path, contents):
    with pytest.raises(UserError, match=r"given\.flags .*save it as UTF-8"):
        parse(flag_file(tmp_path, contents))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('--save_path="runs/my run"', "runs/my run"),
        ("--save_path='runs/my run'", "runs/my run"),
        ('"--save_path=runs/my run"', "runs/my run"),
        ("--save_path=runs/my run", "runs/my run"),
        ("--save_path=runs/a  # the first one", "runs/a"),
        ('--save_path="runs/a # b" # the second one', "runs/a # b"),
        ("--save_path=Set #2", "Set #2"),
        ('--save_path=a "b" c', 'a "b" c'),
        ("-save_path=runs/a", "runs/a"),
    ],
)
def test_lines_are_read_as_a_shell_reads_them(parse, tmp_path, line, expected):
    parse(flag_file(tmp_path, line + "\n"))
    assert FLAGS.save_path == expected


def test_files_of_flags_are_found_beside_the_one_that_names_them(parse, home, tmp_path, monkeypatch):
    inner = home / "inner"
    inner.mkdir(parents=True)
    (inner / "last.flags").write_text("--epochs=7\n")
    (home / "outer.flags").write_text('--epochs=5\n--flagfile="inner/middle.flags"\n')
    (inner / "middle.flags").write_text("--batch_size=9\n--flagfile=last.flags\n")
    for words in (["--flagfile=~/outer.flags"], ["--flagfile", "$HOME/outer.flags"], ["-flagfile=~/outer.flags"]):
        parse(*words)
        assert (FLAGS.epochs, FLAGS.batch_size) == (7, 9)
    parse("--epochs=1", "--flagfile=~/outer.flags", "--batch_size=2")
    assert (FLAGS.epochs, FLAGS.batch_size) == (7, 2)
    # What lies in the working folder comes first, as ever.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "last.flags").write_text("--epochs=8\n")
    parse("--flagfile=~/outer.flags")
    assert FLAGS.epochs == 8


def test_a_file_of_flags_that_reads_itself_is_refused(parse, tmp_path):
    (tmp_path / "other.flags").write_text("--flagfile=given.flags\n")
    with pytest.raises(UserError, match=r"given\.flags reads itself .*: remove that line"):
        parse(flag_file(tmp_path, "--flagfile=other.flags\n"))


@pytest.mark.parametrize("value", ["~no-such-user/a.flags", "$ABSENT/a.flags"])
def test_a_file_of_flags_whose_path_cannot_be_expanded_is_told_with_the_flag(parse, home, value):
    with pytest.raises(UserError) as caught:
        parse(f"--flagfile={value}")
    assert str(caught.value).startswith(f"--flagfile={value}: ")


@pytest.mark.parametrize("name", SWITCHES)
def test_every_boolean_flag_takes_a_value_after_its_negation(name, parse, tmp_path):
    for word, expected in {"true": False, "True": False, "1": False, "false": True, "FALSE": True, "0": True}.items():
        parse(f"--no{name}={word}")
        assert FLAGS[name].value is expected
        parse(flag_file(tmp_path, f"--no{name}={word}\n"))
        assert FLAGS[name].value is expected
        parse(f"--{name}={word}")
        assert FLAGS[name].value is not expected


def test_a_negation_with_another_value_is_told_with_the_flag():
    with pytest.raises(UserError, match=r"^--noconditional=maybe .*give --conditional or --noconditional$"):
        absl_arguments(["--noconditional=maybe"])


def test_flags_that_only_begin_like_a_negation_stay():
    words = ["--normalization=none", "--noabsent=true", "--nobatch_size=3"]
    assert absl_arguments(words) == words


@pytest.mark.parametrize(
    ("given", "example"),
    [
        ("flags/presets/quik32.flags", "quick32"),
        ("modelnet", "modelnet10"),
        ("/absent.flags", "chair64"),
    ],
)
def test_an_absent_file_of_flags_is_answered_with_the_presets(given, example):
    with pytest.raises(UserError) as caught:
        absl_arguments([f"--flagfile={given}"])
    text = str(caught.value)
    assert text.startswith(f"there is no file of flags {given}: ")
    assert text.endswith(f" --flagfile={example}; {PRESETS}")


@pytest.mark.parametrize("name", ["quick32", "quick32.flags", "flags/presets/quick32.flags"])
def test_a_preset_is_read_by_its_name_from_any_folder(parse, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    parse(f"--flagfile={name}")
    assert FLAGS.train_steps == 6000


def test_a_file_of_the_users_comes_before_a_preset_of_its_name(parse, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quick32").write_text("--train_steps=7\n")
    parse("--flagfile=quick32")
    assert FLAGS.train_steps == 7


def test_a_folder_is_no_file_of_flags(tmp_path):
    with pytest.raises(UserError, match=r"cannot read the file of flags .* \(Is a directory\): give a file"):
        absl_arguments([f"--flagfile={tmp_path}"])


@pytest.mark.parametrize("words", [["--data_dir=é"], ["--flagfile=given.flags"], ["--data_dir=a"]])
def test_names_beyond_ascii_are_refused_where_python_writes_them_otherwise(tmp_path, words):
    # TensorFlow would write another name than Python: records were lost in a traceback, and weights seemed damaged.
    folder = tmp_path / ("é" if words == ["--data_dir=a"] else "e")
    folder.mkdir()
    (folder / "given.flags").write_text("--data_dir=é\n", encoding="utf-8")
    script = pathlib.Path(__file__).parents[2] / "create_tf_record.py"
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for environment, expected in ((locale, "set PYTHONUTF8=1"), ({"PYTHONUTF8": "1"}, "there is no folder")):
        done = subprocess.run(
            [sys.executable, str(script), "--output_dir=o", *words],
            cwd=folder,
            env={**os.environ, **environment},
            capture_output=True,
            check=False,
        )
        text = done.stderr.decode(errors="replace")
        assert done.returncode == 1 and text.startswith("error: ") and expected in text and text.count("\n") == 1
