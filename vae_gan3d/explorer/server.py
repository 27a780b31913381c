"""The explorer's HTTP server: limits of connections, size and time for its clients."""

import contextlib
import importlib.util
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


def require_explorer_packages() -> None:
    """Refuses the phase where its package is not there.

    Raises:
        UserError: it is not installed.
    """
    if importlib.util.find_spec("werkzeug") is None:
        raise UserError("--phase=explore needs werkzeug: pip install werkzeug")


@contextlib.contextmanager
def temporary_folder() -> Iterator[pathlib.Path]:
    """A folder among the system's temporary ones, which is gone when the block ends.

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
    """Removes those of explorers that were killed."""
    remove_leftovers(pathlib.Path(tempfile.gettempdir()))


class BusyError(Exception):
    """Too many wait already."""


class Slots:
    """Lets a few in at once and a bounded number wait; the others are told at once that they came too late."""

    def __init__(self, at_once: int, waiting: int) -> None:
        """Opens the slots.

        Args:
            at_once: how many may be in, 1 or more.
            waiting: how many may wait, 0 or more.

        Raises:
            ValueError: a number is too small.
        """
        if at_once < 1 or waiting < 0:
            raise ValueError(f"{at_once} at once and {waiting} waiting are not possible: at least 1, and at least 0")
        self._inside = threading.Semaphore(at_once)
        self._admitted = threading.Semaphore(at_once + waiting)

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Waits for a turn, which lasts as long as the block.

        Raises:
            BusyError: as many wait as may.
        """
        if not self._admitted.acquire(blocking=False):
            raise BusyError
        try:
            with self._inside:
                yield
        finally:
            self._admitted.release()


class PromptReader(io.RawIOBase):
    """Reads from a connection: the first bytes may take one time, all from there on another."""

    def __init__(
        self,
        connection: socket.socket,
        *,
        silence: float | None,
        whole: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begins to wait with the first read.

        Args:
            connection: its timeout is left at `silence`, which holds for what is sent.
            silence: seconds until the first bytes, and between any two; None for no bound.
            whole: seconds from the first bytes to the last.
            clock: seconds that only grow.
        """
        self._connection = connection
        self._silence = silence
        self._whole = whole
        self._clock = clock
        self._deadline: float | None = None

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 (whatever can be written to)
        """Reads what has come.

        Args:
            buffer: takes the bytes.

        Returns:
            How many there were, 0 at the end.

        Raises:
            TimeoutError: too late.
        """
        seconds = self._silence
        if self._deadline is not None:
            left = self._deadline - self._clock()
            if left <= 0:
                raise TimeoutError("what was sent took too long")
            seconds = left if seconds is None else min(seconds, left)
        self._connection.settimeout(seconds)
        try:
            count = self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(self._silence)
        if self._deadline is None:
            self._deadline = self._clock() + self._whole
        return count


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
