"""What a child process answers is not believed where it cannot be so."""

import io
import json

import pytest

from tests.fakes import random_grids
from vae_gan3d.voxels.grids import pack_grid
from vae_gan3d.voxels.reader_answers import Answer, ChildEndedError, is_ready, receive_answer


def test_grids_and_reasons_are_answers():
    packed = pack_grid(random_grids(1, 16)[0])
    stream = io.BytesIO(b'{"resolution": 16, "bytes": 512}\n' + packed + b'{"error": "is\\nno \\u001b grid"}\n')
    assert receive_answer(stream) == Answer(16, packed)
    assert receive_answer(stream) == Answer(reason="is no \\x1b grid")
    assert receive_answer(io.BytesIO(b'{"sets": 2}\n[]')) == Answer()
    assert is_ready(io.BytesIO(b'{"ready": true}\n'))
    assert not is_ready(io.BytesIO(b"nonsense\n"))


@pytest.mark.parametrize(
    "line",
    [
        "",
        "nonsense",
        "[" * 60_000,
        "[]",
        "{}",
        '{"resolution": Infinity, "bytes": 512}',
        '{"resolution": NaN, "bytes": 512}',
        '{"resolution": 999, "bytes": 512}',
        '{"resolution": 16, "bytes": 99999999999}',
        '{"resolution": 16, "bytes": 512}',  # with nothing behind it
        '{"sets": 99}',
        '{"sets": -1}',
        '{"sets": 3}\n[9]',
        '{"sets": 4}\n[{}]',
        '{"sets": 4}\n{[[[',
    ],
)
def test_everything_else_is_none(line):
    with pytest.raises(ChildEndedError):
        receive_answer(io.BytesIO(line.encode() + b"\n"))


def test_an_empty_grid_is_none():
    header = json.dumps({"resolution": 16, "bytes": 512}).encode()
    with pytest.raises(ChildEndedError):
        receive_answer(io.BytesIO(header + b"\n" + bytes(512)))
