"""Command lines: the parser of `python -m vae_gan3d...`, which needs no absl, and commands in messages."""

import argparse
import os
import pathlib
import shlex
import sys
from typing import NoReturn

from vae_gan3d.errors import UserError
from vae_gan3d.files import expand_path, require_utf8_names

# What an installed package is called by, and its commands for the scripts of the repository.
COMMAND = "vae-gan3d"
_COMMANDS = {"create_tf_record.py": "records", "train.py": "train", "test.py": "test"}
_ROOT = pathlib.Path(__file__).resolve().parents[1]


class OneLineParser(argparse.ArgumentParser):
    """A parser that raises `UserError`, so that its errors take one line."""

    def error(self, message: str) -> NoReturn:
        """Refuses a command line.

        Raises:
            UserError: always.
        """
        raise UserError(f"{message}; see --help")


def path_argument(text: str) -> pathlib.Path:
    """The `type` of an argument that is a path, with `~` and `$HOME` as a shell expands them.

    Raises:
        argparse.ArgumentTypeError: it names a user or a variable that does not exist.
    """
    try:
        require_utf8_names([text])
        return pathlib.Path(expand_path(text))
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def command_text(script: str, *words: object) -> str:
    """A command that can be pasted into a shell: `python train.py ...`, or `vae-gan3d train ...` outside of a clone.

    Args:
        script: of the repository, such as `train.py`.
        *words: what follows; spaces, quotation marks and `$` in them are quoted.
    """
    installed = _started_by_command() or not (_ROOT / script).is_file()
    program = [COMMAND, _COMMANDS[script]] if installed else ["python", script]
    return shlex.join([*program, *map(str, words)])


def _started_by_command() -> bool:
    return pathlib.Path(sys.argv[0]).name.split(" ")[0].removesuffix(".exe") == COMMAND


def print_next(script: str, *words: object) -> None:
    """Prints the command that usually comes next; not under `make`, which runs it itself.

    Args:
        script, *words: as in `command_text`.
    """
    if "MAKELEVEL" not in os.environ:  # which make sets for what it runs
        print(f"next: {command_text(script, *words)}")
