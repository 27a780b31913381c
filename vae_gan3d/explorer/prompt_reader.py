"""What a visitor sends, bounded in time, so that who sends a byte now and then holds no place for long."""

import io
import socket
import time
from collections.abc import Callable
from typing import Any


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
