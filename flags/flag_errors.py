"""What is wrong with a command line that absl refuses, in one sentence with the remedy."""

import difflib
import re

from absl import flags as absl_flags

from flags.help import flag_aliases
from vae_gan3d.wording import choices_text

FLAGS = absl_flags.FLAGS
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


def describe_flag_error(error: absl_flags.Error) -> str:
    """What is wrong with a command line that absl refuses, in one sentence."""
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
    aliases = flag_aliases()
    of_project = (
        flag.name
        for module, flags in FLAGS.flags_by_module_dict().items()
        if module.startswith("flags.")
        for flag in flags
    )
    likeness = {name: difflib.SequenceMatcher(None, word, name).ratio() for name in {*of_project, *_ABSL_FLAGS}}
    nearest = max(likeness.values())
    clear = {name: value for name, value in likeness.items() if name not in aliases and value >= nearest - _ALIAS_LEAD}
    chosen = clear or likeness
    least = max(_LEAST_LIKENESS, max(chosen.values()) - _TIE)
    return sorted((name for name, value in chosen.items() if value >= least), key=lambda name: (-chosen[name], name))
