"""Whether the packages are there that every script needs. Imports nothing but Python's own library."""

import importlib.util
import sys

# As they are imported, and as pip calls them.
PACKAGES = {
    "absl": "absl-py",
    "filelock": "filelock",
    "matplotlib": "matplotlib",
    "numpy": "numpy",
    "scipy": "scipy",
    "tensorflow": "tensorflow",
    "tqdm": "tqdm",
}


def require_packages() -> None:
    """Leaves with one line where a package is missing, as when the environment was not activated.

    Raises:
        SystemExit: with status 1 and what to do.
    """
    missing = [name for module, name in PACKAGES.items() if importlib.util.find_spec(module) is None]
    if missing:
        sys.exit(
            f"error: {sys.executable} lacks {', '.join(missing)}: run `make install` once, then "
            "`source .venv/bin/activate` in each terminal"
        )
