"""A file that is damaged, what is read of it, and what that is worth when it is damaged."""

import contextlib
import dataclasses
import hashlib
import io
import pathlib
from collections.abc import Callable, Collection, Sequence

import numpy as np

from trials.damages import Damage
from vae_gan3d.errors import UserError

# Refused in one line that names the file; the older one taken, and said so; all as before, bit for bit.
VERDICTS = ("refused", "older", "redone", "harmless", "missed", "died")
FAILED = ("missed", "died")


@dataclasses.dataclass(frozen=True)
class Subject:
    """One file in its place.

    Attributes:
        name: what a table calls it.
        file: its path.
        read: what comes of reading it, as a digest; raises UserError where that is refused.
        older: what comes of reading the checkpoint before it; None where there is none.
        redone: what comes of it where the file is not taken, and written again; None where that is not so.
        foreign: files that are put in its place.
        silent_cuts: where a cut cannot be found, for there is nothing that tells.
        named: what a refusal or a warning must name; by default the file.
        every: of cuts and flips only every so many are tried, where each takes long.
    """

    name: str
    file: pathlib.Path
    read: Callable[[], str]
    older: str | None = None
    redone: str | None = None
    foreign: Sequence[pathlib.Path] = ()
    silent_cuts: Collection[int] = ()
    named: str = ""
    every: int = 1


def digest(*parts: object) -> str:
    """One text for arrays and what `repr` tells apart."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
    return found.hexdigest()


def judge(subject: Subject, damage: Damage, whole: bytes, expected: str) -> tuple[str, str]:
    """Damages the file, reads it, and puts it right again.

    Args:
        subject: the file.
        damage: what befalls it.
        whole: what it holds.
        expected: what comes of reading that.

    Returns:
        One of `VERDICTS` but `died`, and of `missed` why.
    """
    said = io.StringIO()
    damage.do(subject.file, whole, [path.read_bytes() for path in subject.foreign if damage.kind == "foreign"])
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            found = subject.read()
    except UserError as error:
        clear = "\n" not in str(error) and (subject.named or subject.file.name) in str(error)
        return ("refused", "") if clear else ("missed", f"unclear: {error}")
    except Exception as error:
        return "missed", f"{type(error).__name__}: {error}"
    finally:
        subject.file.write_bytes(whole)
    if found == expected:
        return "harmless", ""
    if found == subject.older:
        clear = (subject.named or subject.file.name) in said.getvalue()
        return ("older", "") if clear else ("missed", f"the older one is read, and said is {said.getvalue()!r}")
    if found == subject.redone:
        return "redone", ""
    return "missed", "read as if it were whole"
