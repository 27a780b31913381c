"""What can befall a file: it is gone, cut short, of changed bytes, or another one."""

import dataclasses
import pathlib
import random
from collections.abc import Iterator, Sequence

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
