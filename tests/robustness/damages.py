"""Ways to damage a file, and the check of what reading a damaged file gives."""

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
    """One way to damage a file.

    Attributes:
        kind: `missing`, `cut` (to `offset` bytes), `flip` (XOR of the byte with `bits`) or `foreign` (another file).
        offset: position in the file; for `foreign` the index of the other file.
        bits: for `flip`.
    """

    kind: str
    offset: int = 0
    bits: int = 0

    def do(self, path: pathlib.Path, whole: bytes, foreign: Sequence[bytes]) -> None:
        """Damages a file.

        Args:
            path: the file.
            whole: its contents.
            foreign: contents of other files.
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
        """For reports."""
        bits = f" ^ {self.bits:#04x}" if self.kind == "flip" else ""
        return f"{self.kind} at {self.offset}{bits}"


def all_damages(size: int, foreign: int, every: int, seed: int, share: int = 1) -> list[Damage]:
    """All damages to try on a file.

    Args:
        size: of the file in bytes.
        foreign: number of other files to put in its place.
        every: for files above 64 KiB, the step in bytes between the first and the last 4 KiB.
        seed: of the random bits.
        share: tries only every `share`-th cut and flip.

    Returns:
        The file missing, other files in its place, and at each offset a cut, all bits flipped, and one random bit
        flipped.
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


# See `tests.robustness.damage`.
VERDICTS = ("refused", "older", "redone", "harmless", "missed", "died")
FAILED = ("missed", "died")


@dataclasses.dataclass(frozen=True)
class Subject:
    """A file to damage.

    Attributes:
        name: for the table.
        file: the path.
        read: reads the file and returns a digest of the result; raises UserError if it refuses the file.
        older: digest of the previous checkpoint; None if there is none.
        redone: digest if the program writes the file again; None if it never does.
        foreign: files to put in its place.
        silent_cuts: positions where nothing can reveal a cut.
        named: what an error or a warning must name; by default the file.
        every: tries only every `every`-th cut and flip, because reading is slow.
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
    """A hash of arrays and of `repr` of other objects."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
    return found.hexdigest()


def judge(subject: Subject, damage: Damage, whole: bytes, expected: str) -> tuple[str, str]:
    """Damages the file, reads it, and restores it.

    Args:
        subject: the file.
        damage: the damage.
        whole: contents of the undamaged file.
        expected: digest of the undamaged file.

    Returns:
        One of `VERDICTS` except `died`, and the reason of `missed`.
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
        return ("older", "") if clear else ("missed", f"reads the older checkpoint, and says {said.getvalue()!r}")
    if found == subject.redone:
        return "redone", ""
    return "missed", "reads the damaged file without an error"
