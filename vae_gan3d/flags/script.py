"""How every script starts: it parses the flags, and prints an error that the user can mend in one line."""

import contextlib
import difflib
import functools
import io
import os
import pathlib
import re
import sys
from collections.abc import Callable, Iterator, Sequence

from absl import app, logging
from absl import flags as absl_flags

from vae_gan3d.errors import UserError
from vae_gan3d.files import require_utf8_names
from vae_gan3d.flags.define import ALIASES, DEFINED, words_given
from vae_gan3d.flags.files import absl_arguments
from vae_gan3d.flags.help import HELP_WORDS, HelpPage, help_text
from vae_gan3d.flags.phases import define_script_flags
from vae_gan3d.text import choices_text, printable

FLAGS = absl_flags.FLAGS
_HELP = "; --help lists the flags"
_BAD_VALUE = re.compile(r"flag --(\w+)=(.*?): ", re.DOTALL)
_KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false"}
# Of absl's own flags, those that a user of these scripts may mean.
_ABSL_FLAGS = ("flagfile", "help", "verbosity")
# Likeness as of difflib's ratio, 1 for equal words.
_LEAST_LIKENESS = 0.65
# By so much an alias must be nearer than every clear name to be suggested itself.
_ALIAS_LEAD = 0.2
# Names that are nearly as near as the nearest are suggested too.
_TIE = 0.05


def run_script(script: str, main: Callable[[], int]) -> None:
    """Parses the command line, runs `main` and exits with its status.

    A `UserError`, an unknown flag and Ctrl-C end in one line on the terminal and a non-zero status.

    Args:
        script: `create_tf_record`, `train` or `test`.
        main: returns the exit status.
    """
    page = define_script_flags(script)
    app.run(lambda _: exit_status(main), flags_parser=functools.partial(_parse, page))


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
    given = set(words_given(arguments))
    for alias, name in ALIASES.items():
        if alias in given and name not in given:
            message = re.sub(rf"--{name}\b", f"--{alias}", message)
    return " ".join(message.split())


def exit_status(main: Callable[[], int]) -> int:
    """Runs `main`; prints an error that the user can mend, and Ctrl-C, in one line.

    Args:
        main: returns an exit status.

    Returns:
        It, 1 after an error, 130 after Ctrl-C.
    """
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


def describe_flag_error(error: absl_flags.Error) -> str:
    """What is wrong with a command line that absl refuses, in one sentence with the remedy."""
    if isinstance(error, absl_flags.UnrecognizedFlagError):
        close = " or ".join(f"--{name}" for name in near_flags(error.flagname))
        return f"there is no flag --{error.flagname}" + (f": did you mean {close}?" if close else "")
    match = _BAD_VALUE.match(str(error))
    if match and match.group(1) in FLAGS:
        name, value = match.groups()
        flag = FLAGS[name]
        if isinstance(flag.parser, absl_flags.EnumParser):
            return f"--{name}={value} is not known: {choices_text(value, flag.parser.enum_values)}"
        if flag.flag_type() in _KINDS:
            return f"--{name}={value} is not possible: give {_KINDS[flag.flag_type()]}"
        if flag.flag_type() == "path":
            return f"--{name}={value}: {str(error)[match.end() :]}"
    return str(error).removeprefix("ERROR:: ")


def near_flags(word: str) -> list[str]:
    """The flags that a mistyped one may mean, nearest first.

    Args:
        word: what was typed, without dashes at its beginning.

    Returns:
        Clear names; aliases where one is much nearer than every clear name; nothing where no flag is near.
    """
    likeness = {name: difflib.SequenceMatcher(None, word, name).ratio() for name in {*DEFINED, *ALIASES, *_ABSL_FLAGS}}
    nearest = max(likeness.values())
    clear = {name: value for name, value in likeness.items() if name not in ALIASES and value >= nearest - _ALIAS_LEAD}
    chosen = clear or likeness
    least = max(_LEAST_LIKENESS, max(chosen.values()) - _TIE)
    return sorted((name for name, value in chosen.items() if value >= least), key=lambda name: (-chosen[name], name))
