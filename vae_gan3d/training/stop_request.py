"""Ctrl-C and SIGTERM as a request to stop between two steps."""

import contextlib
import os
import signal
import socket
import threading
import types
from collections.abc import Iterator

_STANDARD_ERROR = 2
_NUMBERS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether a signal asked to stop.

    Attributes:
        signal_number: the first signal, or None.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None

    def __bool__(self) -> bool:
        return self.signal_number is not None

    @property
    def exit_status(self) -> int:
        """128 plus the signal's number, as in shells: 130 after Ctrl-C, 143 after SIGTERM."""
        return 128 + (self.signal_number or 0)


@contextlib.contextmanager
def stop_request(answer: str, *, at_once: bool = False) -> Iterator[StopRequest]:
    """Catches the first Ctrl-C or SIGTERM within the block, and prints a line; the second one is not caught.

    Args:
        answer: the line, such as `stopping after this step`.
        at_once: the second signal ends the process immediately with 128 plus its number, also during a long operation
            of TensorFlow, when Python's handlers do not run. A signal that was ignored before the block does not.

    Yields:
        A `StopRequest`, true after a signal.
    """
    request = StopRequest()
    before = {number: signal.getsignal(number) for number in _NUMBERS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, _: types.FrameType | None) -> None:
        request.signal_number = request.signal_number or number
        if not at_once:
            restore()
            _say(f"{answer}; again to leave at once")

    ignored = {int(number) for number, handler in before.items() if handler == signal.SIG_IGN}
    with _answered_at_once(request, answer, ignored) if at_once else contextlib.nullcontext():
        for number in _NUMBERS:
            signal.signal(number, note)
        try:
            yield request
        finally:
            restore()


@contextlib.contextmanager
def _answered_at_once(request: StopRequest, answer: str, ignored: set[int]) -> Iterator[None]:
    """Handles signals in a thread, also while the main thread is inside TensorFlow."""
    receiver, sender = socket.socketpair()
    sender.setblocking(False)

    def listen() -> None:
        asked = False
        while heard := receiver.recv(1):
            number = heard[0]
            if number not in _NUMBERS:
                continue
            if not asked:
                asked, request.signal_number = True, number
                _say(f"{answer}; again to leave at once")
            elif number not in ignored:
                _say("stopped")
                os._exit(128 + number)

    thread = threading.Thread(target=listen, name="stop_request", daemon=True)
    thread.start()
    before = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        sender.close()
        thread.join()
        receiver.close()


def _say(line: str) -> None:
    # Not print: the signal may have interrupted a print, which must not be entered twice.
    with contextlib.suppress(OSError):
        os.write(_STANDARD_ERROR, f"\n{line}\n".encode())
