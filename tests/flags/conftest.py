"""Command lines parsed in this process, and everything put back."""

import pytest
from absl import flags as absl_flags

from vae_gan3d.flags.files import absl_arguments
from vae_gan3d.flags.phases import define_script_flags, phase_config, records_config

FLAGS = absl_flags.FLAGS
for script in ("train", "create_tf_record"):
    define_script_flags(script)


@pytest.fixture
def parse():
    """A function that parses words (without the script's name) into FLAGS, which are unparsed after the test."""

    def parse_words(*words):
        FLAGS.unparse_flags()
        assert FLAGS(["script.py", *absl_arguments(words)]) == ["script.py"]

    yield parse_words
    FLAGS.unparse_flags()


@pytest.fixture
def config_of(parse, monkeypatch):
    """A function that gives the configuration of a phase, or of `records`, for the words of a command line."""

    def config(phase, *words):
        monkeypatch.setattr("sys.argv", ["script.py", *words])
        parse(*words)
        return records_config() if phase == "records" else phase_config(phase)

    return config
