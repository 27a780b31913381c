"""Bytes that come in time, and bytes that do not."""

import contextlib
import socket

import pytest

from vae_gan3d.explorer.prompt_reader import PromptReader


@pytest.fixture
def ends():
    """What a visitor writes to, and what the server reads from."""
    visitor, server = socket.socketpair()
    with contextlib.closing(visitor), contextlib.closing(server):
        yield visitor, server


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_everything_is_read_to_the_end(ends):
    visitor, server = ends
    visitor.sendall(b"first second")
    visitor.shutdown(socket.SHUT_WR)
    assert PromptReader(server, silence=5, whole=5).readall() == b"first second"


def test_a_byte_now_and_then_does_not_lengthen_the_time(ends):
    visitor, server = ends
    clock, buffer = Clock(), bytearray(1)
    reader = PromptReader(server, silence=5, whole=30, clock=clock)
    clock.now += 1000  # before the first byte no time is counted
    for seconds in (0, 10, 20, 29.9):
        visitor.sendall(b"x")
        clock.now = 1100 + seconds
        assert reader.readinto(buffer) == 1
    visitor.sendall(b"x")
    clock.now = 1130
    with pytest.raises(TimeoutError):
        reader.readinto(buffer)


@pytest.mark.parametrize("sent", [b"", b"x"])
def test_silence_ends_it_and_the_connection_keeps_its_own_timeout(ends, sent):
    visitor, server = ends
    reader = PromptReader(server, silence=0.05, whole=30)
    visitor.sendall(sent)
    for _ in sent:
        assert reader.readinto(bytearray(1)) == 1
    with pytest.raises(TimeoutError):
        reader.readinto(bytearray(1))
    assert server.gettimeout() == 0.05


def test_what_is_left_of_the_whole_time_is_the_most_that_is_waited(ends):
    visitor, server = ends
    reader = PromptReader(server, silence=None, whole=0.05)
    visitor.sendall(b"x")
    assert reader.readinto(bytearray(1)) == 1
    with pytest.raises(TimeoutError):
        reader.readinto(bytearray(1))
