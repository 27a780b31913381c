"""Ctrl-C while a script is still being imported."""

import sys
import types


def leave_in_one_line() -> None:
    """Shows one line in place of a traceback where Ctrl-C ends the program and nothing else answers it."""
    show = sys.excepthook

    def show_or_say(kind: type[BaseException], error: BaseException, trace: types.TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            print("\nstopped", file=sys.stderr)
        else:
            show(kind, error, trace)

    sys.excepthook = show_or_say
