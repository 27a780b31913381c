"""The server answers at its address, refuses one that is taken, and bounds its visitors."""

import contextlib
import http.client
import select
import socket
import threading
import time

import pytest

from tests.box_explorer import box_app
from vae_gan3d.errors import UserError
from vae_gan3d.explorer import server as explorer_server
from vae_gan3d.explorer.server import ExplorerServer


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
    monkeypatch.setattr(explorer_server, "_MOST_CONNECTIONS", 2)
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
    monkeypatch.setattr(explorer_server._Handler, "sending_timeout", 0.3)
    with running(box_app()) as server:
        start = time.monotonic()
        answer = send_slowly(server)
        assert 0.2 < time.monotonic() - start < 10  # 20 s, were all bytes sent
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert ask(server, "/explorer.css")
