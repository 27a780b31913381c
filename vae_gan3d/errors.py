"""Exceptions with a message for the user."""

import importlib.util
from collections.abc import Mapping


class UserError(ValueError):
    """Something that the user can fix: one line that says what is wrong, where, and what to do.

    The scripts print it as `error: ...` on one line and exit with status 1. All other exceptions have a traceback.
    """


class FileRefusedError(UserError):
    """A file can no longer be written or read; files that were complete before still are."""


def require_packages(purpose: str, packages: Mapping[str, str]) -> None:
    """Refuses a task whose optional packages are missing.

    Args:
        purpose: what needs them, such as `--phase=tune`.
        packages: import name to pip name.

    Raises:
        UserError: a package is not installed.
    """
    missing = [name for module, name in packages.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise UserError(f"{purpose} needs {' and '.join(missing)}: pip install {' '.join(missing)}")
