"""Writers that a trial has to find out."""

import pathlib
import time

from tests.robustness.writers import Writer
from vae_gan3d.files import temporary_path, write_text


def _write_slowly(folder: pathlib.Path, _: pathlib.Path, turn: int) -> None:
    with open(folder / "file", "w") as file:
        for _ in range(10):
            file.write(str(turn))
            file.flush()
            time.sleep(0.002)


def _leave_behind(folder: pathlib.Path, _: pathlib.Path, turn: int) -> None:
    write_text(folder / "file", str(turn))
    temporary_path(folder / "file").touch()


HALF = Writer("half", "a file that is not written aside", _write_slowly)
UNTIDY = Writer("untidy", "a file that something is left beside", _leave_behind)
