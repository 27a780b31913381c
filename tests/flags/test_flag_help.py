"""The text of --help, docs/FLAGS.md, and what a script prints where packages are missing."""

import contextlib
import os
import pathlib
import subprocess
import sys

import pytest
from absl import flags as absl_flags

from vae_gan3d.errors import UserError
from vae_gan3d.flags import PACKAGES, phases
from vae_gan3d.flags.define import ALIASES, DEFINED
from vae_gan3d.flags.help import DOCUMENT, MARK, document_text, help_text

ROOT = pathlib.Path(__file__).parents[2]
# The phases that the help of a script is about.
PHASES = {"train": ("train", "tune"), "create_tf_record": ("records",)}
PHASES["test"] = ("test", "sample", "evaluate", "export", "export_model", "explore", "arithmetic", "neighbors", "map")
# Read before it is known which phase runs.
OF_THE_SCRIPT = {"train": {"phase"}, "test": {"phase"}, "create_tf_record": set()}


def lines_under(script, heading):
    """The lines of one flag's entry, without their indent."""
    entries = help_text(phases.HELP_PAGES[script]).split("\n  --")
    found = [entry for entry in entries if entry.split("\n")[0] == heading]
    assert len(found) == 1
    return [line.strip() for line in found[0].split("\n\n")[0].splitlines()[1:]]


@pytest.mark.parametrize(
    ("script", "heading", "end"),
    [
        ("train", "epochs=INTEGER, --epoch", "[1 or more; default: 100]"),
        ("test", "alpha=NUMBER, --scale", "[default: 0.5]"),
        ("test", "threshold=NUMBER", "[above 0 and below 1; default: 0.5]"),
        ("create_tf_record", "[no]if_train", "[default: true]"),
        ("train", "precision={auto,float32,bfloat16}", "[default: auto]"),
        ("train", "search=LIST", "[default: learning_rate,batch_size,activation,base_width]"),
        ("train", "logdir=PATH", "[default: SAVE_PATH]"),
    ],
)
def test_a_flag_stands_with_its_aliases_its_range_and_its_default(script, heading, end):
    assert " ".join(lines_under(script, heading)).endswith(end)


@pytest.mark.parametrize("script", list(PHASES))
def test_no_line_is_long(script):
    assert max(map(len, help_text(phases.HELP_PAGES[script]).splitlines())) <= 110


class Recorder:
    """FLAGS, with a note of each flag that is read."""

    def __init__(self):
        self.read = set()

    def __getattr__(self, name):
        if name in absl_flags.FLAGS:
            self.read.add(name)
        return getattr(absl_flags.FLAGS, name)

    def __getitem__(self, name):
        self.read.add(name)
        return absl_flags.FLAGS[name]


@pytest.mark.parametrize("script", list(PHASES))
def test_the_help_of_a_script_shows_what_its_phases_read_and_nothing_else(config_of, monkeypatch, script):
    recorder = Recorder()
    for module in ("vae_gan3d.flags.define", "vae_gan3d.flags.phases"):
        monkeypatch.setattr(sys.modules[module], "FLAGS", recorder)
    for phase in PHASES[script]:
        # A configuration refuses what is missing once it is given all its flags.
        with contextlib.suppress(UserError):
            config_of(phase, "--records=R", "--data_dir=D", "--output_dir=O")
    text = help_text(phases.HELP_PAGES[script])
    shown = {
        name for name in DEFINED if any(f"\n  --{mark}{name}{end}" in text for mark in ("", "[no]") for end in "=,\n")
    }
    # Defaults and the checks of a phase read flags of the page of training too.
    assert shown == (recorder.read & phases.HELP_PAGES[script].shown) | OF_THE_SCRIPT[script]
    assert recorder.read <= shown | {"progressive"}


def test_aliases_name_the_clear_flag():
    assert ALIASES["len_x"] == ALIASES["cube_len"] == "resolution"
    assert "epochs" not in ALIASES


def test_each_script_accepts_what_the_other_shows_and_says_where_that_is_listed(parse):
    pages = phases.HELP_PAGES
    assert {"epochs", "resolution", "adversarial_loss", "trials"} <= pages["train"].shown - pages["test"].shown
    assert {"alpha", "prior", "chamfer_shapes", "classes"} <= pages["test"].shown - pages["train"].shown
    assert help_text(pages["test"]).count("the help of train") == 1
    assert help_text(pages["train"]).count("the help of test") == 1
    parse(*(f"--{name}={absl_flags.FLAGS[name].default}" for name in ("epochs", "trials", "alpha", "chamfer_shapes")))


def test_the_page_of_flags_is_what_the_fields_say():
    text = DOCUMENT.read_text(encoding="utf-8")
    prose = text.partition(MARK)[0]
    assert text == document_text(prose, phases.HELP_PAGES), "run python -m vae_gan3d.flags.help"
    assert all(f"`--{name}`" in text for name in (*DEFINED, *ALIASES))


@pytest.mark.skipif(os.name != "posix", reason="pipes of a shell")
def test_a_reader_of_the_help_may_end_early():
    # The text is longer than a pipe holds, and the reader closes it at once.
    with subprocess.Popen(
        [sys.executable, ROOT / "train.py", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as shown:
        shown.stdout.close()
        assert shown.stderr.read() == b""
    assert shown.returncode == 0


@pytest.mark.parametrize("script", ["create_tf_record.py", "train.py", "test.py"])
def test_missing_packages_are_one_line(script):
    # -S leaves out the folder of installed packages, -I what the environment adds to it.
    code = f"import runpy, sys; sys.path.insert(0, {str(ROOT)!r}); runpy.run_path({script!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-S", "-I", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert all(name in done.stderr for name in PACKAGES.values()) and "make install" in done.stderr


def test_scripts_parse_their_flags_without_tensorflow():
    code = (
        "import sys, vae_gan3d.flags.phases as phases; phases.define_script_flags('train'); from absl import flags; "
        "flags.FLAGS(['train.py', '--records=R']); phases.phase_config('train'); "
        "assert not {'tensorflow', 'keras', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
