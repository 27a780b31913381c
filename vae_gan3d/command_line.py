"""Command lines: the parser of `python -m vae_gan3d...`, which needs no absl, and commands in messages."""

import argparse
import os
import pathlib
import shlex
from typing import NoReturn

from vae_gan3d.errors import UserError
from vae_gan3d.files import expand_path, require_utf8_names


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


def command_text(*words: object) -> str:
    """A command that can be pasted into a shell.

    Args:
        *words: of the command after `python`; spaces, quotation marks and `$` in them are quoted.
    """
    return shlex.join(["python", *map(str, words)])


def print_next(*words: object) -> None:
    """Prints the command that usually comes next; not under `make`, which runs it itself.

    Args:
        *words: as in `command_text`.
    """
    if "MAKELEVEL" not in os.environ:  # which make sets for what it runs
        print(f"next: {command_text(*words)}")
