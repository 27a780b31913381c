"""What `--help` prints, and docs/FLAGS.md, which `python -m vae_gan3d.flags.help` writes."""

import dataclasses
import pathlib
import textwrap
from collections.abc import Iterator

from vae_gan3d.config.fields import Flag

HELP_WORDS = frozenset(("--help", "-help", "-h", "--h", "-?", "--helpshort", "-helpshort"))
DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "FLAGS.md"
MARK = "<!-- Below this line the page is made from the configurations: python -m vae_gan3d.flags.help -->"
_WIDTH = 110
_WORDS = {"integer": "INTEGER", "number": "NUMBER", "path": "PATH", "paths": "PATHS", "list": "LIST", "text": "TEXT"}
_ALWAYS = (
    "Always\n"
    "  --flagfile=FILE\n      Reads further flags from a file, one a line, or a preset such as quick32.\n"
    "  --verbosity=0\n      Shows TensorFlow's own messages too.\n"
    "  --help\n      Prints this."
)


@dataclasses.dataclass(frozen=True)
class Group:
    """Flags under one heading."""

    title: str
    flags: tuple[Flag, ...]


@dataclasses.dataclass(frozen=True)
class HelpPage:
    """What `--help` of one script shows. Flags that are not shown are accepted all the same.

    Attributes:
        groups: all headings with their flags; a flag stands under the first that has it.
        shown: names of the flags that the script uses.
        intro: what the script does.
        closing: the last lines.
    """

    groups: tuple[Group, ...]
    shown: frozenset[str]
    intro: str = ""
    closing: str = ""

    def parts(self) -> Iterator[Group]:
        """The headings that have shown flags, with these alone."""
        rest = set(self.shown)
        for group in self.groups:
            flags = {flag.name: flag for flag in group.flags if flag.name in rest}
            rest -= set(flags)
            if flags:
                yield Group(group.title, tuple(flags.values()))


def help_text(page: HelpPage) -> str:
    """The whole text of `--help`, in lines of at most 110 characters."""
    parts = [page.intro]
    parts += ["\n".join([group.title, *map(_describe, group.flags)]) for group in page.parts()]
    return "\n\n".join([*parts, _ALWAYS, *([page.closing] if page.closing else [])])


def _describe(flag: Flag) -> str:
    """One flag: its names, what it does, its range and its default."""
    names = [_spelling(flag), *(f"--{alias}" for alias in flag.aliases)]
    default = default_text(flag)
    notes = [note for note in (flag.range_text, f"default: {default}" if default else "") if note]
    text = f"{flag.help} [{'; '.join(notes)}]" if notes else flag.help
    lines = textwrap.wrap(text, _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6, break_on_hyphens=False)
    return "\n".join(["  " + ", ".join(names), *lines])


def _spelling(flag: Flag) -> str:
    """How a flag is written, with what it takes."""
    if flag.kind == "switch":
        return f"--[no]{flag.name}"
    one_of = flag.choices and flag.kind != "list"
    return f"--{flag.name}=" + (f"{{{','.join(map(str, flag.choices))}}}" if one_of else _WORDS[flag.kind])


def default_text(flag: Flag) -> str:
    """The default in words; empty where there is none to tell."""
    if flag.default_text or flag.default is None:
        return flag.default_text
    if flag.kind == "switch":
        return str(flag.default == flag.switch[True] if flag.switch else flag.default).lower()
    return ",".join(flag.default) if isinstance(flag.default, tuple) else str(flag.default)


def document_text(prose: str, pages: dict[str, HelpPage]) -> str:
    """The page docs/FLAGS.md.

    Args:
        prose: its hand-written beginning.
        pages: of the scripts.
    """
    every = HelpPage(next(iter(pages.values())).groups, frozenset().union(*(page.shown for page in pages.values())))
    lines = [prose.rstrip(), "", MARK]
    for group in every.parts():
        scripts = [f"{name}.py" for name, page in pages.items() if any(flag.name in page.shown for flag in group.flags)]
        lines += [
            "",
            f"## {group.title}",
            "",
            f"Shown by `--help` of {', '.join(scripts)}.",
            "",
            "| flag | default | meaning |",
        ]
        lines.append("| --- | --- | --- |")
        for flag in group.flags:
            names = f"`--{flag.name}`" + "".join(f", `--{alias}`" for alias in flag.aliases)
            values = f" One of {', '.join(map(str, flag.choices))}." if flag.choices and flag.kind != "list" else ""
            bounds = f" {flag.range_text.capitalize()}." if flag.range_text else ""
            lines.append(f"| {names} | {default_text(flag)} | {flag.help}{values}{bounds} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Writes docs/FLAGS.md anew: the prose above the mark stays."""
    from vae_gan3d.flags.phases import HELP_PAGES  # which needs this module

    prose = DOCUMENT.read_text(encoding="utf-8").partition(MARK)[0]
    DOCUMENT.write_text(document_text(prose, HELP_PAGES), encoding="utf-8")


if __name__ == "__main__":
    main()
