"""The pinned packages: each has the hashes of its files, by which an installation knows them."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
SETS = ("requirements", "requirements-beam")


def pins(name):
    """The lines of a file that pin a package."""
    return re.findall(r"^[A-Za-z0-9._-]+==[^\s\\]+", (ROOT / name).read_text(), re.MULTILINE)


def canonical(pin):
    """A pin as the package index writes it: small letters, one dash."""
    name, version = pin.split("==")
    return f"{re.sub(r'[-_.]+', '-', name).lower()}=={version}"


@pytest.mark.parametrize("name", SETS)
def test_the_hashes_are_of_the_pinned_versions(name):
    locked = sorted(map(canonical, pins(f"{name}.lock")))
    assert len(locked) > 60
    assert sorted(map(canonical, pins(f"{name}.hashes"))) == locked


@pytest.mark.parametrize("name", SETS)
def test_every_package_has_hashes(name):
    packages = (ROOT / f"{name}.hashes").read_text().replace("\\\n", " ").splitlines()
    packages = [line for line in packages if not line.startswith("#")]
    assert [line for line in packages if not re.search(r" --hash=sha256:[0-9a-f]{64}\b", line)] == []
