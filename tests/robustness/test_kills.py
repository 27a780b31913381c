"""Each kind of writer, killed once: the command that kills each fifty times, on fewer kills."""

import pathlib
import random
import subprocess
import sys
import time

from tests.robustness.kills import main, try_writer
from tests.robustness.writers import Writer
from vae_gan3d.files import temporary_path, write_text

ROOT = pathlib.Path(__file__).resolve().parents[2]
WRITERS = ("texts", "prior", "meshes", "checkpoint", "records", "metrics.csv")


def test_a_killed_writer_leaves_no_half_and_the_next_start_nothing_unfinished():
    # A process of its own: one that has used TensorFlow cannot be forked.
    done = subprocess.run(
        [sys.executable, "-m", "tests.robustness.kills", "--kills=1", f"--writers={','.join(WRITERS)}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    heading, *rows, result = done.stdout.splitlines()
    assert heading.split()[:2] == ["writer", "kills"]
    assert {row.split()[0] for row in rows} == set(WRITERS)
    assert {row.split()[1] for row in rows} == {"1"}
    assert result == "every file was absent or whole, and nothing was left over"


def test_a_writer_that_is_not_known_is_one_line(capsys):
    assert main(["--writers=nobody"]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: --writers=nobody: ")
    assert "texts" in error


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
