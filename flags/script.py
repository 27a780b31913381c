"""How every script starts: flags are parsed, and what a user can mend is told in one line."""

import sys
from collections.abc import Callable, Sequence
from types import ModuleType

from absl import app
from absl import flags as absl_flags

from vae_gan3d.errors import UserError

FLAGS = absl_flags.FLAGS


def run_script(main: Callable[[], int], groups: Sequence[ModuleType]) -> None:
    """Parses the command line, runs `main` and leaves with its exit status.

    A `UserError`, a flag that is not known and Ctrl-C end in one line on the terminal and a non-zero status.

    Args:
        main: returns the exit status.
        groups: the modules whose flags `--help` shows.
    """
    for group in groups:
        for flag in FLAGS.get_key_flags_for_module(group.__name__):
            FLAGS.register_key_flag_for_module(sys.argv[0], flag)
    app.run(lambda _: _guarded(main), flags_parser=_parse)


def is_verbose() -> bool:
    """Whether `--verbosity` asks for TensorFlow's own messages (0 or more, given on the command line)."""
    return bool(FLAGS["verbosity"].present) and FLAGS.verbosity >= 0


def _guarded(main: Callable[[], int]) -> int:
    try:
        return main()
    except UserError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130


def _parse(arguments: list[str]) -> list[str]:
    try:
        rest = FLAGS(arguments)
    except absl_flags.Error as error:
        sys.exit(_fail(f"{error}; --help lists the flags"))
    if len(rest) > 1:
        sys.exit(_fail(f"{rest[1]!r} is not a flag: flags are written --name=value"))
    return rest


def _fail(message: str) -> int:
    print("error: " + " ".join(message.split()), file=sys.stderr)
    return 1
