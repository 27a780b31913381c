"""What comes with the package: presets of flags and a small trained model."""

import pathlib

_PACKAGE = pathlib.Path(__file__).resolve().parent
_IN_A_CLONE = {"presets": _PACKAGE.parent / "flags" / "presets", "pretrained": _PACKAGE.parent / "pretrained"}


def shipped_folder(name: str) -> pathlib.Path:
    """Where a folder lies: in the installed package, or beside it in a clone of the repository.

    Args:
        name: `presets` or `pretrained`.
    """
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _IN_A_CLONE[name]


def find_shipped(path: pathlib.Path) -> pathlib.Path:
    """The path itself, or the shipped model for `pretrained` and the files in it where the user has no such path."""
    parts = path.parts
    if parts[:1] != ("pretrained",) or pathlib.Path("pretrained").exists():
        return path
    return shipped_folder("pretrained").joinpath(*parts[1:])
