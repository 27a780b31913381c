"""Exceptions with a message for the user."""


class UserError(ValueError):
    """Something that the user can fix: one line that says what is wrong, where, and what to do.

    The scripts print it as `error: ...` on one line and exit with status 1. All other exceptions have a traceback.
    """


class FileRefusedError(UserError):
    """A file can no longer be written or read; files that were complete before still are."""
