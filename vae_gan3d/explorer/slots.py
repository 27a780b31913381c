"""Turns at what only a few may use at once. Needs no TensorFlow."""

import contextlib
import threading
from collections.abc import Iterator


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
