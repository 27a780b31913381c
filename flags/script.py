"""How every script starts: flags are parsed, and what a user can mend is told in one line."""

import difflib
import functools
import re
import sys
from collections.abc import Callable, Sequence
from types import ModuleType

from absl import app, logging
from absl import flags as absl_flags

from flags.help import HELP_WORDS, flag_aliases, help_text
from vae_gan3d.errors import UserError

FLAGS = absl_flags.FLAGS
_BAD_VALUE = re.compile(r"flag --(\w+)=(.*?): ", re.DOTALL)
_KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false"}


def run_script(main: Callable[[], int], groups: Sequence[ModuleType]) -> None:
    """Parses the command line, runs `main` and leaves with its exit status.

    A `UserError`, a flag that is not known and Ctrl-C end in one line on the terminal and a non-zero status.

    Args:
        main: returns the exit status.
        groups: the modules whose flags `--help` shows.
    """
    app.run(lambda _: _guarded(main), flags_parser=functools.partial(_parse, groups))


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


def describe_flag_error(error: absl_flags.Error) -> str:
    """What is wrong with a command line that absl refuses, in one sentence."""
    if isinstance(error, absl_flags.UnrecognizedFlagError):
        close = difflib.get_close_matches(error.flagname, list(FLAGS), n=1)
        return f"there is no flag --{error.flagname}" + (f": did you mean --{close[0]}?" if close else "")
    match = _BAD_VALUE.match(str(error))
    if match and match.group(1) in FLAGS:
        name, value = match.groups()
        flag = FLAGS[name]
        if isinstance(flag.parser, absl_flags.EnumParser):
            return f"--{name}={value} is not known: give one of {', '.join(flag.parser.enum_values)}"
        if flag.flag_type() in _KINDS:
            return f"--{name}={value} is not possible: give {_KINDS[flag.flag_type()]}"
    return str(error).removeprefix("ERROR:: ")


def _guarded(main: Callable[[], int]) -> int:
    if not is_verbose():
        logging.set_verbosity(logging.ERROR)
    try:
        return main()
    except UserError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130


def _parse(groups: Sequence[ModuleType], arguments: list[str]) -> list[str]:
    if HELP_WORDS.intersection(arguments[1:]):
        print(help_text(groups))
        sys.exit(0)
    try:
        rest = FLAGS(arguments)
    except absl_flags.Error as error:
        sys.exit(_fail(f"{describe_flag_error(error)}; --help lists the flags"))
    if len(rest) > 1:
        sys.exit(_fail(f"{rest[1]!r} is not a flag: flags are written --name=value"))
    return rest


def _fail(message: str) -> int:
    print(f"error: {in_users_words(message, sys.argv[1:])}", file=sys.stderr)
    return 1
