"""What the header of a `.glb` file promises, looked at before trimesh makes room for it."""

import json
import math
import struct
from typing import Any

from vae_gan3d.errors import UserError

# What 5 million triangles with three corners of their own take, twelve numbers of four bytes each.
MOST_BYTES = 5_000_000 * 3 * 12 * 4
_HEADER = struct.Struct("<5I")
_TYPES = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
_WIDEST = 4


def check_glb_sizes(data: bytes) -> None:
    """Refuses a file whose accessors promise more numbers than a mesh may have.

    An accessor without a buffer stands for zeros, which take no place in the file (glTF 2.0, section 3.6.2.3); others
    may count the same bytes many times.

    Args:
        data: the whole file.

    Raises:
        UserError: they do; the message does not name the file.
        Exception: of any kind where the header is damaged.
    """
    length = _HEADER.unpack_from(data)[3]
    header = json.loads(data[_HEADER.size : _HEADER.size + length])
    promised = sum(map(_accessor_bytes, header.get("accessors", [])))
    if not promised <= MOST_BYTES:
        raise UserError(f"promises {promised:.3g} bytes of numbers, more than {MOST_BYTES:.3g}: simplify it first")


def _accessor_bytes(accessor: dict[str, Any]) -> float:
    count = accessor["count"]
    if not isinstance(count, int) or count < 0:
        raise ValueError(f"an accessor counts {count!r} numbers")
    return math.prod((count, _TYPES[accessor["type"]], _WIDEST))
