"""What the child process of `reader_process` answers, of which nothing is believed that cannot be so."""

import dataclasses
import json
from typing import BinaryIO

from vae_gan3d.voxels.data_sets import ShapeSet, set_from_fields
from vae_gan3d.voxels.grids import RESOLUTIONS, packed_bytes
from vae_gan3d.wording import printable

_HEADER_BYTES = 1 << 16
_MOST_SET_BYTES = 1 << 29  # of labels and names
_READY = b'{"ready": true}\n'


@dataclasses.dataclass(frozen=True)
class Answer:
    """A child's answer to one path, the grid still packed.

    Attributes:
        resolution: the side N of the grid.
        packed: `voxels.grids.pack_grid` of it.
        reason: why there is none, one line without the file's name; None where there is one.
        sets: the sets of shapes in a file, where these were asked for.
    """

    resolution: int = 0
    packed: bytes = b""
    reason: str | None = None
    sets: tuple[ShapeSet, ...] = ()


class ChildEndedError(Exception):
    """The child ended, or sent something that is no answer, in place of answering a path."""


def is_ready(stream: BinaryIO) -> bool:
    """Whether a child has started: its first line says so."""
    return stream.readline(_HEADER_BYTES) == _READY


def receive_answer(stream: BinaryIO) -> Answer:
    """Reads one answer; damage may have taken over the child that sends it.

    Args:
        stream: what the child writes.

    Returns:
        The answer.

    Raises:
        ChildEndedError: there is none.
    """
    header = stream.readline(_HEADER_BYTES)
    try:
        fields = json.loads(header)
        if isinstance(fields.get("error"), str):
            return Answer(reason=printable(" ".join(fields["error"].split())) or "cannot be read")
        if "sets" in fields:
            return Answer(sets=_receive_sets(stream, int(fields["sets"])))
        resolution, size = int(fields["resolution"]), int(fields["bytes"])
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise ChildEndedError from error
    if not 1 <= resolution <= RESOLUTIONS[-1] or size != packed_bytes(resolution):
        raise ChildEndedError
    packed = stream.read(size)
    if len(packed) != size or not any(packed):
        raise ChildEndedError
    return Answer(resolution, packed)


def _receive_sets(stream: BinaryIO, size: int) -> tuple[ShapeSet, ...]:
    if not 0 <= size <= _MOST_SET_BYTES:
        raise ChildEndedError
    data = stream.read(size)
    if len(data) != size:
        raise ChildEndedError
    return tuple(map(set_from_fields, json.loads(data)))
