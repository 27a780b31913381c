"""Limits of requests, time and connections."""

import contextlib
import http.client
import select
import socket
import threading
import time

import pytest

from tests.explorer.conftest import box_app
from vae_gan3d.errors import UserError
from vae_gan3d.explorer import server as explorer_server
from vae_gan3d.explorer.server import BusyError, ExplorerServer, RequestLimiter, TimeoutReader


def test_who_comes_too_late_is_told_and_may_come_again():
    limiter = RequestLimiter(1, 0)
    with limiter.slot(), pytest.raises(BusyError), limiter.slot():
        pytest.fail("two were inside")
    with limiter.slot():
        pass


def test_one_at_a_time_and_none_is_lost():
    limiter = RequestLimiter(1, 7)
    inside, most = 0, 0
    start = threading.Barrier(8)

    def visit():
        nonlocal inside, most
        start.wait()
        with limiter.slot():
            inside += 1
            most = max(most, inside)
            threading.Event().wait(0.005)
            inside -= 1

    threads = [threading.Thread(target=visit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (inside, most) == (0, 1)


def test_an_error_inside_gives_the_turn_back():
    limiter = RequestLimiter(1, 0)
    with pytest.raises(KeyError), limiter.slot():
        raise KeyError
    with limiter.slot():
        pass


@pytest.mark.parametrize(("running", "waiting"), [(0, 1), (1, -1)])
def test_impossible_numbers_are_refused(running, waiting):
    with pytest.raises(ValueError, match="give 1 or more"):
        RequestLimiter(running, waiting)


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
    assert TimeoutReader(server, idle=5, total=5).readall() == b"first second"


def test_a_byte_now_and_then_does_not_lengthen_the_time(ends):
    visitor, server = ends
    clock, buffer = Clock(), bytearray(1)
    reader = TimeoutReader(server, idle=5, total=30, clock=clock)
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
    reader = TimeoutReader(server, idle=0.05, total=30)
    visitor.sendall(sent)
    for _ in sent:
        assert reader.readinto(bytearray(1)) == 1
    with pytest.raises(TimeoutError):
        reader.readinto(bytearray(1))
    assert server.gettimeout() == 0.05


def test_what_is_left_of_the_whole_time_is_the_most_that_is_waited(ends):
    visitor, server = ends
    reader = TimeoutReader(server, idle=None, total=0.05)
    visitor.sendall(b"x")
    assert reader.readinto(bytearray(1)) == 1
    with pytest.raises(TimeoutError):
        reader.readinto(bytearray(1))


def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode()]


@contextlib.contextmanager
def running(app):
    """A server at a free port, with its visitors in other threads."""
    server = ExplorerServer("127.0.0.1", 0)
    thread = threading.Thread(target=server.serve, args=(app,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()


def ask(server, path):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    with contextlib.closing(connection):
        connection.request("GET", path)
        return connection.getresponse().read()


def test_it_answers_and_says_nothing(capfd):
    with running(hello) as server:
        assert server.address == f"http://127.0.0.1:{server.port}/"
        assert ask(server, "/one") == b"/one"
        with socket.create_connection(("127.0.0.1", server.port)) as visitor:
            visitor.sendall(b"no HTTP\r\n\r\n")
            assert visitor.recv(100)
        assert ask(server, "/two") == b"/two"
    assert capfd.readouterr() == ("", "")


def test_an_address_in_use_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(
            UserError, match=f"cannot listen at 127.0.0.1 port {port} .Address already in use.: give another"
        ):
            ExplorerServer("127.0.0.1", port)


def test_an_address_of_another_machine_is_one_line():
    with pytest.raises(UserError, match="or another --host"):
        ExplorerServer("203.0.113.1", 0)  # of RFC 5737, which no machine has


def test_more_visitors_than_places_are_sent_away_and_places_come_back(monkeypatch):
    monkeypatch.setattr(explorer_server, "_MAX_CONNECTIONS", 2)
    with running(hello) as server:
        silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(2)]
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as third:
            assert third.recv(100) == b""
        for visitor in silent:
            visitor.close()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, http.client.HTTPException):
                assert ask(server, "/later") == b"/later"
                break
        else:
            pytest.fail("the places were not given back")


def test_who_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(explorer_server._Handler, "timeout", 0.1)
    with running(hello) as server, socket.create_connection(("127.0.0.1", server.port), timeout=5) as silent:
        assert silent.recv(100) == b""


def send_slowly(server):
    """A request of 1,000 bytes, one each 20 ms until the server has enough; returns its answer."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as visitor:
        visitor.sendall(b"POST /api/upload?name=a.mat HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
        answer = b""
        with contextlib.suppress(ConnectionError):
            for _ in range(1000):
                visitor.sendall(b"x")
                if select.select([visitor], [], [], 0.02)[0]:
                    answer = visitor.recv(1000)
                    break
    return answer


def test_who_sends_a_byte_now_and_then_is_given_up(monkeypatch):
    monkeypatch.setattr(explorer_server._Handler, "request_timeout", 0.3)
    with running(box_app()) as server:
        start = time.monotonic()
        answer = send_slowly(server)
        assert 0.2 < time.monotonic() - start < 10  # 20 s, were all bytes sent
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert ask(server, "/explorer.css")
