"""Python imports this at its start: it refuses and notes each attempt to reach a network."""

import os
import sys

_EVENTS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.sendto")


def _refuse(event, arguments):
    if event not in _EVENTS or (event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], str | bytes)):
        return  # a path is an address on this machine
    with open(os.environ["NETWORK_ATTEMPTS"], "a", encoding="utf-8") as notes:
        notes.write(f"{event} {arguments[1:] if event.startswith('socket.c') else arguments} by {sys.argv[0]}\n")
    raise PermissionError(f"no network in this test: {event}")


sys.addaudithook(_refuse)
