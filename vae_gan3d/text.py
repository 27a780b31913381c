"""Text for messages: counts, choices, names that are safe to print."""

import difflib
from collections.abc import Sequence

# As of difflib's ratio, 1 for equal words.
_LEAST_LIKENESS = 0.65
# Python holds the bytes of a file name that are no UTF-8 as these characters and the byte, see PEP 383.
_FIRST_BYTE, _LAST_BYTE = 0xDC80, 0xDCFF


def counted(count: int, one: str, many: str = "") -> str:
    """A number with what it counts: `1 shape`, `2 shapes`.

    Args:
        count: how many.
        one: the word for one.
        many: the word for another number; empty where it is the first with an `s`.
    """
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def choices_text(word: str, choices: Sequence[str]) -> str:
    """What to give in place of a word that is none of the choices.

    Args:
        word: what was given.
        choices: what can be given, at least one.

    Returns:
        The choice that the word may mean, where one is near, and all of them.
    """
    near = difflib.get_close_matches(word.lower(), choices, n=1, cutoff=_LEAST_LIKENESS)
    every = ", ".join(choices)
    return f"did you mean {near[0]}? Give one of {every}" if near else f"give one of {every}"


def name_some(names: Sequence[str], most: int = 8) -> str:
    """Names as a comma list that stays readable where there are many.

    Args:
        names: at least one.
        most: how many are named; of the others the number is told.
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def printable(name: object) -> str:
    r"""A name as one line that a terminal shows and does not obey: files from outside can be called anything.

    Args:
        name: such as a path. Line breaks, control characters and bytes that are no text become `\n`, `\x1b`, `\xff`.

    Returns:
        The name where every character of it can be printed.
    """
    text = str(name)
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    code = ord(character)
    if character.isprintable():
        return character
    if _FIRST_BYTE <= code <= _LAST_BYTE:
        return f"\\x{code & 0xFF:02x}"
    return character.encode("unicode_escape").decode("ascii")
