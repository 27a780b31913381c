"""Command lines parsed in this process, and everything put back."""

import pytest
from absl import flags as absl_flags

from flags.flag_files import absl_arguments

FLAGS = absl_flags.FLAGS


@pytest.fixture
def parse():
    """A function that parses words (without the script's name) into FLAGS, which are unparsed after the test."""

    def parse_words(*words):
        FLAGS.unparse_flags()
        assert FLAGS(["script.py", *absl_arguments(words)]) == ["script.py"]

    yield parse_words
    FLAGS.unparse_flags()
