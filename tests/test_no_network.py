"""The tests themselves stay on this machine."""

import contextlib
import socket
import urllib.request

from tests.processes import sought_outside


def test_another_machine_is_refused_and_noted():
    with contextlib.suppress(OSError):
        urllib.request.urlopen("http://example.com")
    with contextlib.suppress(OSError):
        socket.create_connection(("192.0.2.1", 9))
    assert sought_outside() == ["socket.getaddrinfo example.com", "socket.getaddrinfo 192.0.2.1"]


def test_this_machine_is_not():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
    assert sought_outside() == []
