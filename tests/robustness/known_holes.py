"""Asks the package index which pinned packages have known vulnerabilities, if it has only pages of newest versions.

    python -m tests.robustness.known_holes requirements-test.lock requirements-beam.lock

`make audit` (pip-audit) needs the page of each version, which some mirrors of the index lack. They have a page for each
package with the vulnerabilities of its newest version, which count if that version is pinned. Prints a line for each
vulnerability and for each unknown version. The exit status is 1 if there is a vulnerability, or nothing is known.
"""

import http.client
import json
import pathlib
import sys
import textwrap
import urllib.request
from collections.abc import Sequence
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from vae_gan3d.command_line import OneLineParser
from vae_gan3d.errors import UserError
from vae_gan3d.progress import progress_bar
from vae_gan3d.text import counted, printable

_SECONDS = 60
_MOST_SHOWN = 120

Pin = tuple[str, str]


def pinned_versions(lock: pathlib.Path) -> list[Pin]:
    """Names and versions that a file pins.

    Args:
        lock: a line `name==version` each, with the hashes of its files below; lines that start with # are comments.

    Raises:
        UserError: it cannot be read, or a line pins nothing.
    """
    try:
        lines = lock.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UserError(f"cannot read {lock}: {error.strerror}: give a file of pinned packages") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{lock} is no text: give a file of pinned packages") from error
    pins = []
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line or line.startswith(("#", "--hash=")):
            continue
        try:
            requirement = Requirement(line.removesuffix(" \\"))
            (specifier,) = requirement.specifier
            if specifier.operator != "==" or specifier.version.endswith("*"):
                raise ValueError(f"{specifier} leaves several")
        except (InvalidRequirement, ValueError) as error:
            raise UserError(f"{lock}, line {number} ({line[:40]}) pins no version: give name==version") from error
        pins.append((canonicalize_name(requirement.name), specifier.version))
    return pins


def known_holes(pin: Pin) -> list[str] | None:
    """What the index knows of a pinned version.

    Args:
        pin: name and version.

    Returns:
        A line for each hole; None where another version is the newest.

    Raises:
        UserError: the index does not answer, or not with a package's page.
    """
    name, version = pin
    address = f"https://pypi.org/pypi/{name}/json"
    try:
        with urllib.request.urlopen(address, timeout=_SECONDS) as answer:
            page = json.load(answer)
        newest, holes = page["info"]["version"], page["vulnerabilities"]
        return [_in_a_line(hole) for hole in holes if not hole.get("withdrawn")] if newest == version else None
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{address} does not say what holes are known ({error}): try again later") from error


def _in_a_line(hole: dict[str, Any]) -> str:
    names, mended = ", ".join([hole["id"], *hole["aliases"]]), " ".join(hole["fixed_in"]) or "no version"
    about = textwrap.shorten(hole.get("summary") or hole["details"], _MOST_SHOWN, placeholder=" ...")
    return printable(f"{names}, mended in {mended}: {about}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints what is known.

    Args:
        arguments: the words after the command; None takes those of the process.

    Returns:
        The exit status.
    """
    parser = OneLineParser(prog="python -m tests.robustness.known_holes", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("locks", nargs="+", type=pathlib.Path, help="files of pinned packages")
    try:
        locks = parser.parse_args(arguments).locks
        return _report(sorted({pin for lock in locks for pin in pinned_versions(lock)}))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _report(pins: list[Pin]) -> int:
    unknown, holed = [], []
    with progress_bar(pins, desc="asking", unit="package") as bar:
        answers = [(pin, known_holes(pin)) for pin in bar]
    for pin, holes in answers:
        pinned = "==".join(pin)
        if holes is None:
            unknown.append(pinned)
        elif holes:
            holed.append(pinned)
        for hole in holes or ():
            print(f"{pinned}: {hole}")
    sound = len(pins) - len(unknown) - len(holed)
    if unknown:
        print(f"not the newest version, so not known: {', '.join(unknown)}")
    numbers = f"{len(holed)} with a known hole, {sound} without, {len(unknown)} unknown"
    print(f"{counted(len(pins), 'pinned version')}: {numbers}")
    return 1 if holed or not sound else 0


if __name__ == "__main__":
    sys.exit(main())
