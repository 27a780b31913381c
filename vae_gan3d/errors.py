"""The exceptions that a user is meant to read."""


class UserError(ValueError):
    """Something that the user can mend: one line that says what, where and what to do.

    The scripts print it as `error: ...` on one line and leave with exit status 1; nothing else in the package is
    shown to a user without a traceback.
    """


class FileRefusedError(UserError):
    """A file can no longer be written, or read on; what was whole before is whole still."""
