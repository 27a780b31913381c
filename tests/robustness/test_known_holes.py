"""What is told of the holes of pinned packages, with answers of the package index made up here."""

import http.client
import io
import json

import pytest

from tests.robustness.known_holes import main

HOLE = {
    "id": "PYSEC-1",
    "aliases": ["CVE-2"],
    "fixed_in": ["3.1", "4.0"],
    "summary": None,
    "details": "reads\n too far " + 40 * "and on ",
}
WITHDRAWN = HOLE | {"id": "PYSEC-9", "withdrawn": "2026-01-01T00:00:00Z"}


@pytest.fixture
def audit(monkeypatch, tmp_path, capsys):
    """Gives the exit status, what is printed and what is said of errors, of pins and the pages of an index."""

    def run(pins, **pages):
        def answer(address, *, timeout):
            name = address.removeprefix("https://pypi.org/pypi/").removesuffix("/json")
            if name not in pages:
                raise OSError("HTTP Error 404: Not Found")
            version, holes = pages[name]
            return io.BytesIO(json.dumps({"info": {"version": version}, "vulnerabilities": holes}).encode())

        monkeypatch.setattr("urllib.request.urlopen", answer)
        (tmp_path / "set.lock").write_text(f"# made up\n\n{pins}")
        status = main([str(tmp_path / "set.lock")])
        return status, *capsys.readouterr()

    return run


def test_a_set_without_holes(audit):
    pages = {"absl-py": ("2.5", [WITHDRAWN]), "six": ("1.0", [])}
    status, printed, _ = audit("absl_py==2.5\nsix==1.0\n", **pages)
    assert (status, printed) == (0, "2 pinned versions: 0 with a known hole, 2 without, 0 unknown\n")


def test_a_hole_is_told_in_a_line(audit):
    status, printed, _ = audit("six==1.0\nabsl-py==2.5\n", six=("1.0", [HOLE]), **{"absl-py": ("2.5", [])})
    assert status == 1
    assert printed.splitlines() == [
        "six==1.0: PYSEC-1, CVE-2, mended in 3.1 4.0: reads too far " + 14 * "and on " + "and ...",
        "2 pinned versions: 1 with a known hole, 1 without, 0 unknown",
    ]


@pytest.mark.parametrize(("others", "status"), [("absl-py==2.5\n", 0), ("", 1)])
def test_nothing_is_claimed_of_a_version_that_is_not_the_newest(audit, others, status):
    told = audit(f"six==0.9\n{others}", six=("1.0", []), **{"absl-py": ("2.5", [])})
    assert told[0] == status
    assert told[1].startswith("not the newest version, so not known: six==0.9\n")


@pytest.mark.parametrize("line", ["six", "six>=1", "six==1.*", "six>=1,<2", "six==1.0 \\ x", "six==1 --hash=sha256:0"])
def test_a_line_that_pins_nothing_is_named(audit, line):
    status, _, error = audit(line)
    assert status == 1
    assert error.endswith(f"set.lock, line 3 ({line}) pins no version: give name==version\n")


def test_an_index_without_the_package_ends_in_one_line(audit):
    status, printed, error = audit("six==1.0\n")
    assert (status, printed) == (1, "")
    said = "error: https://pypi.org/pypi/six/json does not say what holes are known"
    assert error.splitlines()[-1] == f"{said} (HTTP Error 404: Not Found): try again later"
    status, _, error = audit("six==1.0\n", six=("1.0", None))
    assert (status, said in error.splitlines()[-1]) == (1, True)


def test_an_answer_that_is_cut_ends_in_one_line(monkeypatch, tmp_path, capsys):
    class Cut(io.BytesIO):
        def read(self, *_):
            raise http.client.IncompleteRead(b"{")

    monkeypatch.setattr("urllib.request.urlopen", lambda address, *, timeout: Cut())
    (tmp_path / "set.lock").write_text("six==1.0\n")
    assert main([str(tmp_path / "set.lock")]) == 1
    assert capsys.readouterr().err.endswith("known (IncompleteRead(1 bytes read)): try again later\n")


def test_a_file_that_is_missing_or_no_text_ends_in_one_line(tmp_path, capsys):
    assert main([str(tmp_path / "none.lock")]) == 1
    assert capsys.readouterr().err.startswith(f"error: cannot read {tmp_path}/none.lock: No such file")
    (tmp_path / "binary.lock").write_bytes(b"\xff\xfe")
    assert main([str(tmp_path / "binary.lock")]) == 1
    assert capsys.readouterr().err == f"error: {tmp_path}/binary.lock is no text: give a file of pinned packages\n"
