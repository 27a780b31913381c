"""Ways to damage a file, and the run folders and records that are damaged."""

import contextlib
import dataclasses
import hashlib
import io
import pathlib
import random
from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np

from vae_gan3d.errors import UserError

_WHOLE_BYTES = 64 << 10
_END_BYTES = 4096
_ALL_BITS = 0xFF


@dataclasses.dataclass(frozen=True)
class Damage:
    """One of `missing`, `cut` (to `offset` bytes), `flip` (the byte there is XORed with `bits`) and `foreign`.

    Attributes:
        kind: which.
        offset: where; of `foreign`, which of the other files.
        bits: of `flip`.
    """

    kind: str
    offset: int = 0
    bits: int = 0

    def do(self, path: pathlib.Path, whole: bytes, foreign: Sequence[bytes]) -> None:
        """Damages a file.

        Args:
            path: the file.
            whole: what it held.
            foreign: what others hold.
        """
        if self.kind == "missing":
            path.unlink()
            return
        damaged = bytearray(foreign[self.offset] if self.kind == "foreign" else whole)
        if self.kind == "cut":
            del damaged[self.offset :]
        elif self.kind == "flip":
            damaged[self.offset] ^= self.bits
        path.write_bytes(damaged)

    def __str__(self) -> str:
        """As a line of a report names it."""
        bits = f" ^ {self.bits:#04x}" if self.kind == "flip" else ""
        return f"{self.kind} at {self.offset}{bits}"


def all_damages(size: int, foreign: int, every: int, seed: int, share: int = 1) -> list[Damage]:
    """Everything that is tried on a file.

    Args:
        size: its bytes.
        foreign: the number of other files to put in its place.
        every: of larger files than 64 KiB, every how many bytes between the first and the last 4 KiB.
        seed: of the bits.
        share: of cuts and flips every so many.

    Returns:
        The file missing, others in its place, and at each offset a cut, all bits flipped, and one bit of chance.
    """
    chance = random.Random(seed)
    offsets = list(_offsets(size, every))
    damages = [Damage("cut", offset) for offset in offsets]
    damages += [Damage("flip", offset, _ALL_BITS) for offset in offsets]
    damages += [Damage("flip", offset, 1 << chance.randrange(8)) for offset in offsets]
    return [Damage("missing"), *(Damage("foreign", number) for number in range(foreign)), *damages[::share]]


def _offsets(size: int, every: int) -> Iterator[int]:
    if size <= _WHOLE_BYTES:
        yield from range(size)
        return
    yield from range(_END_BYTES)
    yield from range(_END_BYTES, size - _END_BYTES, every)
    yield from range(size - _END_BYTES, size)


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
