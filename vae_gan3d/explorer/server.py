"""The explorer's HTTP server. It limits connections, requests at once, and the time that a client may take."""

import contextlib
import io
import os
import pathlib
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from werkzeug.exceptions import ServiceUnavailable
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from vae_gan3d.errors import UserError
from vae_gan3d.files import remove_leftovers, scratch_folder, write_refused

_MAX_CONNECTIONS = 128
_IDLE_SECONDS = 30
_REQUEST_SECONDS = 30


@contextlib.contextmanager
def temporary_folder() -> Iterator[pathlib.Path]:
    """A folder in the system's temporary folder, removed at the end of the block.

    Yields:
        The folder.

    Raises:
        UserError: the system refuses to write there.
    """
    try:
        with scratch_folder(pathlib.Path(tempfile.gettempdir())) as folder:
            yield folder
    except OSError as error:
        raise write_refused(f"temporary files to {tempfile.gettempdir()}", error) from error


def remove_forgotten_folders() -> None:
    """Removes the temporary folders of killed explorers."""
    remove_leftovers(pathlib.Path(tempfile.gettempdir()))


class BusyError(Exception):
    """The queue is full."""


class RequestLimiter:
    """Runs a few requests at once, lets a limited number wait, and refuses the rest immediately."""

    def __init__(self, running: int, waiting: int) -> None:
        """Sets the limits.

        Args:
            running: requests that run at once, 1 or more.
            waiting: requests that may wait, 0 or more.

        Raises:
            ValueError: a limit is too small.
        """
        if running < 1 or waiting < 0:
            raise ValueError(f"running={running}, waiting={waiting}: give 1 or more, and 0 or more")
        self._running = threading.Semaphore(running)
        self._admitted = threading.Semaphore(running + waiting)

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """Waits until a request may run. It holds its slot until the end of the block.

        Raises:
            BusyError: the queue is full.
        """
        if not self._admitted.acquire(blocking=False):
            raise BusyError
        try:
            with self._running:
                yield
        finally:
            self._admitted.release()


class TimeoutReader(io.RawIOBase):
    """Reads from a connection. Times out idle clients, and clients that take too long for one request."""

    def __init__(
        self,
        connection: socket.socket,
        *,
        idle: float | None,
        total: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Reads nothing yet.

        Args:
            connection: keeps the timeout `idle`, which also limits the answer.
            idle: seconds to the first bytes, and between two reads; None for no limit.
            total: seconds from the first bytes to the last.
            clock: monotonic time in seconds.
        """
        self._connection = connection
        self._idle = idle
        self._total = total
        self._clock = clock
        self._deadline: float | None = None

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 (any writable buffer)
        """Reads the bytes that have arrived, see `io.RawIOBase`.

        Raises:
            TimeoutError: the client is too slow.
        """
        seconds = self._idle
        if self._deadline is not None:
            left = self._deadline - self._clock()
            if left <= 0:
                raise TimeoutError("the request took too long")
            seconds = left if seconds is None else min(seconds, left)
        self._connection.settimeout(seconds)
        try:
            count = self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(self._idle)
        if self._deadline is None:
            self._deadline = self._clock() + self._total
        return count


class _Handler(WSGIRequestHandler):
    """Logs nothing, and times out idle and slow clients."""

    timeout = _IDLE_SECONDS
    request_timeout = _REQUEST_SECONDS

    def setup(self) -> None:
        """Reads the one request of the connection with a timeout."""
        super().setup()
        self.rfile.close()
        reader = TimeoutReader(self.connection, idle=self.timeout, total=self.request_timeout)
        self.rfile = io.BufferedReader(reader)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Logs nothing."""

    def log_error(self, format: str, *args: Any) -> None:  # noqa: ANN401 (the base class's)
        """Logs nothing: a client that leaves early is not an error."""


class ExplorerServer(ThreadedWSGIServer):
    """Serves a WSGI application with one thread for each connection, 128 at most."""

    def __init__(self, host: str, port: int) -> None:
        """Listens at an address. Clients wait until `serve` is called.

        Args:
            host: a host name or an IP address.
            port: 0 for any free port.

        Raises:
            UserError: the address is in use or not of this machine.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listening = socket.create_server((host, port), family=family, backlog=_MAX_CONNECTIONS)
        except OSError as error:
            # Python adds the address to the system's message; errors of names have negative numbers.
            number = error.errno or 0
            reason = os.strerror(number) if number > 0 else error.strerror
            raise UserError(
                f"cannot listen at {host} port {port} ({reason}): give another --port (0 for any free port), or "
                "another --host"
            ) from error
        self._connections = threading.BoundedSemaphore(_MAX_CONNECTIONS)
        with listening:
            super().__init__(host, port, ServiceUnavailable(), _Handler, fd=listening.fileno())

    def serve(self, app: Callable[..., Iterable[bytes]]) -> None:
        """Answers requests until Ctrl-C.

        Args:
            app: a WSGI application.
        """
        self.app = app
        self.serve_forever()

    @property
    def address(self) -> str:
        """The URL for a browser on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 (the user asked for it)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 (the base class's)
        """Starts a thread for a connection; closes the connection if there are too many."""
        if not self._connections.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 (the base class's)
        """Answers one connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 (the base class's)
        """Ignores broken connections; the application reports its own errors."""
