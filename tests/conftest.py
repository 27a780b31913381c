"""Workers of pytest-xdist share the cores: each, and each process that it starts, computes in one thread."""

import os

# What else the tests under a path need, and are skipped without.
OPTIONAL_TESTS = {"tests/browser/": "browser tests", "tests/records/test_beam_writer": "tests of Apache Beam"}
THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")

if "PYTEST_XDIST_WORKER" in os.environ:
    # Read when NumPy and TensorFlow start, so before any test is imported.
    for name in THREAD_LIMITS:
        os.environ.setdefault(name, "1")


def pytest_terminal_summary(terminalreporter):
    """Says in a line each that tests of what is not installed were skipped, and why."""
    for path, name in OPTIONAL_TESTS.items():
        skipped = [report for report in terminalreporter.stats.get("skipped", []) if report.nodeid.startswith(path)]
        reasons = {report.longrepr[2].removeprefix("Skipped: ") for report in skipped}
        if skipped:
            terminalreporter.write_line(f"{len(skipped)} {name} were skipped: {'; '.join(sorted(reasons))}")
