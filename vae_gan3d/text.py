"""Text for messages: counts, choices, names that are safe to print."""

import difflib
from collections.abc import Sequence

# difflib's ratio, 1 for equal words.
_LEAST_LIKENESS = 0.65
# Python stores bytes of a file name that are not UTF-8 as these characters, see PEP 383.
_FIRST_BYTE, _LAST_BYTE = 0xDC80, 0xDCFF


def counted(count: int, one: str, many: str = "") -> str:
    """A number and its noun: `1 shape`, `2 shapes`; the plural is the singular with an `s` unless `many` is given."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def choices_text(word: str, choices: Sequence[str]) -> str:
    """The remedy for a word that is not one of the choices: the most similar choice, if any, and all choices.

    Args:
        word: the word.
        choices: at least one.
    """
    near = difflib.get_close_matches(word.lower(), choices, n=1, cutoff=_LEAST_LIKENESS)
    every = ", ".join(choices)
    return f"did you mean {near[0]}? Give one of {every}" if near else f"give one of {every}"


def name_some(names: Sequence[str], most: int = 8) -> str:
    """The first `most` names as a comma list, and the number of the others."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def printable(name: object) -> str:
    r"""A name, such as a path, that is safe to print: names of files from outside may hold anything.

    Returns:
        The name with line breaks, control characters and bytes that are no text as `\n`, `\x1b`, `\xff`.
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
