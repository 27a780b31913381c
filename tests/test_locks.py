"""The pinned packages: each has the hashes of its files, and the sets agree where they share packages."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
SETS = ("requirements.lock", "requirements-test.lock", "requirements-beam.lock")


def packages(name):
    """The lines of a lock without its comments, one for each package."""
    lines = (line for line in (ROOT / name).read_text().splitlines() if not line.strip().startswith("#"))
    return "\n".join(lines).replace(" \\\n", " ").splitlines()


@pytest.mark.parametrize("name", SETS)
def test_every_package_is_pinned_with_hashes(name):
    lines = packages(name)
    assert len(lines) > 60
    assert [line for line in lines if not re.match(r"[a-z0-9.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}\b", line)] == []


def test_the_tests_run_with_the_packages_of_users():
    assert set(packages("requirements.lock")) <= set(packages("requirements-test.lock"))
