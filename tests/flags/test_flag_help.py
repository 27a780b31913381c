"""The text of --help."""

import contextlib
import os
import pathlib
import subprocess
import sys

import pytest
from absl import flags as absl_flags

from flags import help, phase, records
from vae_gan3d.errors import UserError

GROUPS = tuple(dict.fromkeys((*(group for page in phase.HELP_PAGES.values() for group in page.groups), records)))
ALL = help.HelpPage(GROUPS)
TRAINING_PHASES = {"train", "tune"}
OWN_PHASES = {"train": TRAINING_PHASES, "test": set(phase._CONFIGURATIONS) - TRAINING_PHASES}
# Shown for what they do to a command line; looked at by every phase, or by a script, before it is known which.
OF_THE_SCRIPT = {"phase"}


def lines_under(heading):
    """The lines of one flag's entry, without their indent."""
    entries = help.help_text(ALL).split("\n  --")
    found = [entry for entry in entries if entry.split("\n")[0] == heading]
    assert len(found) == 1
    return [line.strip() for line in found[0].split("\n\n")[0].splitlines()[1:]]


def test_a_flag_stands_with_its_aliases_and_its_default():
    assert lines_under("epochs=INTEGER, --epoch") == ["The epoch to train up to. [default: 100]"]
    assert lines_under("alpha=NUMBER, --scale")[0].endswith("[default: 0.5]")
    assert lines_under("[no]if_train")[0].endswith("[default: true]")
    assert lines_under("precision={auto,float32,bfloat16}") == [
        "auto: bfloat16 on a GPU and on a CPU that multiplies it, else float32. [default: auto]"
    ]


def test_a_default_in_words_is_not_doubled():
    assert lines_under("latent_size=INTEGER, --len_vector") == [
        "Dimensions of the latent vector [default: 256; 3dgan: 200]."
    ]


def test_every_flag_is_there_and_no_line_is_long():
    text = help.help_text(ALL)
    for group in GROUPS:
        assert f"\n{group.TITLE}\n" in text
        for flag in help.FLAGS.flags_by_module_dict()[group.__name__]:
            assert any(f"--{mark}{flag.name}" in text for mark in ("", "[no]"))
    assert max(map(len, text.splitlines())) <= 110


def test_aliases_name_the_clear_flag():
    aliases = help.flag_aliases()
    assert aliases["len_x"] == aliases["cube_len"] == "resolution"
    assert "epochs" not in aliases


def shown_flags(script):
    """The flags that a script's --help shows, without aliases."""
    page = phase.HELP_PAGES[script]
    text = help.help_text(page)
    named = {flag.name for group in page.groups for flag in help.FLAGS.flags_by_module_dict()[group.__name__]}
    clear = named.difference(help.flag_aliases())
    return {
        name for name in clear if any(f"\n  --{mark}{name}{end}" in text for mark in ("", "[no]") for end in "=,\n")
    }


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


@pytest.mark.parametrize("script", list(OWN_PHASES))
def test_a_scripts_help_shows_what_its_phases_read_and_nothing_else(parse, monkeypatch, script):
    recorder = Recorder()
    for name, module in list(sys.modules.items()):
        if name.startswith("flags.") and hasattr(module, "TITLE") and hasattr(module, "FLAGS"):
            monkeypatch.setattr(module, "FLAGS", recorder)
    parse("--records=R")
    for name in OWN_PHASES[script]:
        # A configuration refuses what is missing once it is given all its flags.
        with contextlib.suppress(UserError):
            phase._CONFIGURATIONS[name]()
    assert shown_flags(script) == recorder.read | OF_THE_SCRIPT


def test_each_script_accepts_what_the_other_shows_and_says_where_that_is_listed(parse):
    only_there = shown_flags("train") - shown_flags("test")
    assert {"epochs", "resolution", "adversarial_loss", "trials"} <= only_there
    assert {"alpha", "prior", "chamfer_shapes", "classes"} <= shown_flags("test") - shown_flags("train")
    assert help.help_text(phase.HELP_PAGES["test"]).count("python train.py --help") == 1
    assert help.help_text(phase.HELP_PAGES["train"]).count("python test.py --help") == 1
    parse(*(f"--{name}={absl_flags.FLAGS[name].default}" for name in ("epochs", "trials", "alpha", "chamfer_shapes")))


@pytest.mark.skipif(os.name != "posix", reason="pipes of a shell")
def test_a_reader_of_the_help_may_end_early():
    # The text is longer than a pipe holds, and the reader closes it at once.
    script = pathlib.Path(__file__).resolve().parents[2] / "train.py"
    with subprocess.Popen([sys.executable, script, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as shown:
        shown.stdout.close()
        assert shown.stderr.read() == b""
    assert shown.returncode == 0
