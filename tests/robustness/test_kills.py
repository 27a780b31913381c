"""`tests.robustness.kills` with a few kills of some writers."""

import pathlib
import random
import subprocess
import sys
import time

import pytest

from tests.robustness.kills import try_writer
from tests.robustness.writers import Writer
from vae_gan3d.files import temporary_path, write_text

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = ("texts", "prior", "meshes")
RUNS = ("checkpoint", "records", "metrics.csv")


def kill(*options):
    # A process of its own: one that has used TensorFlow cannot be forked.
    return subprocess.run(
        [sys.executable, "-m", "tests.robustness.kills", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("writers", [FILES, RUNS], ids=["files", "runs"])
def test_a_killed_writer_leaves_no_half_and_the_next_start_nothing_unfinished(writers):
    done = kill("--kills=2", f"--writers={','.join(writers)}")
    assert done.returncode == 0, done.stdout + done.stderr
    heading, *rows, result = done.stdout.splitlines()
    assert heading.split()[:2] == ["writer", "kills"]
    assert {row.split()[0] for row in rows} == set(writers)
    assert {row.split()[1] for row in rows} == {"2"}
    assert result == "every file was absent or whole, and nothing was left over"


def test_a_writer_that_is_not_known_is_one_line():
    done = kill("--writers=nobody")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "error: --writers=nobody: there is no such writer; choose from texts, "
    )


def write_slowly(folder, _, turn):
    with open(folder / "file", "w") as file:
        for _ in range(10):
            file.write(str(turn))
            file.flush()
            time.sleep(0.002)


def leave_behind(folder, _, turn):
    write_text(folder / "file", str(turn))
    temporary_path(folder / "file").touch()


HALF = Writer("half", "writes the file in place", write_slowly)
UNTIDY = Writer("untidy", "leaves a temporary file", leave_behind)


def test_a_half_and_what_is_left_over_are_found(tmp_path):
    for writer in (HALF, UNTIDY):
        (tmp_path / writer.name).mkdir()
    half = try_writer(HALF, tmp_path / "half", kills=6, chance=random.Random(0))
    assert (half.kills, half.left, half.failed) == (6, 0, True)
    assert half.halves > 0
    untidy = try_writer(UNTIDY, tmp_path / "untidy", kills=1, chance=random.Random(0))
    assert (untidy.halves, untidy.left, untidy.failed) == (0, 1, True)
