"""The command line: absl flags made from the fields of the configurations in `vae_gan3d/config/`.

Nothing outside this folder reads FLAGS: `phases.py` gives frozen dataclasses. This file runs before other packages are
imported, and imports nothing but Python's own library.
"""

import importlib.util
import sys
import types

# As they are imported, and as pip calls them.
PACKAGES = {
    "absl": "absl-py",
    "assimp_py": "assimp-py",
    "filelock": "filelock",
    "matplotlib": "matplotlib",
    "numpy": "numpy",
    "scipy": "scipy",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "tensorflow": "tensorflow",
    "tqdm": "tqdm",
    "trimesh": "trimesh",
    "werkzeug": "werkzeug",
}


def _leave_in_one_line() -> None:
    """Prints one line, and no traceback, for a Ctrl-C while a script is still importing."""
    show = sys.excepthook

    def show_or_say(kind: type[BaseException], error: BaseException, trace: types.TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            print("\nstopped", file=sys.stderr)
        else:
            show(kind, error, trace)

    sys.excepthook = show_or_say


def _require_packages() -> None:
    """Exits with one line where a package is missing, as when the environment was not activated."""
    missing = [name for module, name in PACKAGES.items() if importlib.util.find_spec(module) is None]
    if missing:
        sys.exit(
            f"error: {sys.executable} lacks {', '.join(missing)}: run `make install` once, then "
            "`source .venv/bin/activate` in each terminal"
        )


_leave_in_one_line()
_require_packages()
