"""The explorer's server: threads, of which there are only so many, behind one address."""

import io
import os
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.exceptions import ServiceUnavailable
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from vae_gan3d.errors import UserError
from vae_gan3d.explorer.prompt_reader import PromptReader

_MOST_CONNECTIONS = 128
_SILENT_SECONDS = 30
_SENDING_SECONDS = 30


class _Handler(WSGIRequestHandler):
    """Says nothing of every request, and gives up those who say nothing, or say it too slowly."""

    timeout = _SILENT_SECONDS
    sending_timeout = _SENDING_SECONDS

    def setup(self) -> None:
        """Reads what a visitor sends, one request a connection, within its time."""
        super().setup()
        self.rfile.close()
        prompt = PromptReader(self.connection, silence=self.timeout, whole=self.sending_timeout)
        self.rfile = io.BufferedReader(prompt)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keeps the terminal for what matters."""

    def log_error(self, format: str, *args: Any) -> None:  # noqa: ANN401 (the base class's)
        """Visitors who leave early are no errors."""


class ExplorerServer(ThreadedWSGIServer):
    """Serves an application."""

    def __init__(self, host: str, port: int) -> None:
        """Takes the address; visitors wait until `serve`.

        Args:
            host: the address that is listened at.
            port: 0 for any that is free.

        Raises:
            UserError: the address cannot be had.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listening = socket.create_server((host, port), family=family, backlog=_MOST_CONNECTIONS)
        except OSError as error:
            # Python adds the address to what the system says; errors of names have negative numbers.
            number = error.errno or 0
            reason = os.strerror(number) if number > 0 else error.strerror
            raise UserError(
                f"cannot listen at {host} port {port} ({reason}): give another --port, 0 for any that "
                "is free, or another --host"
            ) from error
        self._connections = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        with listening:
            super().__init__(host, port, ServiceUnavailable(), _Handler, fd=listening.fileno())

    def serve(self, app: Callable[..., Iterable[bytes]]) -> None:
        """Answers until Ctrl-C.

        Args:
            app: a WSGI application.
        """
        self.app = app
        self.serve_forever()

    @property
    def address(self) -> str:
        """What a browser on this machine is given."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 (what was asked for)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 (the base class's)
        """Answers in a thread; where all are taken, not at all."""
        if not self._connections.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 (the base class's)
        """Answers, and gives the thread's place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 (the base class's)
        """A connection that breaks is the visitor's affair; the application reports its own errors."""
