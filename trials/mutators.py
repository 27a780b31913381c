"""Damage to files, as it happens and as it is made: bytes changed, cut, put in and doubled, numbers at their ends."""

import random
import re
from collections.abc import Callable, Sequence

_ENDS = [
    *(0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF),
    *(0x100000000, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0xFFFFFFFFFFFFFFFF),
]
_WORDS = [
    *(b"0", b"-1", b"1", b"2", b"512", b"513", b"65536", b"2147483647", b"4294967295", b"4294967296"),
    *(b"9223372036854775807", b"99999999999999999999", b"1e308", b"-1e308", b"1e-308", b"nan", b"inf", b"-inf", b"x"),
]
_NUMBER = re.compile(rb"-?[0-9]+(?:\.[0-9]+)?")
_MOST_CHANGES = 3


def mutate(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Damages a file in one to three ways.

    Args:
        data: a good file.
        others: files, the end of one of which may take the place of this one's.
        chance: draws.

    Returns:
        The damaged file; it may be empty, and it may still be good.
    """
    for _ in range(chance.randint(1, _MOST_CHANGES)):
        if chance.random() < 1 / (1 + len(_KINDS)):
            other = chance.choice(others)
            data = data[: _place(data, chance)] + other[_place(other, chance) :]
        else:
            data = chance.choice(_KINDS)(data, chance)
    return data


def _place(data: bytes, chance: random.Random) -> int:
    """A place in a file, near its start as often as anywhere: there stand the sizes."""
    return chance.randint(0, min(len(data), 256) if chance.random() < 0.5 else len(data))


def _flip(data: bytes, chance: random.Random) -> bytes:
    """Changes a few bits."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8)) if changed else 0):
        changed[min(_place(data, chance), len(changed) - 1)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _replace(data: bytes, chance: random.Random) -> bytes:
    """Puts any bytes in the place of some."""
    start, length = _place(data, chance), chance.choice((1, 2, 4, 16))
    return data[:start] + chance.randbytes(length) + data[start + length :]


def _cut(data: bytes, chance: random.Random) -> bytes:
    """Cuts the end off."""
    return data[: _place(data, chance)]


def _remove(data: bytes, chance: random.Random) -> bytes:
    """Takes some bytes out."""
    start = _place(data, chance)
    return data[:start] + data[start + chance.choice((1, 2, 8, 64, 1024)) :]


def _insert(data: bytes, chance: random.Random) -> bytes:
    """Puts some bytes in."""
    start, length = _place(data, chance), chance.choice((1, 2, 8, 64, 1024))
    return data[:start] + (chance.randbytes(length) if chance.random() < 0.5 else bytes(length)) + data[start:]


def _repeat(data: bytes, chance: random.Random) -> bytes:
    """Doubles a span, or writes it many times."""
    start, length = _place(data, chance), chance.choice((1, 8, 64, 1024))
    span = data[start : start + length]
    return data[:start] + span * chance.choice((2, 2, 3, 100)) + data[start + length :]


def _end_of_number(data: bytes, chance: random.Random) -> bytes:
    """Sets an integer of one to eight bytes to the least or the most that it can be, or near."""
    width = chance.choice((1, 2, 4, 4, 8))
    start = _place(data, chance)
    if chance.random() < 0.5:
        start -= start % width
    number = chance.choice(_ENDS) % (1 << 8 * width)
    return data[:start] + number.to_bytes(width, chance.choice(("little", "big"))) + data[start + width :]


def _end_of_word(data: bytes, chance: random.Random) -> bytes:
    """Writes another number in the place of one that is written in digits."""
    found = list(_NUMBER.finditer(data, 0, 1 << 14 if chance.random() < 0.5 else 256))
    if not found:
        return _end_of_number(data, chance)
    match = chance.choice(found)
    return data[: match.start()] + chance.choice(_WORDS) + data[match.end() :]


_KINDS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _flip,
    _replace,
    _cut,
    _remove,
    _insert,
    _repeat,
    _end_of_number,
    _end_of_word,
)
