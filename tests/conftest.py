"""Workers of pytest-xdist share the cores: each, and each process that it starts, computes in one thread.

No test may seek another machine: what the scripts do within the process of the tests is refused a network, as their
processes are in the stories (`tests/no_network.py`).
"""

import os

import pytest

from tests.no_network import refuse_outside, sought_outside
from vae_gan3d.tensorflow_start import KERAS_ENVIRONMENT

# What else the tests under a path need, and are skipped without.
OPTIONAL_TESTS = {"tests/browser/": "browser tests", "tests/data/test_beam": "tests of Apache Beam"}
THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")

if "PYTEST_XDIST_WORKER" in os.environ:
    # Read when NumPy and TensorFlow start, so before any test is imported.
    for name in THREAD_LIMITS:
        os.environ.setdefault(name, "1")


os.environ.pop("MAKELEVEL", None)  # of `make test`, under which no script says what comes next
os.environ.update(KERAS_ENVIRONMENT)  # tests import Keras by themselves, on machines that are set up for other things
refuse_outside()


@pytest.fixture(autouse=True)
def no_other_machine():
    """A test fails that sought one, also where the refusal was caught."""
    yield
    assert sought_outside() == []


def pytest_terminal_summary(terminalreporter):
    """Says in a line each that tests of what is not installed were skipped, and why."""
    for path, name in OPTIONAL_TESTS.items():
        skipped = [report for report in terminalreporter.stats.get("skipped", []) if report.nodeid.startswith(path)]
        reasons = {report.longrepr[2].removeprefix("Skipped: ") for report in skipped}
        if skipped:
            terminalreporter.write_line(f"{len(skipped)} {name} were skipped: {'; '.join(sorted(reasons))}")


@pytest.fixture(scope="session")
def small_model():
    """An untrained model at 16^3 with latents of 4. Tests do not change it."""
    from tests.small_models import untrained_model  # TensorFlow takes seconds, and many tests need none

    return untrained_model()
