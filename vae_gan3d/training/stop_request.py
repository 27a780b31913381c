"""Ctrl-C and SIGTERM as a wish to stop, which training grants between two steps."""

import contextlib
import os
import signal
import types
from collections.abc import Iterator

_STANDARD_ERROR = 2


class StopRequest:
    """Remembers the signal that asked to stop.

    Attributes:
        signal_number: of the first signal that came, or None.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None

    def __bool__(self) -> bool:
        return self.signal_number is not None

    @property
    def exit_status(self) -> int:
        """128 plus the signal's number, as shells have it: 130 after Ctrl-C, 143 after SIGTERM."""
        return 128 + (self.signal_number or 0)


@contextlib.contextmanager
def stop_request(answer: str) -> Iterator[StopRequest]:
    """Catches the first Ctrl-C or SIGTERM within the block, and says so; a second one acts as if nothing caught it.

    Args:
        answer: what the user is told then, such as `stopping after this step`.

    Yields:
        A `StopRequest`, true once a signal came.
    """
    request = StopRequest()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def remember(number: int, _: types.FrameType | None) -> None:
        request.signal_number = number
        restore()
        # Not by print, which must not be entered again where the signal came while it was at work.
        with contextlib.suppress(OSError):
            os.write(_STANDARD_ERROR, f"\n{answer}; again to leave at once\n".encode())

    for number in numbers:
        signal.signal(number, remember)
    try:
        yield request
    finally:
        restore()
