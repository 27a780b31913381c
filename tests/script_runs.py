"""What the scripts do with a command line, without a process that starts TensorFlow anew."""

import contextlib
import io
import types

import pytest
from absl import flags as absl_flags

from flags.phases import define_script_flags, phase_config
from vae_gan3d import phases, train_phase

FLAGS = absl_flags.FLAGS
define_script_flags("train")


def run_script(script, *words):
    """Does here what `train.py` or `test.py` does with a command line; gives its exit status and what it says."""
    out, error = io.StringIO(), io.StringIO()
    FLAGS.unparse_flags()
    try:
        FLAGS([script, *words])
        config = phase_config(script.removesuffix(".py"))
    finally:
        FLAGS.unparse_flags()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(error),
    ):
        for module in (phases, train_phase):
            patch.setattr(module, "start_tensorflow", lambda **_: None)
        status = phases.run(config)
    return types.SimpleNamespace(status=status, stdout=out.getvalue(), stderr=error.getvalue())
