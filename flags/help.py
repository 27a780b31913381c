"""What `--help` prints: the flags that a script has a use for, by group, with its aliases and its default."""

import dataclasses
import re
import sys
import textwrap
from collections.abc import Sequence
from types import ModuleType

from absl import flags as absl_flags

FLAGS = absl_flags.FLAGS
HELP_WORDS = frozenset(("--help", "-help", "-h", "--h", "-?", "--helpshort", "-helpshort"))
_ALIAS_HELP = re.compile(r"Alias for --(\w+)\.")
_WIDTH = 110
_ALWAYS = (
    "Always\n"
    "  --flagfile=FILE\n      Reads further flags from a file, one a line.\n"
    "  --verbosity=0\n      Shows TensorFlow's own messages too.\n"
    "  --help\n      Prints this."
)


@dataclasses.dataclass(frozen=True)
class HelpPage:
    """What `--help` of one script shows. Flags that are not shown are accepted all the same.

    Attributes:
        groups: the modules whose flags are shown, each with a `TITLE`.
        hidden: names of flags of these that the script has no use for.
        closing: the last lines.
    """

    groups: tuple[ModuleType, ...]
    hidden: frozenset[str] = frozenset()
    closing: str = ""


def flag_aliases() -> dict[str, str]:
    """The clear name that each alias stands for."""
    matches = {name: _ALIAS_HELP.fullmatch(FLAGS[name].help or "") for name in FLAGS}
    return {name: match.group(1) for name, match in matches.items() if match}


def names_given(arguments: Sequence[str]) -> set[str]:
    """The clear names of the flags that stand on a command line itself, not in a file of flags.

    Args:
        arguments: the command line without the script's name.
    """
    given = {argument.lstrip("-").split("=")[0] for argument in arguments if argument.startswith("-")}
    aliases = flag_aliases()
    return {aliases.get(name, name) for name in given}


def help_text(page: HelpPage) -> str:
    """The whole text of `--help`.

    Args:
        page: what is shown.

    Returns:
        Lines of at most 110 characters.
    """
    module_flags = FLAGS.flags_by_module_dict()
    parts = [(sys.modules["__main__"].__doc__ or "").strip()]
    for group in page.groups:
        hidden = page.hidden.union(flag_aliases())
        clear = [flag for flag in module_flags[group.__name__] if flag.name not in hidden]
        parts.append("\n".join([group.TITLE, *(_describe(flag) for flag in clear)]))
    return "\n\n".join([*parts, _ALWAYS, *([page.closing] if page.closing else [])])


def _describe(flag: absl_flags.Flag) -> str:
    """One flag: its names, and what it means."""
    names = [_spelling(flag), *(f"--{alias}" for alias, name in flag_aliases().items() if name == flag.name)]
    meaning = (flag.help or "").split(">: ", 1)[-1] if isinstance(flag, absl_flags.EnumFlag) else flag.help or ""
    if flag.default is not None and "[default" not in meaning:
        default = str(flag.default).lower() if flag.boolean else flag.default
        meaning = f"{meaning} [default: {default}]"
    lines = textwrap.wrap(meaning, _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return "\n".join(["  " + ", ".join(names), *lines])


def _spelling(flag: absl_flags.Flag) -> str:
    """How a flag is written, with what it takes."""
    if flag.boolean:
        return f"--[no]{flag.name}"
    if isinstance(flag.parser, absl_flags.EnumParser):
        return f"--{flag.name}={{{','.join(flag.parser.enum_values)}}}"
    return f"--{flag.name}=" + {"int": "INTEGER", "float": "NUMBER", "path": "PATH"}.get(flag.flag_type(), "TEXT")
