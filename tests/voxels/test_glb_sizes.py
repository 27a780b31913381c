"""What `.glb` files promise."""

import json
import struct

import pytest

from vae_gan3d.errors import UserError
from vae_gan3d.voxels.glb_sizes import MOST_BYTES, check_glb_sizes


def glb(header) -> bytes:
    text = json.dumps(header).encode()
    return b"glTF" + struct.pack("<4I", 2, 20 + len(text), len(text), 0x4E4F534A) + text


def test_numbers_up_to_the_limit_may_be_promised():
    # Of three numbers of four bytes each: 12 bytes a count.
    most = MOST_BYTES // 12
    check_glb_sizes(glb({}))
    check_glb_sizes(glb({"accessors": [{"count": most - 1, "type": "VEC3"}, {"count": 3, "type": "SCALAR"}]}))
    with pytest.raises(UserError, match="bytes of numbers, more than"):
        check_glb_sizes(glb({"accessors": [{"count": most, "type": "VEC3"}, {"count": 1, "type": "SCALAR"}]}))


@pytest.mark.parametrize("count", [-1, 1e9, "9", None])
def test_a_count_is_a_whole_number(count):
    with pytest.raises(ValueError, match="an accessor counts"):
        check_glb_sizes(glb({"accessors": [{"count": count, "type": "SCALAR"}]}))
