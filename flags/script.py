"""How every script starts: flags are parsed, and what a user can mend is told in one line."""

import contextlib
import functools
import io
import os
import pathlib
import re
import sys
from collections.abc import Callable, Iterator, Sequence

from absl import app, logging
from absl import flags as absl_flags

from flags.flag_errors import describe_flag_error
from flags.flag_files import absl_arguments
from flags.help import HELP_WORDS, HelpPage, flag_aliases, help_text
from vae_gan3d.errors import UserError
from vae_gan3d.files import require_utf8_names
from vae_gan3d.wording import printable

FLAGS = absl_flags.FLAGS
_HELP = "; --help lists the flags"


def run_script(main: Callable[[], int], page: HelpPage) -> None:
    """Parses the command line, runs `main` and leaves with its exit status.

    A `UserError`, a flag that is not known and Ctrl-C end in one line on the terminal and a non-zero status.

    Args:
        main: returns the exit status.
        page: what `--help` shows.
    """
    app.run(lambda _: _guarded(main), flags_parser=functools.partial(_parse, page))


def is_verbose() -> bool:
    """Whether `--verbosity` asks for TensorFlow's own messages (0 or more, given on the command line)."""
    return bool(FLAGS["verbosity"].present) and FLAGS.verbosity >= 0


def in_users_words(message: str, arguments: Sequence[str]) -> str:
    """Names flags in a message as the command line does: by the alias where only that was given.

    Args:
        message: the message, which holds clear names such as `--epochs`.
        arguments: the command line.

    Returns:
        The message, on one line.
    """
    given = {argument.lstrip("-").split("=")[0] for argument in arguments if argument.startswith("-")}
    for alias, name in flag_aliases().items():
        if alias in given and name not in given:
            message = re.sub(rf"--{name}\b", f"--{alias}", message)
    return " ".join(message.split())


def _guarded(main: Callable[[], int]) -> int:
    if not is_verbose():
        logging.set_verbosity(logging.ERROR)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: names of files may be no text
    try:
        return main()
    except UserError as error:
        return _fail(in_users_words(str(error), sys.argv[1:]))
    except OSError as error:
        if error.filename is None or is_verbose():
            raise
        return _fail(f"cannot use {error.filename}: {error.strerror}; was it removed, or is it protected?")
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130


def _parse(page: HelpPage, arguments: list[str]) -> list[str]:
    if HELP_WORDS.intersection(arguments[1:]):
        with _closed_pipe_passed_over():
            print(help_text(page), flush=True)
        sys.exit(0)
    try:
        words = absl_arguments(arguments[1:])
        require_utf8_names([*words, str(pathlib.Path.cwd())])
        rest = FLAGS([arguments[0], *words])
    except UserError as error:
        sys.exit(_fail(in_users_words(str(error), arguments[1:])))
    except absl_flags.UnrecognizedFlagError as error:
        # In its own words: a clear name is suggested also to who typed aliases.
        sys.exit(_fail(f"{describe_flag_error(error)}{_HELP}"))
    except absl_flags.Error as error:
        sys.exit(_fail(in_users_words(describe_flag_error(error), arguments[1:]) + _HELP))
    if len(rest) > 1:
        sys.exit(_fail(f"{rest[1]!r} is not a flag: flags are written --name=value"))
    return rest


@contextlib.contextmanager
def _closed_pipe_passed_over() -> Iterator[None]:
    """Lets a reader of standard output end early, as in `--help | head`."""
    try:
        yield
    except BrokenPipeError:
        # Python writes out what is left when it ends, and would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str) -> int:
    print(f"error: {printable(' '.join(message.split()))}", file=sys.stderr)
    return 1
