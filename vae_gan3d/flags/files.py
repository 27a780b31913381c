"""Files of flags (`--flagfile=FILE`, presets), read as a shell reads a command line, and `--noNAME=VALUE`."""

import codecs
import difflib
import pathlib
import re
from collections.abc import Iterator, Sequence

from absl import flags as absl_flags

from vae_gan3d.errors import UserError
from vae_gan3d.files import expand_path
from vae_gan3d.shipped import shipped_folder

FLAGS = absl_flags.FLAGS
_PRESETS = shipped_folder("presets")
_FLAG_FILE = re.compile(r"--?flagfile(?:=(.*))?", re.DOTALL)
_NEGATION = re.compile(r"--?no(\w+)=(.*)", re.DOTALL)
_NAME_AND_VALUE = re.compile(r"(--?\w+=)(.*)", re.DOTALL)
# A comment at the end of a line; "Set #2" is none.
_CLOSING_COMMENT = re.compile(r"\s+#(?:\s.*)?$")
_QUOTED = re.compile(r"""(["'])(.*?)\1(?:\s+#(?:\s.*)?)?$""")
# Windows' editors and PowerShell write these; the longer ones first, because one begins as UTF-16 does.
_ENCODINGS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def absl_arguments(arguments: Sequence[str]) -> list[str]:
    """A command line with the flags of a file in the place of `--flagfile`, and without `--noNAME=VALUE`.

    Args:
        arguments: the words after the script's name.

    Returns:
        Words for absl.

    Raises:
        UserError: a file of flags cannot be read, or the value of a negated flag is neither true nor false.
    """
    return [_without_negation(word) for word in _without_flag_files(list(arguments), pathlib.Path(), ())]


def _without_flag_files(words: list[str], folder: pathlib.Path, opened: tuple[pathlib.Path, ...]) -> Iterator[str]:
    """The words, with those of each file in its place.

    Args:
        words: of a command line or a file.
        folder: of that file.
        opened: the files whose `--flagfile` led here.
    """
    while words:
        word = words.pop(0)
        if word == "--":
            yield from (word, *words)
            return
        match = _FLAG_FILE.fullmatch(word)
        if not match:
            yield word
            continue
        name = match.group(1)
        if name is None and not words:
            raise UserError("--flagfile has no file: write --flagfile=FILE")
        path = _find(words.pop(0) if name is None else name, folder)
        if path.resolve() in opened:
            raise UserError(f"the file of flags {path} reads itself through --flagfile: remove that line")
        yield from _without_flag_files(_read(path), path.parent, (*opened, path.resolve()))


def _find(name: str, folder: pathlib.Path) -> pathlib.Path:
    """A file of flags, as seen from the working folder or else from the file that names it, or a preset by its name."""
    try:
        path = pathlib.Path(expand_path(name.strip()))
    except UserError as error:
        raise UserError(f"--flagfile={name}: {error}") from error
    preset = _PRESETS / f"{path.name.removesuffix('.flags')}.flags"
    shipped = [preset] if path.parent in (pathlib.Path(), pathlib.Path("flags/presets")) else []
    return next((found for found in (path, folder / path, *shipped) if found.is_file()), path)


def _read(path: pathlib.Path) -> list[str]:
    """The flags in a file, one a line, without blank lines, comments and the quotation marks of a shell.

    Raises:
        UserError: it cannot be read, or is not text.
    """
    try:
        contents = path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"there is no file of flags {path}: {_example(path)}") from error
    except OSError as error:
        raise UserError(f"cannot read the file of flags {path} ({error.strerror}): {_example(path)}") from error
    encoding = next((name for mark, name in _ENCODINGS.items() if contents.startswith(mark)), "utf-8")
    try:
        text = contents.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise UserError(f"the file of flags {path} is not UTF-8 text: save it as UTF-8, or give another") from error
    if "\0" in text:
        raise UserError(f"the file of flags {path} is not UTF-8 text: save it as UTF-8, or give another")
    lines = (line.strip() for line in re.split("\r\n|\r|\n", text))
    return [_flag_of_line(line) for line in lines if line and not line.startswith(("#", "//"))]


def _flag_of_line(line: str) -> str:
    """The flag in a line: `--name="value"  # comment` as a shell reads it, but spaces need no quotation marks."""
    match = _NAME_AND_VALUE.fullmatch(line)
    return match.group(1) + _unquoted(match.group(2)) if match else _unquoted(line)


def _unquoted(value: str) -> str:
    """A value without the quotation marks around all of it, and without a comment behind it."""
    match = _QUOTED.fullmatch(value)
    return match.group(2) if match else _CLOSING_COMMENT.sub("", value)


def _without_negation(word: str) -> str:
    """`--name=false` for `--noname=true`, and the other way round."""
    match = _NEGATION.fullmatch(word)
    if not match or f"no{match.group(1)}" in FLAGS or match.group(1) not in FLAGS:
        return word
    name, value = match.groups()
    if not FLAGS[name].boolean:
        return word
    try:
        return f"--{name}={str(not FLAGS[name].parser.parse(value)).lower()}"
    except ValueError as error:
        raise UserError(f"--no{name}={value} is not possible: give --{name} or --no{name}") from error


def _example(path: pathlib.Path) -> str:
    """What to give in place of a file that is not there: the preset with the most similar name."""
    presets = [preset.stem for preset in sorted(_PRESETS.glob("*.flags"))]
    near = difflib.get_close_matches(path.stem, presets, n=1) or presets
    return f"give a file's path, or a preset such as --flagfile={near[0]}; the presets are {', '.join(presets)}"
